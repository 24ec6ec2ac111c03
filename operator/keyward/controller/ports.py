"""What reconciliation needs of the world. The kube layer, the vault and the engines fill it; a simulated world does too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from keyward.api.credential import Credential
from keyward.domain.model import Identity, Memory, Observed, SecretView, Wish
from keyward.domain.version import Version
from keyward.domain.writes import (
    Json,
    NewVersion,
    RecordChange,
    SealedValue,
    SecretContent,
    StoredSecret,
    StoredVersion,
)
from keyward.engines.base import Engine, Login, Place
from keyward.errors import KeywardError, Reason
from keyward.sensitive import Sensitive


class VersionStore(Protocol):
    """CredentialVersions. Every write answers with the object as it was stored."""

    async def list(self, namespace: str, credential: str) -> tuple[Version, ...]:
        """All versions of that name, every lineage, by a quorum read."""

    async def read(self, version: Version) -> StoredVersion | None: ...

    async def create(self, new: NewVersion) -> StoredVersion:
        """POST; raises Conflict if the name exists."""

    async def update(self, version: Version, change: RecordChange) -> Version:
        """Compare-and-swap on the version's resourceVersion; raises Conflict."""

    async def delete(self, version: Version) -> None:
        """Delete with the resourceVersion as precondition; raises Conflict. Absent is success."""


class CredentialStore(Protocol):
    async def annotate(self, wish: Wish, lineage: str, finalizer: bool) -> None:
        """Annotation and finalizer (added or removed) in one write."""

    async def release(self, of: Identity) -> None:
        """Remove our finalizer. Absent is success."""

    async def write_status(self, of: Identity, status: Json) -> None: ...


class SecretStore(Protocol):
    """Projected Secrets, always by name."""

    async def read(self, namespace: str, name: str) -> StoredSecret | None: ...

    async def create(self, content: SecretContent) -> SecretView:
        """POST; raises Conflict if it exists."""

    async def replace(self, content: SecretContent, judged: StoredSecret) -> SecretView:
        """PUT on the judged metadata with its resourceVersion; raises Conflict."""

    async def delete(self, namespace: str, secret: SecretView) -> None: ...


class Vault(Protocol):
    """Sealing and opening; see crypto.vault."""

    @property
    def store(self) -> str:
        """The store's id."""

    async def seal(self, value: Sensitive, place: NewVersion | Version, key: str) -> SealedValue:
        """The value, sealed for this version and no other."""

    async def open(self, stored: StoredVersion) -> Sensitive: ...

    async def rewrap(self, stored: StoredVersion, key: str) -> tuple[Json, ...]: ...

    def digest(self, stored: StoredVersion) -> str:
        """Hex digest of the envelope in its context."""

    def source_digest(self, value: Sensitive) -> str: ...


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach the system of a Credential, with the admin's login."""

    engine: Engine
    place: Place
    admin: Login
    renew: Callable[[], Awaitable[Login | None]] | None = None  # the admin login as it is now; None: still the same
    given: bool = False  # the admin's login is the imported one: there is no other yet, and it has never logged in


class Teller(Protocol):
    """What a pass tells beside the status: events and metrics. Nothing here raises or waits."""

    def did(self, seen: Observed, step: Any, memory: Memory, seconds: float) -> None: ...

    def failed(self, wish: Wish, step: str, error: KeywardError) -> None: ...

    def warn(self, of: Identity, reason: str, message: str) -> None: ...

    def left_behind(self, of: Identity, left: str) -> None: ...

    def found(self, seen: Observed, problem: tuple[Reason, str] | None, *, reached: bool) -> None: ...


Clock = Callable[[], datetime]
Hook = Callable[[str], Awaitable[None]]
"""Named points right before and after each effect: fault injection in tests, the lease's deadline in service."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A Credential in hand: the parsed object and its normalised wish."""

    credential: Credential
    wish: Wish
