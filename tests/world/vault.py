"""A reversible stand-in for sealing, fast enough for thousands of runs. Context is bound, as the true one binds it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from keyward.domain.version import Version
from keyward.domain.writes import Json, NewVersion, SealedValue, StoredVersion
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive


def _context(store: str, v: Any) -> str:
    previous = [v.previous.sequence, v.previous.digest] if v.previous else None
    return json.dumps([store, v.namespace, v.credential, v.lineage, v.version_id, v.sequence, v.type, previous])


def _digest(envelope: Json) -> str:
    return hashlib.sha256(json.dumps(envelope, sort_keys=True).encode()).hexdigest()


class ToyVault:
    """Every controller of a store has one; `available` is the key's outage switch."""

    def __init__(self, store: str) -> None:
        self.store = store
        self.key_version = "1"
        self.available = True

    def _need_key(self) -> None:
        if not self.available:
            raise Blocked(Reason.KEY_UNAVAILABLE, "the key is not there")

    async def seal(self, value: Sensitive, new: NewVersion | Version, key: str) -> SealedValue:
        self._need_key()
        text = base64.b64encode(value.reveal()).decode()
        tag = hashlib.sha256((_context(self.store, new) + text).encode()).hexdigest()
        wrap = {"key": key, "keyVersion": self.key_version, "wrapped": "x"}
        return SealedValue({"tag": tag, "ciphertext": text}, (wrap,))

    def peek(self, stored: StoredVersion) -> bytes:
        """What this version opens to, for the invariants: no availability, no await."""
        assert stored.envelope is not None
        text = stored.envelope["ciphertext"]
        tag = hashlib.sha256((_context(self.store, stored.version) + text).encode()).hexdigest()
        if not hmac.compare_digest(tag, stored.envelope["tag"]):
            raise Blocked(Reason.CONTEXT_MISMATCH, "sealed for another place")
        return base64.b64decode(text)

    async def open(self, stored: StoredVersion) -> Sensitive:
        self._need_key()
        return Sensitive(self.peek(stored))

    async def rewrap(self, stored: StoredVersion, key: str) -> tuple[Json, ...]:
        self._need_key()
        return ({"key": key, "keyVersion": self.key_version, "wrapped": "x"},)

    def digest(self, stored: StoredVersion) -> str:
        return envelope_digest(stored.envelope)

    def source_digest(self, value: Sensitive) -> str:
        return source_digest(value.reveal())


def source_digest(value: bytes) -> str:
    """As every vault tells values apart."""
    return hashlib.sha256(b"source" + value).hexdigest()


def envelope_digest(envelope: Json | None) -> str:
    return _digest(envelope) if envelope else ""
