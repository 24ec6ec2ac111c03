"""CredentialVersions in the API server: the store, and an index of them in memory that a watch feeds.

Every write is a compare-and-swap or a create-only POST. Nothing here decides what a record may become.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from keyward.api import names
from keyward.domain.version import Version
from keyward.domain.writes import NewVersion, RecordChange, StoredVersion
from keyward.errors import Blocked
from keyward.kube import records
from keyward.kube.answers import Asked
from keyward.kube.client import Client
from keyward.kube.informer import Change
from keyward.kube.kinds import VERSIONS

Json = dict[str, Any]
Digest = Callable[[StoredVersion], str]
"""The vault's digest of an envelope in its context, in hex."""

_log = logging.getLogger(__name__)


class VersionIndex:
    """The versions that the watch and our own writes have shown, by namespace and Credential's name.

    It may lag behind other writers, never behind our own. Every write that follows from it is a compare-and-swap, so
    that acting on a stale entry ends in a Conflict; where that is not enough (taking over a lease, first sight of an
    orphan), ask the store's `list`.
    """

    def __init__(self) -> None:
        self._versions: dict[str, tuple[Version, ...]] = {}
        self._gone: dict[str, int] = {}  # deleted by us → resourceVersion, until the watch tells so

    def list(self, namespace: str, credential: str) -> tuple[Version, ...]:
        return self._versions.get(f"{namespace}/{credential}", ())

    def credentials(self) -> tuple[str, ...]:
        """`namespace/name` of every Credential that has versions, with a live object or without."""
        return tuple(self._versions)

    def lineages(self) -> frozenset[str]:
        """Every lineage that has versions."""
        return frozenset(v.lineage for group in self._versions.values() for v in group)

    def put(self, version: Version) -> bool:
        """Take a version as it was read or written; False if what is known is at least as new."""
        number = _number(version.resource_version)
        if number <= self._gone.get(f"{version.namespace}/{version.name}", -1):
            return False
        key = f"{version.namespace}/{version.credential}"
        group = self._versions.get(key, ())
        known = _named(group, version.name)
        if known is not None and _number(known.resource_version) >= number:
            return False
        self._versions[key] = (*(v for v in group if v is not known), version)
        return True

    def _knows(self, metadata: Json) -> bool:
        """Whether this very object was taken already, in this state or a newer one."""
        group = self._versions.get(_owner(metadata["namespace"], metadata["name"]), ())
        known = _named(group, metadata["name"])
        return known is not None and _number(known.resource_version) >= _number(metadata["resourceVersion"])

    def remove(self, namespace: str, name: str) -> str | None:
        """Forget a version that the watch saw deleted; the `namespace/name` of its Credential, if it was known."""
        self._gone.pop(f"{namespace}/{name}", None)
        return self._drop(namespace, name)

    def removed_by_us(self, version: Version) -> None:
        """Forget a version before the watch says so: its last events may still be on their way."""
        self._gone[f"{version.namespace}/{version.name}"] = _number(version.resource_version)
        self._drop(version.namespace, version.name)

    def _drop(self, namespace: str, name: str) -> str | None:
        key = _owner(namespace, name)
        group = self._versions.get(key, ())
        left = tuple(v for v in group if v.name != name)
        if len(left) == len(group):
            return None
        if left:
            self._versions[key] = left
        else:
            del self._versions[key]
        return key

    def take(self, change: Change, item: Json) -> str | None:
        """A change from the watch; the `namespace/name` of the Credential that it concerns, None for no news."""
        metadata = item["metadata"]
        if change == "Deleted":
            return self.remove(metadata["namespace"], metadata["name"])
        if self._knows(metadata):
            return None  # most changes are the echo of our own writes
        try:
            version = records.read(item)
        except Blocked as error:
            _log.error("%s", error.message)
            return None
        if version.name != records.version_name(version.credential, version.lineage, version.sequence):
            _log.error(
                "CredentialVersion %s/%s is not what its name says: it is ignored", version.namespace, version.name
            )
            return None
        return f"{version.namespace}/{version.credential}" if self.put(version) else None


def _named(group: tuple[Version, ...], name: str) -> Version | None:
    return next((v for v in group if v.name == name), None)


def _owner(namespace: str, name: str) -> str:
    # The version's name begins with its Credential's; the group is found by it, without a second dictionary.
    return f"{namespace}/{name.rsplit('-', 2)[0]}"


def _number(resource_version: str) -> int:
    return int(resource_version) if resource_version.isdigit() else 0


class KubeVersionStore:
    """The port `VersionStore`. With an index, our own writes are in it before they are answered."""

    def __init__(self, client: Client, digest: Digest, index: VersionIndex | None = None) -> None:
        self._client, self._digest, self._index = client, digest, index

    async def list(self, namespace: str, credential: str) -> tuple[Version, ...]:
        """All versions of that name, every lineage, by a quorum read; damaged ones raise Blocked.

        A damaged version is never skipped here: an unseen sequence would be used again.
        """
        found: list[Version] = []
        query = f"labelSelector={names.LABEL_CREDENTIAL}%3D{credential}"
        async for page in self._client.pages(VERSIONS, namespace, query=query):
            found.extend(records.read(item) for item in page["items"])
        return tuple(found)

    async def read(self, version: Version) -> StoredVersion | None:
        item = await self._client.get(VERSIONS, version.namespace, version.name)
        return None if item is None else records.read_stored(item)

    async def create(self, new: NewVersion) -> StoredVersion:
        """POST; raises AlreadyExists (a Conflict) if the name exists."""
        item = records.body(new, "")
        if new.envelope:
            item["spec"]["envelopeDigest"] = self._digest(_provisional(item))
        return self._stored(await self._client.create(VERSIONS, new.namespace, item))

    async def update(self, version: Version, change: RecordChange) -> Version:
        asked = Asked("patch", VERSIONS, version.namespace, version.name)
        return self._stored(await self._client.merge(asked, records.patch(version, change))).version

    async def delete(self, version: Version) -> None:
        """Delete with the resourceVersion as precondition; raises Conflict. Absent is success."""
        condition = {"resourceVersion": version.resource_version}
        await self._client.delete(VERSIONS, version.namespace, version.name, condition)
        if self._index is not None:
            self._index.removed_by_us(version)

    def _stored(self, item: Json) -> StoredVersion:
        stored = records.read_stored(item)
        if self._index is not None:
            self._index.put(stored.version)
        return stored


def _provisional(item: Json) -> StoredVersion:
    """The version as it is about to be stored: its digest covers nothing that the server adds."""
    metadata = item["metadata"] | {"creationTimestamp": "1970-01-01T00:00:00Z", "resourceVersion": "0"}
    return records.read_stored(item | {"metadata": metadata})
