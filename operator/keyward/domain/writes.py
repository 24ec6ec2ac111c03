"""What is handed to the stores: each value here is exactly one write to the API server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from keyward.domain.version import Cause, Mode, Origin, PreviousLink, Promotion, RetiredAs, TargetIdentity, Version
from keyward.sensitive import Sensitive

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A CredentialVersion to be created: POST."""

    namespace: str
    credential: str
    lineage: str
    sequence: int
    version_id: str
    type: str
    cluster: str
    cause: Cause
    mode: Mode
    origin: Origin
    account: str
    accounts: tuple[str, ...]
    target: TargetIdentity | None
    source_digest: str
    previous: PreviousLink | None
    envelope: Json
    wraps: tuple[Json, ...]
    promotion: Promotion | None = None
    absent: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    since: datetime | None = None

    def holding(self, sealed: SealedValue) -> NewVersion:
        """The same version with its value."""
        return replace(self, envelope=sealed.envelope, wraps=sealed.wraps)


@dataclass(frozen=True, slots=True)
class SealedValue:
    """What a vault makes of a value."""

    envelope: Json
    wraps: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class IssuedValue:
    """The value that the system has issued for an intent: sealed, with the digest of its envelope, and when."""

    sealed: SealedValue
    digest: str
    at: datetime


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A CredentialVersion as it stands, envelope and wraps included."""

    version: Version
    envelope: Json | None
    wraps: tuple[Json, ...]


@dataclass(frozen=True, slots=True)
class RecordChange:
    """A change of `record` or `wraps`: PATCH with the version's resourceVersion. None leaves a field as it is."""

    promotion: Promotion | None = None
    applying_at: datetime | None = None
    issued: IssuedValue | None = None
    retired: tuple[RetiredAs, datetime] | None = None
    closed_at: datetime | None = None
    disabled_by: tuple[str, datetime] | None = None  # (uid of the deleted Credential, when)
    enabled: bool = False  # clears disabledByUs
    orphaned_at: datetime | None = None
    returned: bool = False  # clears orphanedAt
    wraps: tuple[Json, ...] | None = None


@dataclass(frozen=True, slots=True)
class SecretContent:
    """A rendered Secret: what POST or PUT will carry."""

    namespace: str
    name: str
    type: str
    data: Mapping[str, Sensitive]
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    owner: tuple[str, str] | None = None  # (Credential's name, live uid), for deletion.secrets Delete


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A Secret as it stands, read by name: its whole metadata, type and data."""

    metadata: Json
    type: str
    data: Mapping[str, Sensitive]
