"""What we write on a Credential: the lineage's annotation, our finalizer, and its status. Never its spec.

The status is a whole: what the new one does not have is removed. It is not sent if it says nothing new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from keyward.api import names
from keyward.domain.model import Wish
from keyward.errors import Conflict, Reason
from keyward.kube.answers import Asked, NotFound
from keyward.kube.client import METADATA, Client
from keyward.kube.kinds import CREDENTIALS

Json = dict[str, Any]
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """A status that stands: digests of what we sent and of what the server made of it, and the keys in it."""

    sent: bytes
    stored: bytes
    paths: frozenset[Path]


class KubeCredentialStore:
    """The port `CredentialStore`. Every write is bound to the uid: a Credential made anew is another one."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, _Known] = {}
        self._shapes: dict[frozenset[Path], frozenset[Path]] = {}

    async def annotate(self, wish: Wish, lineage: str, finalizer: bool) -> None:
        """Annotation and finalizer (added or removed) in one write.

        Raises:
            Conflict: the Credential is gone, is another one, is being deleted, or was changed meanwhile.
        """
        annotations = {names.ANNOTATION_LINEAGE: lineage}
        if finalizer == wish.finalizer:
            await self._client.merge(_asked(wish), {"metadata": {"uid": wish.uid, "annotations": annotations}})
            return
        live = await self._live(wish)
        if live is None or (finalizer and live.get("deletionTimestamp")):
            raise Conflict(
                Reason.WRITTEN_BY_ANOTHER, f"Credential {wish.namespace}/{wish.name} is deleted or being deleted"
            )
        metadata = _with_finalizers(live, finalizer) | {"annotations": annotations}
        await self._client.merge(_asked(wish), {"metadata": metadata})

    async def release(self, wish: Wish) -> None:
        """Remove our finalizer, nobody else's. Absent is success."""
        live = await self._live(wish)
        if live is None or names.FINALIZER not in live.get("finalizers", ()):
            return
        try:
            await self._client.merge(_asked(wish), {"metadata": _with_finalizers(live, keep=False)})
        except NotFound:
            return

    async def write_status(self, wish: Wish, status: Json) -> None:
        """Write the status unless it is the one that stands. A Credential that is gone needs none."""
        digest, known = _digest(status), self._known.get(wish.uid)
        if known is not None and digest in (known.sent, known.stored):
            return
        paths = frozenset(_paths(status))
        patch = _with_removals(status, known.paths - paths) if known is not None else status
        asked = Asked("patch", CREDENTIALS, wish.namespace, wish.name, "status")
        try:
            answer = await self._client.merge(asked, {"metadata": {"uid": wish.uid}, "status": patch})
        except NotFound:
            self.forget(wish.uid)
            return
        self._remember(wish.uid, digest, answer.get("status") or {})

    def note(self, uid: str, status: Json | None) -> None:
        """A status as the watch shows it."""
        known, stored = self._known.get(uid), status or {}
        digest = _digest(stored)
        if known is None or known.stored != digest:
            self._remember(uid, digest, stored)

    def forget(self, uid: str) -> None:
        self._known.pop(uid, None)

    def _remember(self, uid: str, sent: bytes, stored: Json) -> None:
        paths = frozenset(_paths(stored))
        # Ten thousand Credentials have a handful of different shapes.
        shared = self._shapes.setdefault(paths, paths) if len(self._shapes) < 256 else paths
        self._known[uid] = _Known(sent, _digest(stored), shared)

    async def _live(self, wish: Wish) -> Json | None:
        item = await self._client.get(CREDENTIALS, wish.namespace, wish.name, accept=METADATA)
        metadata: Json | None = None if item is None else item["metadata"]
        return metadata if metadata is not None and metadata["uid"] == wish.uid else None


def _asked(wish: Wish) -> Asked:
    return Asked("patch", CREDENTIALS, wish.namespace, wish.name)


def _with_finalizers(live: Json, keep: bool) -> Json:
    others = [f for f in live.get("finalizers", ()) if f != names.FINALIZER]
    # A merge patch replaces the list: the resourceVersion keeps somebody's finalizer from being lost between.
    return {
        "uid": live["uid"],
        "resourceVersion": live["resourceVersion"],
        "finalizers": [*others, names.FINALIZER] if keep else others,
    }


def _digest(status: Json) -> bytes:
    return hashlib.blake2b(orjson.dumps(status, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


def _paths(status: Json, above: Path = ()) -> Iterator[Path]:
    for key, value in status.items():
        path = (*above, key)
        yield path
        if isinstance(value, dict):
            yield from _paths(value, path)


def _with_removals(status: Json, gone: frozenset[Path]) -> Json:
    """The status with null where a merge has to remove a key."""
    patch: Json = dict(status)
    for path in sorted(gone, key=len):
        *above, last = path
        place: Json | None = patch
        for key in above:
            inner = place.get(key) if place is not None else None
            if place is not None and isinstance(inner, dict):
                place[key] = inner = dict(inner)
            place = inner if isinstance(inner, dict) else None
        if place is not None:
            place[last] = None
    return patch
