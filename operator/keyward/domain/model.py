"""The words of the planner: what was wished and what was seen; `steps` has what may follow.

Plain frozen values. Nothing in here reads a clock, the network or an API object; `records` and `wishes` translate those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from keyward.domain.allowances import Allowance, Asked
from keyward.domain.version import Mode, TargetIdentity, Version
from keyward.errors import Reason


@dataclass(frozen=True, slots=True)
class ProjectionWish:
    """One Secret that shall hold the current version."""

    secret_name: str
    shape: str  # digest of everything in the spec that shapes the Secret
    include_previous: bool = False


@dataclass(frozen=True, slots=True)
class ScheduleWish:
    """When the next rotation is due. `cron` replaces `interval` as the source of due times where it is set."""

    automatic: bool
    interval: timedelta = timedelta(0)
    cron: str | None = None
    time_zone: str = "UTC"
    windows: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """Rotations begin only within it. `days` are 0 (Monday) to 6; empty means each day."""

    start_minute: int
    duration: timedelta
    days: tuple[int, ...] = ()
    time_zone: str = "UTC"


class AccountsPolicy(StrEnum):
    RETAIN = "Retain"
    DISABLE = "Disable"
    DROP = "Drop"


class SecretsPolicy(StrEnum):
    RETAIN = "Retain"
    DELETE = "Delete"


class DriftPolicy(StrEnum):
    ROTATE = "Rotate"
    REPORT = "Report"


class RightsPolicy(StrEnum):
    ALIGN = "Align"
    REFUSE = "Refuse"


@dataclass(frozen=True, slots=True)
class DeletionWish:
    accounts: AccountsPolicy = AccountsPolicy.RETAIN
    secrets: SecretsPolicy = SecretsPolicy.DELETE
    recovery_window: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Commands:
    """The texts of the command annotations as they stand."""

    rotate: str | None = None
    promote: str | None = None
    takeover: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Which Credential: one that is made anew under the same name is another one."""

    namespace: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Wish:
    """A Credential's spec and metadata, normalised: what the planner reads of it."""

    namespace: str
    name: str
    uid: str
    generation: int
    type: str  # the name of the block in the spec
    mode: Mode
    key: str  # EncryptionKey's name
    schedule: ScheduleWish
    engine: str = ""  # that the Target needs, as far as it is known
    projections: tuple[ProjectionWish, ...] = ()
    target: TargetIdentity | None = None  # with the digest of the Target as it is now
    accounts: tuple[str, ...] = ()  # dual: (x, x_clone) or the imported pair, first-named first
    asked: tuple[Asked, ...] = ()  # rights of accounts that are made, as far as the Target can bound them
    rights_role: str | None = None  # made beside them, where accounts can act as a role
    imported: bool = False
    issued: bool = False  # the system picks the values of versions that are not imported
    grace: timedelta = timedelta(minutes=5)
    suspended: bool = False
    on_drift: DriftPolicy = DriftPolicy.ROTATE
    drift_interval: timedelta = timedelta(minutes=10)
    on_rights_drift: RightsPolicy = RightsPolicy.ALIGN
    deletion: DeletionWish = DeletionWish()
    commands: Commands = Commands()
    initial_version_id: str = "v1"
    keep_versions: int = 10
    lineage: str | None = None  # the annotation
    finalizer: bool = False
    deleting_since: datetime | None = None

    @property
    def identity(self) -> Identity:
        return Identity(self.namespace, self.name, self.uid)

    @property
    def logs_in(self) -> bool:
        """Whether a value of this type is proven by a login."""
        return self.mode is not Mode.GENERIC

    @property
    def all_roles(self) -> tuple[str, ...]:
        """Whatever is made or changed on the Target."""
        return self.accounts if self.rights_role is None else (*self.accounts, self.rights_role)


@dataclass(frozen=True, slots=True)
class AdminView:
    """The admin login of a Target, and what it has to do with this Credential."""

    account: str  # whom it logs in as
    secret: str  # name of the Secret that it is read from
    projected: bool = False  # this Credential's values go into that Secret
    self_change: bool = False  # the Target allows that a login changes its own password
    hands_over: bool = False  # its old value gets in beside the new one until its end: what is published is never dead
    way_back: tuple[
        str, ...
    ] = ()  # more than one Target lies on the way from this Credential back to itself: all of them
    changing: str = ""  # another Credential, which changes this login by itself and has not published it yet


