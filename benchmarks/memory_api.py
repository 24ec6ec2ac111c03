"""An API server of dictionaries behind the operator's own client, for rotations without the wire."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import orjson

from keyward.errors import Conflict, Reason
from keyward.kube.answers import AlreadyExists, NotFound
from keyward.kube.client import Call, Client
from keyward.kube.connection import Connection

Json = dict[str, Any]


class MemoryApi(Client):
    """Everything above the connection is the operator's: paths, JSON both ways, compare-and-swap. Watches are not served."""

    def __init__(self) -> None:
        super().__init__(Connection("https://memory.invalid"))
        self._objects: dict[tuple[str, str, str], bytes] = {}
        self._version = 1000

    def put(self, plural: str, item: Json) -> Json:
        """Store an object as a user's write would; as it then stands."""
        metadata = item["metadata"]
        self._version += 1
        metadata.setdefault("uid", str(uuid.uuid4()))
        metadata.setdefault("generation", 1)
        metadata.setdefault("creationTimestamp", datetime.now(UTC).isoformat(timespec="seconds"))
        metadata["resourceVersion"] = str(self._version)
        key = (plural, metadata.get("namespace", ""), metadata["name"])
        self._objects[key] = orjson.dumps(item)
        return item

    def stored(self, plural: str, namespace: str, name: str) -> Json:
        found: Json = orjson.loads(self._objects[plural, namespace, name])
        return found

    async def request(self, call: Call) -> Json:
        asked = call.asked
        key = (asked.kind.plural, asked.namespace, asked.name)
        if asked.verb == "list":
            return self._list(asked.kind.plural, asked.namespace)
        if asked.verb == "create":
            if key in self._objects:
                raise AlreadyExists(Reason.WRITTEN_BY_ANOTHER, f"{asked.object} exists already")
            assert call.body is not None
            return self.put(asked.kind.plural, orjson.loads(call.body))
        if key not in self._objects:
            raise NotFound(Reason.WRITTEN_BY_ANOTHER, f"{asked.object} is not there any more")
        found: Json = orjson.loads(self._objects[key])
        if asked.verb == "get":
            return found
        if asked.verb == "delete":
            del self._objects[key]
            return {}
        assert call.body is not None
        return self._change(asked.kind.plural, found, orjson.loads(call.body), whole=asked.verb == "update")

    def _change(self, plural: str, found: Json, change: Any, *, whole: bool) -> Json:
        if isinstance(change, list):
            for operation in change:
                if operation["op"] == "add":
                    found[operation["path"][1:]] = operation["value"]
            return self.put(plural, found)
        wanted = change.get("metadata", {}).get("resourceVersion")
        if wanted not in (None, found["metadata"]["resourceVersion"]):
            raise Conflict(Reason.WRITTEN_BY_ANOTHER, "it was changed by another writer")
        return self.put(plural, change if whole else _merged(found, change))

    def _list(self, plural: str, namespace: str) -> Json:
        items = [
            orjson.loads(raw)
            for (kind, where, _), raw in self._objects.items()
            if kind == plural and namespace in ("", where)
        ]
        return {"items": items, "metadata": {"resourceVersion": str(self._version)}}


def _merged(found: Any, change: Any) -> Any:
    """RFC 7386."""
    if not isinstance(change, dict):
        return change
    merged = dict(found) if isinstance(found, dict) else {}
    for key, value in change.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), value)
    return merged
