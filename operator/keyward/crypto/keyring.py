"""The local keyring: the store's identity, its key-encryption keys by name and number, and its digest secret.

A value: every change makes a new one, and whoever holds the Secret or the file writes it. Numbers are never used again,
so a destroyed version stays as a bare entry. Nothing here decides when a version may be closed or destroyed.
"""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import reduce
from typing import Final

from keyward.crypto.envelope import KEY_SIZE, Random
from keyward.crypto.keys import MAX_NAME, NAME
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

CHECK_SIZE: Final = 8
_CHECK: Final = b"keyward.dev/keyring/v1/key-check"
_SOURCE: Final = b"keyward.dev/keyring/v1/source-digest"


class State(StrEnum):
    """What a key version may be used for."""

    ENABLED = "Enabled"
    CLOSED = "Closed"  # unwraps, wraps no more
    DESTROYED = "Destroyed"


def check_value(key: Sensitive) -> bytes:
    """Eight bytes by which a key is recognised and from which nothing of it follows."""
    return hmac.digest(key.reveal(), _CHECK, "sha256")[:CHECK_SIZE]


@dataclass(frozen=True, slots=True)
class KeyVersion:
    """One key-encryption key. `key` is None once it is destroyed."""

    number: int
    created_at: datetime
    state: State
    key: Sensitive | None


@dataclass(frozen=True, slots=True)
class Keyring:
    """All keys of one store. `keys` has each name's versions, ascending."""

    store: str
    secret: Sensitive
    keys: Mapping[str, tuple[KeyVersion, ...]]

    @classmethod
    def mint(cls, names: Iterable[str], random: Random, now: datetime) -> Keyring:
        """A new store, with version 1 of each key. Only ever where no sealed value exists."""
        empty = cls(str(uuid.UUID(bytes=random(16), version=4)), Sensitive(random(KEY_SIZE)), {})
        return reduce(lambda keyring, name: keyring.with_key(name, random, now), names, empty)

    def versions(self, name: str) -> tuple[KeyVersion, ...]:
        """All versions of a key. Raises Blocked with KEY_UNAVAILABLE if there is no such key."""
        try:
            return self.keys[name]
        except KeyError:
            raise Blocked(Reason.KEY_UNAVAILABLE, f"the keyring has no key {name!r}") from None

    def version(self, name: str, number: int) -> KeyVersion:
        """One version of a key. Raises Blocked with KEY_UNAVAILABLE if there is no such version."""
        found = next((v for v in self.versions(name) if v.number == number), None)
        if found is None:
            raise Blocked(Reason.KEY_UNAVAILABLE, f"the keyring has no version {number} of key {name!r}")
        return found

    def current(self, name: str) -> KeyVersion | None:
        """The version that wraps: the highest enabled one; None if wrapping is not allowed."""
        return next((v for v in reversed(self.versions(name)) if v.state is State.ENABLED), None)

    def with_key(self, name: str, random: Random, now: datetime) -> Keyring:
        """A further key with its version 1; the keyring itself if the key is there already.

        Raises:
            Blocked: INVALID_SPEC for a name that no wrap could be read with.
        """
        if NAME.fullmatch(name) is None or len(name) > MAX_NAME:
            raise Blocked(Reason.INVALID_SPEC, "a key's name is that of a Kubernetes object: a-z, 0-9, '-' and '.'")
        return self if name in self.keys else self._with(name, (_fresh(1, random, now),))

    def with_new_version(self, name: str, random: Random, now: datetime) -> Keyring:
        """A further version of a key, which wraps from now on."""
        known = self.versions(name)
        return self._with(name, (*known, _fresh(known[-1].number + 1, random, now)))

    def close_version(self, name: str, number: int) -> Keyring:
        """The version wraps no more. Closing a closed one changes nothing; a destroyed one stays destroyed."""
        found = self.version(name, number)
        if found.state is not State.ENABLED:
            return self
        return self._exchange(name, replace(found, state=State.CLOSED))

    def destroy_version(self, name: str, number: int) -> Keyring:
        """The version's key is gone for good. The caller has made sure that no wrap names it.

        Raises:
            Blocked: INVALID_SPEC if it still wraps: somebody could be using it this very moment.
        """
        found = self.version(name, number)
        if found.state is State.ENABLED:
            raise Blocked(Reason.INVALID_SPEC, f"close version {number} of key {name!r} before it is destroyed")
        return self._exchange(name, replace(found, state=State.DESTROYED, key=None))

    def source_digest(self, value: bytes) -> str:
        """Keyed digest of a consumed source, in hex: tells whether it changed, to nobody without the keyring."""
        return self._keyed(_SOURCE, value)

    def _keyed(self, label: bytes, value: bytes) -> str:
        key = hmac.digest(self.secret.reveal(), label, "sha256")
        return hmac.digest(key, value, "sha256").hex()

    def _exchange(self, name: str, changed: KeyVersion) -> Keyring:
        return self._with(name, tuple(changed if v.number == changed.number else v for v in self.versions(name)))

    def _with(self, name: str, versions: tuple[KeyVersion, ...]) -> Keyring:
        return replace(self, keys={**self.keys, name: versions})


def _fresh(number: int, random: Random, now: datetime) -> KeyVersion:
    return KeyVersion(number, now, State.ENABLED, Sensitive(random(KEY_SIZE)))
