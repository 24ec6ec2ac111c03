"""What is known of a version, but for its value: a record that tells where the value comes from and how far it got.

Plain frozen values; `kube.records` translates them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Mode(StrEnum):
    """How two versions can be valid at once."""

    GENERIC = "Generic"
    DUAL = "Dual"
    SINGLE = "Single"
    OVERLAP = "Overlap"  # one account that holds both


class Origin(StrEnum):
    """Where a version's value comes from."""

    GENERATED = "Generated"
    IMPORTED = "Imported"
    SOURCE = "Source"


class RetiredAs(StrEnum):
    """Why a version is of no use, or no longer."""

    REFUSED = "Refused"
    SUPERSEDED = "Superseded"  # never sent
    TAKEN_OVER = "TakenOver"  # may have been sent, by us or by a fork: its account stays dead
    UNVERIFIED = "Unverified"
    LOST = "Lost"
    ENDED = "Ended"  # it was current once; its grace is over, and it logs in no more


class CauseKind(StrEnum):
    INITIAL = "Initial"
    SCHEDULE = "Schedule"
    TOKEN = "Token"  # noqa: S105 - the word of the annotation, not a secret
    SOURCE = "Source"
    DRIFT = "Drift"
    REPLACEMENT = "Replacement"  # of a refused or superseded candidate, or an import that never logged in
    SPEC = "Spec"


@dataclass(frozen=True, slots=True)
class Handled:
    """The last text of each command annotation that was acted on."""

    rotate: str | None = None
    promote: str | None = None
    takeover: str | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    kind: CauseKind
    text: str = ""
    due_at: datetime | None = None
    handled: Handled = Handled()
    recovery_window: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class TargetIdentity:
    """A system as far as versions are concerned. The uid is information: a restore changes it."""

    kind: str
    name: str
    digest: str
    uid: str = ""

    def same_name(self, other: TargetIdentity) -> bool:
        return (self.kind, self.name) == (other.kind, other.name)

    @property
    def title(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Promotion:
    number: int
    at: datetime
    by: str = ""


@dataclass(frozen=True, slots=True)
class PreviousLink:
    """The nearest lower version that has an envelope, when this one was reserved."""

    sequence: int
    digest: str


@dataclass(frozen=True, slots=True)
class Version:
    """A CredentialVersion without its envelope."""

    name: str
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
    created_at: datetime
    resource_version: str
    account: str = ""
    accounts: tuple[str, ...] = ()
    target: TargetIdentity | None = None
    source_digest: str = ""
    previous: PreviousLink | None = None
    digest: str = ""  # hex of the envelope's digest; empty without an envelope
    wraps: tuple[tuple[str, str], ...] = ()  # (key, key version)
    promoted: Promotion | None = None
    applying: bool = False
    applying_at: datetime | None = None
    retired: RetiredAs | None = None
    closed: bool = False
    disabled_by_us: str = ""  # uid of the deleted Credential
    orphaned_at: datetime | None = None
    pinned: bool = False  # labelled to be kept by retention
    absent: tuple[str, ...] = ()  # accounts that were not on the target when this was reserved
    made: tuple[str, ...] = ()  # accounts that were ours then, as records tell: see `making`
    known: tuple[str, ...] = ()  # ids of values that are this Credential's, where the system issues them: see `issuing`
    since: datetime | None = None  # by the system's clock: an unknown value that is older is nobody's that we know
    issued_at: datetime | None = None

    @property
    def settled(self) -> bool:
        return self.promoted is not None or self.retired is not None
