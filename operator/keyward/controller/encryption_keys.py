"""EncryptionKeys: what people see of them, and that none goes while a version is wrapped by it (protocol §12).

A key that is being deleted wraps nothing new. It is let go once nothing is wrapped by it any more: what its Credentials do to
get there is theirs, by another spec.encryptionKeyName.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from keyward.api import names
from keyward.controller.cache import Cache
from keyward.controller.keyring import KeyKeeper
from keyward.domain.conditions import Since
from keyward.errors import Conflict, Reason
from keyward.kube import statuses
from keyward.kube.answers import Asked, NotFound
from keyward.kube.client import Client
from keyward.kube.kinds import ENCRYPTION_KEYS, VERSIONS

Json = dict[str, Any]
_log = logging.getLogger(__name__)


class EncryptionKeys:
    """Looks after all of them."""

    def __init__(self, cache: Cache, keeper: KeyKeeper, client: Client, clock: Callable[[], datetime]) -> None:
        self._cache, self._keeper, self._client, self._clock = cache, keeper, client, clock

    async def tend(self) -> None:
        """Bring finalizer and status of each up to what is known. Raises Retry if the API server is away."""
        for name in list(self._cache.encryption_keys()):
            raw = self._cache.encryption_key(name)
            if raw is None:
                continue
            try:
                await self._tend(name, raw)
            except (NotFound, Conflict) as error:
                _log.debug("EncryptionKey %s is looked at again: %s", name, error.message)

    async def _tend(self, name: str, raw: Json) -> None:
        metadata, wrapped = raw["metadata"], self._wrapped(name)
        deleting, held = bool(metadata.get("deletionTimestamp")), names.FINALIZER in metadata.get("finalizers", ())
        if deleting and not wrapped:
            wrapped = await self._truly_wrapped(name)
        if deleting and not wrapped:
            await self._hold(metadata, hold=False)
            return
        if not (deleting or held):
            metadata = await self._hold(metadata, hold=True)
        status = self._status(raw, name, wrapped if deleting else 0)
        if status != raw.get("status"):
            asked = Asked("patch", ENCRYPTION_KEYS, "", name, "status")
            self._cache.put_encryption_key(await statuses.replace(self._client, asked, metadata["uid"], status))

    def _wrapped(self, name: str) -> int:
        return sum(
            1
            for place in self._cache.version_owners()
            for version in self._cache.versions(*place)
            if any(key == name for key, _ in version.wraps)
        )

    async def _truly_wrapped(self, name: str) -> int:
        """By a quorum read: what the watch has not told yet would be lost with the key."""
        count = 0
        async for page in self._client.pages(VERSIONS):
            for item in page.get("items") or ():
                count += any(wrap.get("key") == name for wrap in item.get("wraps") or ())
        return count

    async def _hold(self, metadata: Json, *, hold: bool) -> Json:
        others = [f for f in metadata.get("finalizers", ()) if f != names.FINALIZER]
        finalizers = [*others, names.FINALIZER] if hold else others
        if finalizers == list(metadata.get("finalizers", ())):
            return metadata
        asked = Asked("patch", ENCRYPTION_KEYS, "", metadata["name"])
        # A merge patch replaces the list: the resourceVersion keeps somebody's finalizer from being lost between.
        kept = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"], "finalizers": finalizers}
        answer = await self._client.merge(asked, {"metadata": kept})
        if hold:
            self._cache.put_encryption_key(answer)
        found: Json = answer["metadata"]
        return found

    def _status(self, raw: Json, name: str, held_by: int) -> Json:
        generation, usable = raw["metadata"].get("generation", 0), self._keeper.writable(name)
        ok, reason, message = usable is not None, "KeyUsable", "values are sealed and opened"
        if usable is None:
            reason, message = Reason.KEY_UNAVAILABLE, self._problem(name)
        elif held_by:
            text = "{} versions are wrapped by it: it goes once their Credentials name another spec.encryptionKeyName"
            ok, reason, message = False, "InUse", text.format(held_by)
        since = Since(raw.get("status") or {}, self._clock())
        return {
            "state": "PendingDeletion" if held_by else "Enabled" if ok else "Unavailable",
            "observedGeneration": generation,
            "conditions": [since.condition("KeyAvailable", ok, str(reason), message, generation)],
        } | ({"currentVersion": usable[1]} if usable else {})

    def _problem(self, name: str) -> str:
        return self._keeper.problem or f"the keyring has no version of key {name} that may wrap"