@dataclass(frozen=True, slots=True)
class TargetView:
    """The Target as the controller found it, judged against this Credential's namespace."""

    identity: TargetIdentity
    approved: tuple[str, ...] = ()  # the digest that is approved now, then those that it succeeds
    may_manage: tuple[str, ...] = ()  # those of the Credential's roles that allowedAccounts covers
    allowed: tuple[Allowance, ...] | None = None  # of rights; None: whatever the admin can give
    unverified_import: tuple[str, ...] = ()
    suspended: bool = False
    max_rotations: int | None = None  # at once; None: as everywhere
    has_api: bool = False  # whether accounts are changed through a cloud's API, which is approved as well
    admin: AdminView | None = None

    @property
    def is_approved(self) -> bool:
        return bool(self.approved) and self.approved[0] == self.identity.digest


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something outside that keeps effects from being planned: an unknown Target, a key that is not there."""

    reason: Reason
    message: str
    transient: bool = False


@dataclass(frozen=True, slots=True)
class SecretView:
    """A projected Secret's metadata."""

    name: str
    resource_version: str
    managed: bool = False  # carries our labels
    lineage: str = ""
    credential: str = ""
    sequence: int = 0
    previous_sequence: int = 0
    shape: str = ""
    written_at: datetime | None = None
    owner_uid: str = ""  # of the Credential in its owner references
    intact: bool = True  # nobody else wrote it since we did


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node of a system that keeps accounts on each node by itself, as it was seen last."""

    name: str
    optional: bool = False
    problem: str = ""  # why it cannot be used now; empty if it can
    accounts: Mapping[str, str] = field(default_factory=dict)  # account → digest of what the node has of it
    keeps: bool = True  # its accounts outlive its next restart


@dataclass(frozen=True, slots=True)
class Mended:
    """What became of nodes that were brought in line."""

    given: tuple[str, ...] = ()  # those that were given what they lacked
    exceeding: tuple[
        str, ...
    ] = ()  # those that hold a value more than others, on an account where it is not ours to end


@dataclass(frozen=True, slots=True)
class MarkView:
    """The highest mark of our lineage that the target showed during this run."""

    sequence: int
    digest8: str


@dataclass(frozen=True, slots=True)
class Memory:
    """What this process has learnt since it started. Losing it costs logins, never a value."""

    proven: frozenset[tuple[int, str]] = frozenset()  # (sequence, target digest) that logged in on every endpoint
    denied: frozenset[tuple[int, str]] = frozenset()  # a login that was refused for certain
    denied_early: frozenset[int] = frozenset()  # refused before it was promoted: somebody may have applied it since
    unsent: frozenset[int] = frozenset()  # reserved by this process and never sent
    sent: frozenset[int] = frozenset()  # the system confirmed the change
    refused: frozenset[int] = frozenset()  # the system refused the candidate for certain
    cleared: frozenset[int] = frozenset()  # the account has room for the value of this intent
    swept: frozenset[int] = frozenset()  # nothing that was issued for this lost intent is left
    requests: tuple[str, ...] = ()  # calls of a cloud that changed something, with its ids of them, the newest last
    mark: MarkView | None = None
    drift_checked_at: datetime | None = None
    disabled: frozenset[int] = frozenset()  # logins refused because somebody took the account's right to log in
    accounts_removed: bool = False  # our deletion has disabled or dropped the accounts
    accounts_kept: bool = False  # they own objects: disabled where they should have been dropped
    nodes: frozenset[tuple[str, tuple[str, ...]]] | None = None  # what each node had when it was found right
    nodes_exceeding: frozenset[tuple[str, tuple[str, ...]]] = (
        frozenset()
    )  # those that hold a value that is not ours to end
    nodes_changed_at: datetime | None = None  # when we last changed something there
    mending_failed_at: datetime | None = None
    witness: str = (
        ""  # what proved a value last: Login, or what stands in its place; empty before this process proved one
    )
    ended: frozenset[int] = frozenset()  # leaked values that every endpoint was seen to refuse
    sending: tuple[int, datetime] | None = None  # single: the version that was sent last, and right before when
    gap: tuple[int, timedelta] | None = None  # single: from there until the last Secret with it was written
    altered: frozenset[tuple[str, str]] = frozenset()  # (name, resourceVersion) whose envelope is not its digest's
    inputs: str = ""  # those that the last look of this process found
    at_work: int = 0  # looks in a row at which the system was still at work
    behind_since: datetime | None = None  # since when its clock has been behind a write: see `reserving`

    def denies(self, version: Version, digest: str) -> bool:
        """Whether this process was refused with it. A refusal while it was pending tells nothing once it is promoted."""
        outdated = version.promoted is not None and version.sequence in self.denied_early
        return (version.sequence, digest) in self.denied and not outdated


@dataclass(frozen=True, slots=True)
class Failures:
    """Consecutive failures of the rotation, from status; losing them only resets the back-off."""

    count: int = 0
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SourceView:
    """Generic: the keyed digest of the value that the source now holds."""

    digest: str


@dataclass(frozen=True, slots=True)
class Observed:
    """One read of the world, from which every concern plans."""

    wish: Wish
    cluster: str  # uid of this cluster's kube-system
    versions: tuple[Version, ...]  # every lineage of this Credential's name
    secrets: Mapping[str, SecretView] = field(default_factory=dict)
    target: TargetView | None = None
    source: SourceView | None = None
    imports: Mapping[str, str] = field(
        default_factory=dict
    )  # account → keyed digest of the password that is given for it now
    nodes: tuple[NodeView, ...] | None = None  # of a system that keeps accounts per node; None: not looked at yet
    memory: Memory = Memory()
    failures: Failures = Failures()
    obstacle: Obstacle | None = None
    gate: str | None = None  # consumer gate: who still holds the previous value; None: nobody known
    frozen: bool = False  # the operator's freeze switch
    writable_key: tuple[str, str] | None = None  # (key, key version) that wraps now; None: unavailable
    namespace_terminating: bool = False
    blocked_secrets: frozenset[str] = frozenset()  # projections that failed in this pass
    awake_since: datetime | None = None  # since when this process has been looking
    inputs: str = ""  # digest of spec, commands, Target and Secrets as they stand: failures speak of these
    derived: dict[str, Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )  # what all concerns ask for

    @property
    def digest(self) -> str:
        """Of the Target as it stands; empty for a type without one."""
        return self.wish.target.digest if self.wish.target else ""

    def proven(self, version: Version) -> bool:
        """Whether this process has seen it log in: a person may have changed the password since another one did."""
        return not self.wish.logs_in or (version.sequence, self.digest) in self.memory.proven

    def denied(self, version: Version) -> bool:
        """Whether this process was refused with it, on the Target as it stands."""
        return self.memory.denies(version, self.digest)
