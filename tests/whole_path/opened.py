"""What stored versions hold, opened with the keyring as the operator opens them: values and keys that may be nowhere else."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass

from tests.whole_path.api import Json
from tests.whole_path.world import OPERATOR_NAMESPACE, Shop

from keyward.crypto import keyring_document, versions
from keyward.crypto.keyring import Keyring
from keyward.crypto.keys import Wrap
from keyward.crypto.local import LocalProvider
from keyward.crypto.vault import Vault
from keyward.crypto.versions import VersionVault
from keyward.kube import records
from keyward.sensitive import Sensitive


@dataclass(frozen=True, slots=True)
class Opened:
    """One version: its values and its data key."""

    name: str
    credential: str
    values: tuple[str, ...]
    data_key: bytes


def keyring(shop: Shop) -> Keyring:
    found = shop.api.get("secret", "keyward-keyring", OPERATOR_NAMESPACE)
    assert found is not None
    return keyring_document.from_secret({k: Sensitive(base64.b64decode(v)) for k, v in found["data"].items()})


def opened(shop: Shop) -> list[Opened]:
    """All versions of the namespace."""
    ring = keyring(shop)
    return [asyncio.run(_open(ring, item)) for item in shop.api.items("credentialversion", shop.namespace)]


async def _open(ring: Keyring, item: Json) -> Opened:
    item = {"apiVersion": "keyward.dev/v1alpha1", "kind": "CredentialVersion"} | item
    stored = records.read_stored(item)
    text = (await VersionVault(Vault.local(ring)).open(stored)).reveal_text()
    wrap = Wrap.from_dict(stored.wraps[0])
    place = versions.context(ring.store, stored.version)
    data_key = await LocalProvider(ring, wrap.key, lambda _size: b"").unwrap(wrap, place)
    return Opened(item["metadata"]["name"], stored.version.credential, tuple(_values(text)), data_key.reveal())


def _values(text: str) -> Iterable[str]:
    """The values of a key/value document, or the text itself."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError:
        return (text,)
    return document.values() if isinstance(document, dict) else (text,)
