"""The key provider that needs nothing but the keyring: AES-256-GCM under a numbered key, bound to the value's place."""

from __future__ import annotations

import hmac
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keyward.crypto.context import Context, pack
from keyward.crypto.envelope import KEY_SIZE, Random
from keyward.crypto.keyring import CHECK_SIZE, Keyring, KeyVersion, check_value
from keyward.crypto.keys import KeyStatus, Wrap
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

PROVIDER: Final = "Local"
_NONCE, _TAG = 12, 16
_SIZE: Final = CHECK_SIZE + _NONCE + KEY_SIZE + _TAG
_DOMAIN: Final = b"keyward.dev/local-wrap/v1"


class LocalProvider:
    """One key of a keyring. Its wrap: check value of the key, nonce, wrapped data key and tag."""

    provider = PROVIDER
    binds_context = True

    def __init__(self, keyring: Keyring, name: str, random: Random) -> None:
        self._keyring, self._name, self._random = keyring, name, random

    async def generate(self, context: Context) -> tuple[Sensitive, Wrap]:
        data_key = Sensitive(self._random(KEY_SIZE))
        return data_key, await self.wrap(data_key, context)

    async def wrap(self, data_key: Sensitive, context: Context) -> Wrap:
        version = self._keyring.current(self._name)
        if version is None:
            raise Blocked(Reason.KEY_UNAVAILABLE, f"every version of key {self._name!r} is closed for wrapping")
        key, number, nonce = self._key(version), str(version.number), self._random(_NONCE)
        sealed = AESGCM(key.reveal()).encrypt(nonce, data_key.reveal(), self._bound(number, context))
        return Wrap(self._name, number, PROVIDER, check_value(key) + nonce + sealed)

    async def unwrap(self, wrap: Wrap, context: Context) -> Sensitive:
        key = self._key(self._keyring.version(self._name, self._number(wrap)))
        check, rest = wrap.wrapped[:CHECK_SIZE], wrap.wrapped[CHECK_SIZE:]
        # A keyring of another store has a version 1 as well: that is a missing key, not an altered value.
        if not hmac.compare_digest(check, check_value(key)):
            raise Blocked(
                Reason.KEY_UNAVAILABLE,
                f"version {wrap.key_version} of key {self._name!r} is another one here: restore the keyring of the store",
            )
        try:
            opened = AESGCM(key.reveal()).decrypt(rest[:_NONCE], rest[_NONCE:], self._bound(wrap.key_version, context))
        except InvalidTag:
            raise Blocked(
                Reason.CONTEXT_MISMATCH, "the data key was wrapped for another place, or was altered"
            ) from None
        return Sensitive(opened)

    async def rewrap(self, wrap: Wrap, context: Context) -> Wrap:
        return await self.wrap(await self.unwrap(wrap, context), context)

    async def status(self) -> KeyStatus:
        current = self._keyring.current(self._name) if self._name in self._keyring.keys else None
        number = str(current.number) if current else ""
        return KeyStatus(self._name in self._keyring.keys, number, wrapping_allowed=current is not None)

    def _number(self, wrap: Wrap) -> int:
        number = wrap.key_version
        canonical = number.isascii() and number.isdigit() and not number.startswith("0")
        if wrap.key != self._name or wrap.provider != PROVIDER or len(wrap.wrapped) != _SIZE or not canonical:
            raise Blocked(Reason.ENVELOPE_INVALID, "the wrapped data key is not one of the local keyring")
        return int(number[:18])

    def _key(self, version: KeyVersion) -> Sensitive:
        if version.key is None:
            raise Blocked(Reason.KEY_UNAVAILABLE, f"version {version.number} of key {self._name!r} was destroyed")
        return version.key

    def _bound(self, number: str, context: Context) -> bytes:
        return pack(_DOMAIN, self._name.encode(), number.encode(), context.encode())
