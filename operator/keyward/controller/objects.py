"""Raw objects of one kind, kept small: what a reconciliation reads of them, as packed JSON that is parsed on demand.

An older resourceVersion never replaces a newer one, and a deletion leaves a tombstone, so that an event that comes late
brings nothing back. Nothing here asks the API server or decides anything.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from enum import Enum
from typing import Any, Final, Generic, TypeVar

import orjson

from keyward.controller import packed

Json = dict[str, Any]
K = TypeVar("K", bound=Hashable)

_TOMBSTONES: Final = 4096
_KEPT_METADATA: Final = (
    "name",
    "namespace",
    "uid",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "finalizers",
)
# The whole spec once more, and nothing that we act on.
_DROPPED_ANNOTATION: Final = "kubectl.kubernetes.io/last-applied-configuration"


class Verdict(Enum):
    """What an arriving object was."""

    STALE = "stale"  # as known, or older
    STATUS = "status"  # nothing new but its status or its resourceVersion
    CHANGED = "changed"


def number(resource_version: str) -> int:
    """A resourceVersion as a number; 0 for what is none, which then never wins."""
    return int(resource_version) if resource_version.isascii() and resource_version.isdigit() else 0


class _Kept:
    __slots__ = ("head", "status", "version")

    def __init__(self, head: bytes, status: bytes, version: int) -> None:
        self.head, self.status, self.version = head, status, version


class Objects(Generic[K]):
    """Objects by key."""

    def __init__(self) -> None:
        self._kept: dict[K, _Kept] = {}
        self._gone: OrderedDict[K, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: K) -> bool:
        return key in self._kept

    def keys(self) -> Iterator[K]:
        """A snapshot: what comes or goes meanwhile does no harm."""
        return iter(list(self._kept))

    def version(self, key: K) -> int:
        """The resourceVersion that is known, of the object or of its deletion; 0 if it was never seen."""
        kept = self._kept.get(key)
        return kept.version if kept is not None else self._gone.get(key, 0)

    def get(self, key: K) -> Json | None:
        """A copy of the object as it was last seen: metadata, spec and status."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        found = _loaded(kept.head)
        found["metadata"]["resourceVersion"] = str(kept.version)
        if kept.status:
            found["status"] = _loaded(kept.status)
        return found

    def state(self, key: K) -> bytes | None:
        """A token for metadata and spec, the same as long as neither changes; None if there is no such object."""
        kept = self._kept.get(key)
        return kept.head if kept is not None else None

    def status(self, key: K) -> Json:
        """A copy of the status alone."""
        kept = self._kept.get(key)
        return _loaded(kept.status) if kept is not None and kept.status else {}

    def put(self, key: K, item: Json) -> Verdict:
        """Take an object as it was listed, watched or answered."""
        version = number(item["metadata"].get("resourceVersion", ""))
        if version <= self.version(key):
            return Verdict.STALE
        head = _compact({"metadata": _metadata(item["metadata"]), "spec": item.get("spec")})
        status = _compact(item["status"]) if item.get("status") else b""
        before = self._kept.get(key)
        self._gone.pop(key, None)
        if before is None:
            self._kept[key] = _Kept(head, status, version)
            return Verdict.CHANGED
        same_head, lost_status = before.head == head, bool(before.status) and not status
        before.version, before.status = version, status
        if same_head:
            # A status that vanished was wiped by somebody or lost in a restore: it has to be written again.
            return Verdict.CHANGED if lost_status else Verdict.STATUS
        before.head = head
        return Verdict.CHANGED

    def drop(self, key: K, resource_version: str) -> bool:
        """The object was deleted; False if that is no news or if a newer one is known."""
        version = number(resource_version)
        kept = self._kept.get(key)
        if kept is not None and kept.version > version:
            return False
        self._gone[key] = max(version, self._gone.get(key, 0))
        self._gone.move_to_end(key)
        while len(self._gone) > _TOMBSTONES:
            self._gone.popitem(last=False)
        return self._kept.pop(key, None) is not None


def _compact(found: Json) -> bytes:
    return packed.pack(orjson.dumps(found))


def _loaded(compact: bytes) -> Json:
    found: Json = orjson.loads(packed.unpack(compact))
    return found


def _metadata(metadata: Json) -> Json:
    kept = {name: metadata[name] for name in _KEPT_METADATA if metadata.get(name)}
    annotations = kept.get("annotations")
    if annotations and _DROPPED_ANNOTATION in annotations:
        kept["annotations"] = {k: v for k, v in annotations.items() if k != _DROPPED_ANNOTATION}
    return kept


def key_of(item: Json) -> tuple[str, str]:
    """Namespace and name, each kept once however many keys and objects have it."""
    metadata = item["metadata"]
    return sys.intern(metadata.get("namespace") or ""), sys.intern(metadata["name"])
