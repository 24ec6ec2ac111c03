"""Who holds the keyring in this process: loads it, makes it once, loads it again when it changed. The port `Vault`.

Without a keyring nothing is sealed and nothing is opened, and everything else goes on. A new one is made only where no
CredentialVersion exists: a lost keyring must be restored, not replaced.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from keyward.crypto import keyring_document
from keyward.crypto.keyring import Keyring
from keyward.crypto.vault import OnCall, Vault
from keyward.crypto.versions import VersionVault
from keyward.domain.version import Version
from keyward.domain.writes import Json, NewVersion, SealedValue, StoredVersion
from keyward.errors import Blocked, Conflict, Reason
from keyward.kube.keyring import KeyringStore, StoredKeyring
from keyward.sensitive import Sensitive

_log = logging.getLogger(__name__)
_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Held:
    """A keyring and what a change of it must name."""

    keyring: Keyring
    stored: StoredKeyring | None = None


class Home(Protocol):
    """Where the keyring is kept."""

    async def load(self) -> Held | None: ...

    async def create(self, keyring: Keyring) -> Held:
        """Raises Conflict if there is one, Blocked if versions exist."""

    async def replace(self, keyring: Keyring, judged: Held) -> Held:
        """Raises Conflict if it was changed meanwhile."""


class SecretHome:
    """A Secret in the operator's namespace."""

    def __init__(self, store: KeyringStore) -> None:
        self._store = store

    async def load(self) -> Held | None:
        stored = await self._store.load()
        return None if stored is None else _held(stored)

    async def create(self, keyring: Keyring) -> Held:
        return _held(await self._store.create(_data(keyring)))

    async def replace(self, keyring: Keyring, judged: Held) -> Held:
        assert judged.stored is not None
        return _held(await self._store.replace(_data(keyring), judged.stored))


class FileHome:
    """A file, for an operator whose keyring must not be in the cluster. `store` tells whether versions exist."""

    def __init__(self, path: Path, store: KeyringStore) -> None:
        self._path, self._store = path, store

    async def load(self) -> Held | None:
        return Held(keyring_document.load(self._path)) if self._path.exists() else None

    async def create(self, keyring: Keyring) -> Held:
        if await self._store.any_version():
            raise Blocked(
                Reason.KEY_UNAVAILABLE,
                f"CredentialVersions exist, but their keyring, {self._path}, does not: restore it from its backup; a new one "
                "could not open them",
            )
        try:
            keyring_document.save_new(keyring, self._path)
        except FileExistsError:
            raise Conflict(Reason.WRITTEN_BY_ANOTHER, "the keyring's file was made meanwhile") from None
        except OSError as error:
            raise _unwritable(error) from None
        return Held(keyring)

    async def replace(self, keyring: Keyring, judged: Held) -> Held:
        if keyring_document.load(self._path).keys != judged.keyring.keys:
            raise Conflict(Reason.WRITTEN_BY_ANOTHER, "the keyring's file was changed meanwhile")
        try:
            keyring_document.replace_file(keyring, self._path)
        except OSError as error:
            raise _unwritable(error) from None
        return Held(keyring)


def _unwritable(error: OSError) -> Blocked:
    return Blocked(Reason.KEY_UNAVAILABLE, f"the keyring's file cannot be written: {os.strerror(error.errno or 0)}")


def _held(stored: StoredKeyring) -> Held:
    return Held(keyring_document.from_secret(stored.data), stored)


def _data(keyring: Keyring) -> Mapping[str, Sensitive]:
    return keyring_document.to_secret(keyring)


async def change(home: Home, alter: Callable[[Keyring], Keyring]) -> Held:
    """Alter the keyring by compare-and-swap, as often as others come first.

    Raises:
        Blocked: there is none.
        Conflict: others came first each time.
    """
    for _ in range(_TRIES):
        held = await home.load()
        if held is None:
            raise Blocked(Reason.KEY_UNAVAILABLE, "there is no keyring: `keyward keyring init` makes the first one")
        changed = alter(held.keyring)
        if changed is held.keyring:
            return held
        try:
            return await home.replace(changed, held)
        except Conflict:
            continue
    raise Conflict(Reason.WRITTEN_BY_ANOTHER, "the keyring is being changed by others all the time: try again")


