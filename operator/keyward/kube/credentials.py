"""What we write on a Credential: the lineage's annotation, our finalizer, and its status. Never its spec.

The status is a whole: what the new one does not have is removed. It is not sent if it says nothing new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from keyward.api import names
from keyward.domain.model import Identity, Wish
from keyward.errors import Conflict, Reason
from keyward.kube import statuses
from keyward.kube.answers import Asked, NotFound
from keyward.kube.client import METADATA, Client
from keyward.kube.kinds import CREDENTIALS

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Known:
    """A status that stands: digests of what we sent and of what the server made of it."""

    sent: bytes
    stored: bytes


class KubeCredentialStore:
    """The port `CredentialStore`. Every write is bound to the uid: a Credential made anew is another one."""

    def __init__(
        self,
        client: Client,
        written: Callable[[Json], object] = lambda _item: None,
        gone: Callable[[Identity], object] = lambda _of: None,
    ) -> None:
        """`written` gets every Credential as the server answered our own write of it, before the watch tells of it.

        `gone` is told of one that a write did not find any more, or was the end of: the watch may never tell.
        """
        self._client, self._written, self._gone = client, written, gone
        self._known: dict[str, _Known] = {}

    async def annotate(self, wish: Wish, lineage: str, finalizer: bool) -> None:
        """Annotation and finalizer (added or removed) in one write.

        Raises:
            Conflict: the Credential is gone, is another one, is being deleted, or was changed meanwhile.
        """
        annotations = {names.ANNOTATION_LINEAGE: lineage}
        if finalizer == wish.finalizer:
            body = {"metadata": {"uid": wish.uid, "annotations": annotations}}
            self._written(await self._client.merge(_asked(wish.identity), body))
            return
        live = await self._live(wish.identity)
        if live is None or (finalizer and live.get("deletionTimestamp")):
            raise Conflict(
                Reason.WRITTEN_BY_ANOTHER, f"Credential {wish.namespace}/{wish.name} is deleted or being deleted"
            )
        metadata = _with_finalizers(live, finalizer) | {"annotations": annotations}
        self._written(await self._client.merge(_asked(wish.identity), {"metadata": metadata}))

    async def release(self, of: Identity) -> None:
        """Remove our finalizer, nobody else's. Absent is success."""
        live = await self._live(of)
        if live is None:
            self._gone(of)
            return
        if names.FINALIZER not in live.get("finalizers", ()):
            return
        try:
            left = await self._client.merge(_asked(of), {"metadata": _with_finalizers(live, keep=False)})
        except NotFound:
            self._gone(of)
            return
        self._written(left)
        if left["metadata"].get("deletionTimestamp") and not left["metadata"].get("finalizers"):
            self._gone(of)

    async def write_status(self, of: Identity, status: Json) -> None:
        """Replace the status unless it is the one that stands. A Credential that is gone needs none.

        Raises:
            Conflict: the Credential was made anew.
        """
        digest, known = _digest(status), self._known.get(of.uid)
        if known is not None and digest in (known.sent, known.stored):
            return
        asked = Asked("patch", CREDENTIALS, of.namespace, of.name, "status")
        try:
            answer = await statuses.replace(self._client, asked, of.uid, status)
        except NotFound:
            self.forget(of.uid)
            self._gone(of)
            return
        stored = _digest(answer.get("status") or {})
        self._known[of.uid] = _Known(digest, digest if digest == stored else stored)
        self._written(answer)

    def note(self, uid: str, status: Json | None) -> None:
        """A status as the watch shows it."""
        known, digest = self._known.get(uid), _digest(status or {})
        if known is None or known.stored != digest:
            self._known[uid] = _Known(digest, digest)

    def forget(self, uid: str) -> None:
        self._known.pop(uid, None)

    async def _live(self, of: Identity) -> Json | None:
        item = await self._client.get(CREDENTIALS, of.namespace, of.name, accept=METADATA)
        metadata: Json | None = None if item is None else item["metadata"]
        return metadata if metadata is not None and metadata["uid"] == of.uid else None


def _asked(of: Identity) -> Asked:
    return Asked("patch", CREDENTIALS, of.namespace, of.name)


def _with_finalizers(live: Json, keep: bool) -> Json:
    others = [f for f in live.get("finalizers", ()) if f != names.FINALIZER]
    # A merge patch replaces the list: the resourceVersion keeps somebody's finalizer from being lost between.
    return {
        "uid": live["uid"],
        "resourceVersion": live["resourceVersion"],
        "finalizers": [*others, names.FINALIZER] if keep else others,
    }


def _digest(status: Json) -> bytes:
    text = orjson.dumps(_bare(status), option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=16).digest()


def _bare(found: Any) -> Any:
    """Without what is empty: the schema's defaults, which the server adds to what we sent, are."""
    if isinstance(found, dict):
        return {key: bare for key, value in found.items() if (bare := _bare(value))}
    return [_bare(value) for value in found] if isinstance(found, list) else found
