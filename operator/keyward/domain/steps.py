"""What may follow from a plan: each step has one effect, and a wait has none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from keyward.domain.model import ProjectionWish, SecretView
from keyward.domain.version import Cause, Origin, Promotion, RetiredAs, Version


@dataclass(frozen=True, slots=True)
class Reserve:
    """Create a version. `promotion` is set with it for generic; `import_index` names the imported account's place."""

    lineage: str
    sequence: int
    version_id: str
    cause: Cause
    origin: Origin
    account: str = ""
    previous: Version | None = None
    promotion: Promotion | None = None


@dataclass(frozen=True, slots=True)
class Annotate:
    """Write the lineage annotation and the finalizer, in one write."""

    lineage: str
    finalizer: bool


@dataclass(frozen=True, slots=True)
class Apply:
    version: Version


@dataclass(frozen=True, slots=True)
class MakeRoom:
    """Withdraw a value that is over, if the account holds as many as it can, before another one is issued for this intent."""

    version: Version


@dataclass(frozen=True, slots=True)
class Issue:
    """Have the value of this intent issued, and store it before anything else is done."""

    version: Version


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Withdraw what was issued for an intent that was lost."""

    version: Version


@dataclass(frozen=True, slots=True)
class Verify:
    """Log in with this version on every endpoint; the outcome goes to `Memory`."""

    version: Version


@dataclass(frozen=True, slots=True)
class Mend:
    """Give nodes that lack them the values of `settled`; those of `pending`, where another node holds them already."""

    settled: tuple[Version, ...]
    pending: tuple[Version, ...] = ()


@dataclass(frozen=True, slots=True)
class Promote:
    version: Version
    promotion: Promotion


@dataclass(frozen=True, slots=True)
class Retire:
    version: Version
    as_: RetiredAs


@dataclass(frozen=True, slots=True)
class Return:
    """Clear `orphanedAt` of a lineage that was taken up again."""

    version: Version


@dataclass(frozen=True, slots=True)
class Enable:
    """Give back the right to log in that our own deletion took away, then clear `disabledByUs`."""

    version: Version


@dataclass(frozen=True, slots=True)
class Prune:
    version: Version


@dataclass(frozen=True, slots=True)
class Rewrap:
    version: Version


@dataclass(frozen=True, slots=True)
class Project:
    projection: ProjectionWish
    version: Version
    previous: Version | None


@dataclass(frozen=True, slots=True)
class Unproject:
    """Delete a Secret that we made and that no projection names any more."""

    secret: SecretView


@dataclass(frozen=True, slots=True)
class Orphan:
    """Record that a lineage has no live Credential: its recovery window begins."""

    version: Version


@dataclass(frozen=True, slots=True)
class NoteDisabled:
    """Record `disabledByUs` before the accounts are disabled."""

    version: Version


@dataclass(frozen=True, slots=True)
class Disable:
    version: Version


@dataclass(frozen=True, slots=True)
class Drop:
    version: Version


@dataclass(frozen=True, slots=True)
class End:
    """End a previous value on the one account that holds it beside current, then record that it is retired."""

    version: Version
    current: Version


@dataclass(frozen=True, slots=True)
class Disprove:
    """Log in with this version, which has leaked and is replaced: every endpoint has to refuse it. That goes to `Memory`."""

    version: Version


@dataclass(frozen=True, slots=True)
class Close:
    """Record that a lineage is over."""

    version: Version


@dataclass(frozen=True, slots=True)
class Release:
    """Remove the finalizer. `left` says what stays behind on the system, empty if nothing does."""

    left: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do before `until` (None: until something changes)."""

    until: datetime | None
    reason: str
    message: str = ""
    stalled: bool = False


Step = (
    Reserve
    | Annotate
    | Apply
    | MakeRoom
    | Issue
    | Withdraw
    | Verify
    | Mend
    | Promote
    | Retire
    | Return
    | Enable
    | Prune
    | Rewrap
    | Project
    | Unproject
    | Orphan
    | NoteDisabled
    | Disable
    | Drop
    | End
    | Disprove
    | Close
    | Release
)
