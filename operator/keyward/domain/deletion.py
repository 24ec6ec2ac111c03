"""What a Credential's deletion undoes before its finalizer goes, and what becomes of orphaned lineages (protocol §7).

The finalizer needs no version, Target, key or RoleBinding to finish: whatever cannot be undone is left and said.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from keyward.domain import commands, lineage, schedule
from keyward.domain.history import History, by_lineage
from keyward.domain.model import AccountsPolicy, Observed
from keyward.domain.steps import Close, Disable, Drop, NoteDisabled, Orphan, Prune, Release, Wait
from keyward.domain.version import Version
from keyward.errors import Reason

DEADLINE = timedelta(minutes=10)
# The accounts are out of our reach, or another's. What else is in the way may be mended before the deadline.
_NEVER = (Reason.UNKNOWN_TARGET, Reason.TARGET_NOT_ALLOWED, Reason.ACCOUNT_CLAIMED)

DeletionStep = NoteDisabled | Disable | Drop | Close | Prune | Release


def plan(seen: Observed, now: datetime) -> DeletionStep | Wait:
    """The next step towards the end of a Credential that is being deleted."""
    if not seen.wish.finalizer:
        return Wait(None, "Deleted")
    resolution = lineage.resolve(seen)
    history = resolution.history if not isinstance(resolution, Wait) else lineage.ended(seen)
    undo = _undo_accounts(seen, history, now)
    if undo is not None:
        return undo
    if not seen.wish.deletion.recovery_window and history.versions:
        return Prune(history.versions[0])
    return Release()


def _undo_accounts(seen: Observed, history: History, now: datetime) -> DeletionStep | Wait | None:
    policy, top = seen.wish.deletion.accounts, history.highest
    if policy is AccountsPolicy.RETAIN or top is None or not seen.wish.logs_in:
        return None
    closed = any(v.closed for v in history.versions)
    if closed or (policy is AccountsPolicy.DISABLE and seen.memory.accounts_removed):
        return None
    left = ", ".join(seen.wish.accounts)
    if _cannot_undo(seen, history, now):
        return Release(left=left)
    held = _wait_for_target(seen)
    if held is not None:
        return held
    until = schedule.retry_at(seen.failures, seen.wish.uid, now)
    if until is not None and until > now:
        return Wait(min(until, _deadline(seen)), "BackOff")
    if policy is AccountsPolicy.DROP:
        return Close(top) if seen.memory.accounts_removed else Drop(top)
    noted = next((v for v in history.versions if v.disabled_by_us), None)
    return Disable(noted) if noted else NoteDisabled(top)


def _wait_for_target(seen: Observed) -> Wait | None:
    if seen.target is None:
        why = seen.obstacle
        return Wait(_deadline(seen), why.reason if why else "NoTarget", why.message if why else "")
    if seen.target.suspended or not seen.target.is_approved:
        # Whoever edits a Target and deletes a Credential must not have the admin's login sent elsewhere by that.
        reason = Reason.TARGET_SUSPENDED if seen.target.suspended else Reason.TARGET_NOT_APPROVED
        return Wait(_deadline(seen), reason, "the accounts are undone once work on the Target goes on, or left")
    return None


def _deadline(seen: Observed) -> datetime:
    assert seen.wish.deleting_since is not None
    return seen.wish.deleting_since + DEADLINE


def _cannot_undo(seen: Observed, history: History, now: datetime) -> bool:
    """The Target is gone, the namespace is going, the fence of another cluster stands, or time is up."""
    top = history.highest
    fenced = top is not None and (top.cluster != seen.cluster or commands.highest_seen(seen, history) > top.sequence)
    gone = seen.obstacle is not None and seen.obstacle.reason in _NEVER
    return gone or seen.namespace_terminating or fenced or now >= _deadline(seen)


def sweep(versions: Iterable[Version], live: frozenset[str], now: datetime) -> list[Orphan | Prune]:
    """Steps for the lineages of one Credential's name; `live` holds those that live.

    First sight begins the recovery window on the highest sequence; after it the versions go, lowest first. What turned
    up after the live lineage's first version was restored late, and is never orphaned: a person names the one to keep.
    """
    groups = by_lineage(versions)
    began = min((h.versions[0].created_at for name, h in groups.items() if name in live), default=None)
    steps: list[Orphan | Prune] = []
    for name, history in groups.items():
        top = history.highest
        if name in live or top is None:
            continue
        since = next((v.orphaned_at for v in reversed(history.versions) if v.orphaned_at), None)
        late = began is not None and min(v.created_at for v in history.versions) > began
        if since is None and not late:
            steps.append(Orphan(top))
        elif since is not None and since + top.cause.recovery_window <= now:
            steps.extend(Prune(v) for v in history.versions)
    return steps