class KeyKeeper:
    """The port `Vault` over whatever keyring is loaded; every use without one raises Blocked with KEY_UNAVAILABLE."""

    def __init__(self, home: Home, on_call: OnCall, clock: Callable[[], datetime]) -> None:
        self._home, self._on_call, self._clock = home, on_call, clock
        self._held: Held | None = None
        self._vault: VersionVault | None = None
        self.problem = "the keyring is not loaded yet"
        self.started = False

    async def start(self, names: Iterable[str]) -> None:
        """Load the keyring, or make it with these keys if neither it nor any version exists.

        Never raises Blocked: `problem` then says what is missing. Raises Retry if the API server does not answer.
        """
        try:
            held = await self._home.load()
            if held is None:
                try:
                    held = await self._home.create(Keyring.mint(sorted(names), os.urandom, self._clock()))
                    _log.info("a new keyring was made: back it up, without it no stored value can be opened")
                except Conflict:
                    held = await self._home.load()
        except Blocked as error:
            self._lose(error.message)
            self.started = True
            return
        self._take(held)
        self.started = True

    async def reload(self) -> bool:
        """Look again; True if there is a change. Raises Retry."""
        before = self._held
        try:
            self._take(await self._home.load())
        except Blocked as error:
            self._lose(error.message)
        return before != self._held

    async def ensure(self, names: Iterable[str]) -> bool:
        """Have a key for each of these EncryptionKeys; True if one was added. Raises Retry or Conflict."""
        wanted = tuple(names)
        if self._held is None or all(name in self._held.keyring.keys for name in wanted):
            return False

        def alter(keyring: Keyring) -> Keyring:
            for name in wanted:
                keyring = keyring.with_key(name, os.urandom, self._clock())
            return keyring

        try:
            self._take(await change(self._home, alter))
        except Blocked as error:
            _log.warning("a key cannot be added to the keyring: %s", error.message)
            return False
        return True

    def _take(self, held: Held | None) -> None:
        if held is None:
            self._lose(
                "there is no keyring: restore it from its backup, or make the first one by `keyward keyring init`"
            )
            return
        if self._held is not None and held.keyring.store != self._held.keyring.store:
            # Everything that we know was sealed in the old store.
            self._lose("the keyring was replaced by one of another store: restore the right one and start again")
            return
        self._held, self.problem = held, ""
        self._vault = VersionVault(Vault.local(held.keyring, on_call=self._on_call))

    def _lose(self, why: str) -> None:
        if self.problem != why:
            _log.error("the keyring is not available: %s", why)
        self._vault, self.problem = None, why

    # --- the port ---

    @property
    def vault(self) -> VersionVault:
        """The vault as it is now. Raises Blocked with KEY_UNAVAILABLE."""
        if self._vault is None:
            raise Blocked(Reason.KEY_UNAVAILABLE, self.problem)
        return self._vault

    @property
    def store(self) -> str:
        return self.vault.store

    def writable(self, key: str) -> tuple[str, str] | None:
        """The key and the version of it that wraps now; None if nothing may be sealed under it."""
        if self._vault is None or self._held is None or key not in self._held.keyring.keys:
            return None
        current = self._held.keyring.current(key)
        return None if current is None else (key, str(current.number))

    async def seal(self, value: Sensitive, place: NewVersion | Version, key: str) -> SealedValue:
        return await self.vault.seal(value, place, key)

    async def open(self, stored: StoredVersion) -> Sensitive:
        return await self.vault.open(stored)

    async def rewrap(self, stored: StoredVersion, key: str) -> tuple[Json, ...]:
        return await self.vault.rewrap(stored, key)

    def digest(self, stored: StoredVersion) -> str:
        return self.vault.digest(stored)

    def source_digest(self, value: Sensitive) -> str:
        return self.vault.source_digest(value)
