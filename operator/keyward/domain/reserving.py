"""When the next version is reserved, why, and on which account (protocol §2, §4, §5).

What stands before a reserve is what keeps the previous value alive: in dual mode the next version's apply resets the
account that previous names. Where one account holds both, the previous value is ended by itself (`retiring`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from keyward.domain import admins, commands, doubt, lineage, privileges, schedule, settling, suspension
from keyward.domain.model import DriftPolicy, Observed
from keyward.domain.situation import Situation
from keyward.domain.steps import Reserve, Wait
from keyward.domain.version import Cause, CauseKind, Handled, Mode, Origin, Promotion, RetiredAs, Version
from keyward.errors import Reason

GATE: Final = timedelta(seconds=15)  # between two looks at consumers
GRACE: Final = "the previous value is kept for spec.rotation.gracePeriod"


_REPLACED: Final = (RetiredAs.REFUSED, RetiredAs.SUPERSEDED, RetiredAs.TAKEN_OVER, RetiredAs.LOST)


@dataclass(frozen=True, slots=True)
class Need:
    """Why a version shall be reserved, and from when on."""

    kind: CauseKind
    at: datetime
    text: str = ""


def plan(s: Situation) -> Reserve | Wait:
    """Reserve the next version, or wait for the first thing that stands in its way."""
    need = next_need(s)
    if need is None:
        return Wait(None, "NotScheduled")
    if need.at > s.now:
        return Wait(need.at, "NotDue")
    for guard in GUARDS:
        wait = guard(s, need)
        if wait is not None:
            return wait
    return _reserve(s, need)


def next_need(s: Situation) -> Need | None:
    """The earliest cause of a next version."""
    history, wish = s.history, s.seen.wish
    top, current = history.highest, history.current
    if top is None:
        return Need(CauseKind.INITIAL, s.now)
    if s.takeover and doubt.why(s.seen, history) is not None:
        return Need(CauseKind.SPEC, s.now)
    if settling.import_incomplete(s.seen, history):
        return Need(CauseKind.INITIAL, s.now)
    if not wish.logs_in:
        return _generic_need(s)
    if top.retired in _REPLACED or current is None:
        # A candidate that replaces another one is due to the same command.
        return Need(CauseKind.REPLACEMENT, s.now, top.cause.text)
    token = commands.rotate_text(s.seen, history)
    if token is not None:
        return Need(CauseKind.TOKEN, s.now, token)
    if s.denied(current) and wish.on_drift is DriftPolicy.ROTATE and not s.seen.memory.disabled:
        return Need(CauseKind.DRIFT, s.now)
    if not wish.schedule.automatic or current.promoted is None:
        return None
    return Need(CauseKind.SCHEDULE, _scheduled(s, current.promoted.at))


def due_at(s: Situation, promoted_at: datetime) -> datetime:
    """When the schedule says that it is due, whoever was awake then."""
    return schedule.due_at(s.seen.wish.schedule, promoted_at, s.seen.wish.uid, s.now)


def _scheduled(s: Situation, promoted_at: datetime) -> datetime:
    wish, awake = s.seen.wish, s.seen.awake_since
    due = due_at(s, promoted_at)
    return due if awake is None or awake > s.now else schedule.caught_up_at(wish.schedule, due, awake, wish.uid)


def _generic_need(s: Situation) -> Need | None:
    top = s.history.highest
    source = s.seen.source
    if source is not None and top is not None and source.digest != top.source_digest:
        return Need(CauseKind.SOURCE, s.now)
    token = commands.rotate_text(s.seen, s.history)
    if source is None and token is not None:
        return Need(CauseKind.TOKEN, s.now, token)
    return None


# --- what stands in the way -------------------------------------------------------------------------------------------


def hold_when_frozen(s: Situation, need: Need) -> Wait | None:
    """The freeze switch, `spec.rotation.suspend` and a detected rollback stop rotation, never reading."""
    if need.kind is CauseKind.INITIAL:
        return None
    if s.history.altered(s.seen.memory.altered):
        return Wait(
            None,
            Reason.ROLLBACK_DETECTED,
            "a stored version is not the one that its successor was chained to: somebody replaced it; restore it or "
            "delete it, then rotation goes on",
            stalled=True,
        )
    return suspension.rest(s)


def hold_until_projected(s: Situation, _need: Need) -> Wait | None:
    """While one projection is unwritten, no reserve: its readers still hold previous."""
    current = s.history.current
    if current is None or s.denied(current) or not s.seen.wish.logs_in:
        return None
    waiting = settling.unwritten(s.seen, s.history)
    if not waiting:
        return None
    names = ", ".join(p.secret_name for p in waiting[:3])
    return Wait(None, "ProjectionPending", f"not every Secret holds the current version yet: {names}")


def hold_for_grace(s: Situation, need: Need) -> Wait | None:
    """Readers get `gracePeriod` after the newest write of a projection before their previous value dies."""
    current = s.history.current
    if current is None or not s.seen.wish.logs_in or commands.is_forced(need.text):
        return None
    if s.seen.wish.mode is Mode.SINGLE or (s.seen.wish.mode is Mode.OVERLAP and not s.seen.wish.issued):
        # The one has no grace, the other one ends a value only after it: see `hold_until_ended`. To issue a value may cost
        # another one that was given with the first.
        return None
    if need.kind is CauseKind.INITIAL:
        return None  # an import overwrites nobody's password
    until = grace_ends(s.seen, current, s.now)
    return Wait(until, "Grace", GRACE) if until > s.now else None


def hold_until_ended(s: Situation, _need: Need) -> Wait | None:
    """An account holds two values and no third one: the one before current is ended first (`retiring`)."""
    if s.seen.wish.mode is not Mode.OVERLAP or s.history.previous is None or s.history.current is None:
        return None
    until = grace_ends(s.seen, s.history.current, s.now)
    return Wait(until if until > s.now else None, "Grace", GRACE)


def grace_ends(seen: Observed, current: Version, now: datetime) -> datetime:
    """When readers have had `gracePeriod` since the newest write of a projection."""
    newest = max(_writes(seen, current), default=now)
    if newest > now:
        newest = seen.memory.behind_since or now
    return newest + seen.wish.grace


def _writes(seen: Observed, current: Version) -> list[datetime]:
    wished = (seen.secrets.get(p.secret_name) for p in seen.wish.projections)
    written = [secret.written_at for secret in wished if secret is not None and secret.written_at is not None]
    return [*written, current.promoted.at] if current.promoted is not None else written


def behind_since(seen: Observed, now: datetime) -> datetime | None:
    """Since when this process has known that its clock is behind what was written; None while it is not.

    How long ago a write in the future took place nobody can tell: its grace is counted from there.
    """
    resolution = lineage.resolve(seen)
    current = None if isinstance(resolution, Wait) else resolution.history.current
    if current is None or max(_writes(seen, current), default=now) <= now:
        return None
    since = seen.memory.behind_since
    return now if since is None or since > now else since


def hold_for_the_admin(s: Situation, need: Need) -> Wait | None:
    """The login by which a Target is worked on is changed by whoever publishes it, and by nobody else."""
    return None if need.kind is CauseKind.INITIAL else admins.spare_the_admin(s.seen)


def hold_within_allowed_privileges(s: Situation, _need: Need) -> Wait | None:
    """A limit that became narrower holds from the next version on: what is under way is finished, what is in use stays."""
    return privileges.refuse_beyond(s)


def hold_for_consumers(s: Situation, need: Need) -> Wait | None:
    """The consumer gate: somebody is known to hold the previous value still."""
    if s.seen.gate is None or commands.is_forced(need.text):
        return None
    return Wait(s.now + GATE, "ConsumersNotCurrent", s.seen.gate)


ReserveGuard = Callable[["Situation", Need], "Wait | None"]
GUARDS: tuple[ReserveGuard, ...] = (
    hold_when_frozen,
    hold_until_projected,
    hold_for_grace,
    hold_until_ended,
    hold_for_the_admin,
    hold_within_allowed_privileges,
    hold_for_consumers,
)


# --- the reservation --------------------------------------------------------------------------------------------------


def _reserve(s: Situation, need: Need) -> Reserve:
    history, wish = s.history, s.seen.wish
    sequence = 1 + commands.highest_seen(s.seen, history)
    importing = wish.imported and need.kind is CauseKind.INITIAL
    promotion = None
    if not wish.logs_in:
        promotion = Promotion(history.next_number, s.now)
    origin = Origin.IMPORTED if importing else Origin.SOURCE if s.seen.source is not None else Origin.GENERATED
    return Reserve(
        lineage=history.lineage,
        sequence=sequence,
        version_id=history.free_version_id(sequence, wish.initial_version_id if sequence == 1 else ""),
        cause=Cause(need.kind, need.text, need.at, _handled(s, need), wish.deletion.recovery_window),
        origin=origin,
        account=_account(s, importing=importing),
        previous=next((v for v in reversed(history.versions) if v.digest), None),
        promotion=promotion,
    )


def _account(s: Situation, *, importing: bool) -> str:
    accounts = s.seen.wish.accounts
    if not accounts:
        return ""
    if importing:
        again = s.history.to_import_again
        if again:
            return again[0].account
        # The second-named account is sequence 1, so that the first-named is promoted last and is current.
        return accounts[0] if s.history.versions else accounts[-1]
    current = s.history.current
    if s.seen.wish.mode is not Mode.DUAL or current is None:
        return accounts[0]
    return next((name for name in accounts if name != current.account), accounts[0])


def _handled(s: Situation, need: Need) -> Handled:
    """Commands that were acted on stay handled for as long as their unchanged text stands in a manifest."""
    top = s.history.highest
    before = top.cause.handled if top else Handled()
    promoted = [v.promoted for v in s.history.versions if v.promoted and v.promoted.by]
    last = max(promoted, key=lambda p: p.number, default=None)
    return Handled(
        rotate=need.text if need.kind is CauseKind.TOKEN else before.rotate,
        promote=last.by if last else before.promote,
        takeover=s.seen.wish.commands.takeover if s.takeover else before.takeover,
    )
