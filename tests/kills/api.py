"""A cluster's API as a test uses it: plain objects, one call at a time, from code that is not asynchronous."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Iterable
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import quote

from keyward.crypto import keyring_document
from keyward.crypto.vault import Vault
from keyward.crypto.versions import VersionVault
from keyward.kube import records
from keyward.kube.answers import AlreadyExists, Asked, NotFound
from keyward.kube.client import Call, Client
from keyward.kube.connection import from_kubeconfig
from keyward.kube.kinds import (
    CLUSTER_TARGETS,
    CREDENTIALS,
    ENCRYPTION_KEYS,
    NAMESPACES,
    SECRETS,
    TARGETS,
    VERSIONS,
    Kind,
)
from keyward.sensitive import Sensitive

Json = dict[str, Any]
T = TypeVar("T")
_ALL_SECONDS = 60.0  # for deleting many at once
_KINDS = {k.name: k for k in (CLUSTER_TARGETS, CREDENTIALS, ENCRYPTION_KEYS, NAMESPACES, SECRETS, TARGETS, VERSIONS)}


class Api:
    """Use it as a context manager."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig
        self._runner = asyncio.Runner()
        self._client = Client(from_kubeconfig(str(kubeconfig)))

    def __enter__(self) -> Self:
        self._do(self._client.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._client.close())
        self._runner.close()

    def _do(self, work: Awaitable[T]) -> T:
        async def run() -> T:
            return await work

        return self._runner.run(run())

    def get(self, kind: Kind, namespace: str, name: str) -> Json | None:
        return self._do(self._client.get(kind, namespace, name))

    def list(self, kind: Kind, namespace: str = "", label: str = "") -> list[Json]:
        """All, or those with this label, as `name=value`."""
        selector = f"labelSelector={quote(label, safe='')}" if label else ""

        async def pages() -> list[Json]:
            found: list[Json] = []
            async for page in self._client.pages(kind, namespace, query=selector):
                found += page["items"]
            return found

        return self._do(pages())

    def create(self, *items: Json) -> None:
        """POST each; one that is there already stays as it is."""
        for item in items:
            kind = _KINDS[item["kind"]]
            try:
                self._do(self._client.create(kind, item["metadata"].get("namespace", ""), item))
            except AlreadyExists:
                continue

    def merge(self, kind: Kind, namespace: str, name: str, patch: Json, subresource: str = "") -> Json:
        return self._do(self._client.merge(Asked("patch", kind, namespace, name, subresource), patch))

    def annotate(self, namespace: str, name: str, **annotations: str | None) -> None:
        """Set, or with None remove, `keyward.dev/<name>` on a Credential."""
        given = {f"keyward.dev/{key}": value for key, value in annotations.items()}
        self.merge(CREDENTIALS, namespace, name, {"metadata": {"annotations": given}})

    def delete(self, kind: Kind, namespace: str, name: str) -> None:
        self._do(self._client.delete(kind, namespace, name))

    def delete_all(self, kind: Kind, namespace: str, label: str, values: Iterable[str]) -> None:
        """Delete those whose label is one of these, by one request."""
        wanted = list(values)
        if wanted:
            selector = quote(f"{label} in ({','.join(wanted)})", safe="")
            call = Call(Asked("delete", kind, namespace), None, f"labelSelector={selector}", timeout=_ALL_SECONDS)
            self._do(self._client.request(call))

    def let_go(self, kind: Kind, namespace: str, name: str) -> None:
        """Delete at once, whatever finalizers say."""
        try:
            self.merge(kind, namespace, name, {"metadata": {"finalizers": None}})
        except NotFound:
            return
        self.delete(kind, namespace, name)

    def vault(self, namespace: str = "keyward-system", name: str = "keyward-keyring") -> VersionVault:
        """The keys of this cluster's store."""
        secret = self.get(SECRETS, namespace, name)
        assert secret is not None, "there is no keyring"
        data = {key: Sensitive(base64.b64decode(value)) for key, value in secret["data"].items()}
        return VersionVault(Vault.local(keyring_document.from_secret(data)))

    def opened(self, version: Json, vault: VersionVault) -> str:
        """The value that is sealed in a CredentialVersion."""
        return self._do(vault.open(records.read_stored(version))).reveal_text()


def decoded(secret: Json) -> dict[str, str]:
    """The data of a Secret."""
    return {key: base64.b64decode(value).decode() for key, value in (secret.get("data") or {}).items()}
