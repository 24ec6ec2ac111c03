"""The Secret in the operator's namespace that holds the local keyring: made once, changed by compare-and-swap only.

It is never made anew while any CredentialVersion exists: a lost keyring must be restored, not replaced.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from keyward.api import names
from keyward.errors import Blocked, Reason
from keyward.kube import secrets
from keyward.kube.answers import Asked
from keyward.kube.client import Call, Client
from keyward.kube.kinds import SECRETS, VERSIONS
from keyward.sensitive import Sensitive

Json = dict[str, Any]
NAME: Final = "keyward-keyring"


@dataclass(frozen=True, slots=True)
class StoredKeyring:
    """The keyring's files and the resourceVersion that a change must name."""

    data: Mapping[str, Sensitive]
    resource_version: str


class KeyringStore:
    """Load, make once, replace."""

    def __init__(self, client: Client, namespace: str, name: str = NAME) -> None:
        self._client, self._namespace, self._name = client, namespace, name

    async def load(self) -> StoredKeyring | None:
        """The keyring as it is stored; None if there is none.

        Raises:
            Blocked: with KEY_UNAVAILABLE, if the Secret of that name is not a keyring.
        """
        item = await self._client.get(SECRETS, self._namespace, self._name)
        if item is None:
            return None
        labels = item["metadata"].get("labels") or {}
        if labels.get(names.LABEL_COMPONENT) != names.COMPONENT_KEYRING:
            raise Blocked(
                Reason.KEY_UNAVAILABLE,
                f"Secret {self._namespace}/{self._name} is not a keyring (it lacks label {names.LABEL_COMPONENT}="
                f"{names.COMPONENT_KEYRING}): restore the keyring from its backup",
            )
        return _stored(item)

    async def create(self, data: Mapping[str, Sensitive]) -> StoredKeyring:
        """Make the first keyring of this cluster.

        Raises:
            AlreadyExists: somebody else made it meanwhile; load that one.
            Blocked: with KEY_UNAVAILABLE, because CredentialVersions exist: their keyring is lost and must be restored.
        """
        if await self.any_version():
            raise Blocked(
                Reason.KEY_UNAVAILABLE,
                f"CredentialVersions exist, but their keyring, Secret {self._namespace}/{self._name}, does not: restore it "
                "from its backup; a new one could not open them",
            )
        return _stored(await self._client.create(SECRETS, self._namespace, self._body(data, {})))

    async def replace(self, data: Mapping[str, Sensitive], judged: StoredKeyring) -> StoredKeyring:
        """Compare-and-swap of the whole keyring; raises Conflict."""
        body = self._body(data, {"resourceVersion": judged.resource_version})
        return _stored(await self._client.update(SECRETS, self._namespace, self._name, body))

    async def any_version(self) -> bool:
        """Whether any CredentialVersion exists in the cluster, by a quorum read of one."""
        page = await self._client.request(Call(Asked("list", VERSIONS), query="limit=1"))
        return bool(page.get("items"))

    def _body(self, data: Mapping[str, Sensitive], metadata: Json) -> Json:
        labels = {names.LABEL_COMPONENT: names.COMPONENT_KEYRING, names.LABEL_PART_OF: "keyward"}
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": self._name, "namespace": self._namespace, "labels": labels} | metadata,
            "type": "Opaque",
            "data": {key: base64.b64encode(value.reveal()).decode() for key, value in data.items()},
        }


def _stored(item: Json) -> StoredKeyring:
    return StoredKeyring(secrets.stored(item).data, item["metadata"]["resourceVersion"])
