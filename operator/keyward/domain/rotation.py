"""The next step of a credential's rotation, or why to wait (protocol §4, §5, §8, §9, §10).

Pure: one read of the world in, one step out. Each guard below is one rule; the first that has something to say decides.
Taking any of them out makes a named scenario in tests/protocol fail.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from keyward.domain import admins, commands, doubt, issuing, lineage, located, reserving, schedule, settling
from keyward.domain.model import AccountsPolicy, Observed, TargetView, Wish
from keyward.domain.situation import Situation
from keyward.domain.steps import Annotate, Enable, Promote, Retire, Return, Step, Verify, Wait
from keyward.domain.version import Promotion, RetiredAs, Version
from keyward.errors import Reason

Guard = Callable[[Situation], Step | Wait | None]


def plan(seen: Observed, now: datetime) -> Step | Wait:
    """The next step of this credential's rotation."""
    if seen.obstacle is not None:
        until = schedule.retry_at(seen.failures, seen.wish.uid, now)
        return Wait(until, seen.obstacle.reason, seen.obstacle.message, not seen.obstacle.transient)
    resolution = lineage.resolve(seen)
    if isinstance(resolution, Wait):
        return resolution
    if resolution.retire:
        return Retire(resolution.retire[0], RetiredAs.SUPERSEDED)
    history = resolution.history
    if resolution.annotate:
        return Annotate(history.lineage, finalizer=wants_finalizer(seen))
    situation = Situation(seen, history, now, commands.takes_over(seen, history))
    for guard in GUARDS:
        verdict = guard(situation)
        if verdict is not None:
            return verdict
    return reserving.plan(situation)


def wants_finalizer(seen: Observed) -> bool:
    """A finalizer exists only where something has to be undone: accounts, or versions with no recovery window."""
    deletion = seen.wish.deletion
    undo_accounts = seen.wish.logs_in and deletion.accounts is not AccountsPolicy.RETAIN
    return undo_accounts or not deletion.recovery_window


def take_up_again(s: Situation) -> Step | Wait | None:
    """A lineage whose Credential is back is no orphan any more."""
    orphaned = next((v for v in s.history.versions if v.orphaned_at is not None), None)
    return Return(orphaned) if orphaned else None


def annotate_before_effects(s: Situation) -> Step | Wait | None:
    """Version 1, then annotation and finalizer in one write, then the first effect outside (protocol §4)."""
    if not s.history.versions:
        return None
    finalizer = wants_finalizer(s.seen)
    missing = s.seen.wish.lineage != s.history.lineage and (s.seen.wish.logs_in or finalizer)
    # The owner reference on the Secrets is written before the finalizer goes (protocol §7).
    releasing = s.seen.wish.finalizer and not finalizer
    if (
        missing
        or (finalizer and not s.seen.wish.finalizer)
        or (releasing and not settling.unwritten(s.seen, s.history))
    ):
        return Annotate(s.history.lineage, finalizer)
    return None


def back_off(s: Situation) -> Step | Wait | None:
    """After a failure, nothing is tried before its back-off is over."""
    until = schedule.retry_at(s.seen.failures, s.seen.wish.uid, s.now)
    return Wait(until, "BackOff") if until is not None and until > s.now else None


def stop_in_doubt(s: Situation) -> Step | Wait | None:
    """Restored elsewhere, fenced, forked or behind its own Secrets: log in, promote what logs in, write nothing else."""
    if s.takeover:
        return None
    reason = doubt.why(s.seen, s.history)
    if reason is None:
        return None
    current = s.history.current
    if s.seen.wish.logs_in and (current is None or not s.proven(current)):
        for candidate in (*filter(None, [current]), *(v for v in s.history.pending if v.digest)):
            if s.proven(candidate):
                return Promote(candidate, Promotion(s.history.next_number, s.now))
            if not s.denied(candidate) and candidate.sequence not in s.seen.memory.disabled:
                return Verify(candidate)
    text = commands.takeover_text(s.seen, s.history)
    message = f"{doubt.TEXTS[reason]}; to go on from here, annotate keyward.dev/takeover: {text}"
    return Wait(None, reason, message, stalled=True)


def give_back_login(s: Situation) -> Step | Wait | None:
    """An account that our own deletion disabled is enabled when the credential returns; no other ever is."""
    disabled = next((v for v in s.history.versions if v.disabled_by_us), None)
    return Enable(disabled) if disabled else None


_PROOF = {"ecs": "hostKeys"}  # by what a server proves itself, where it is not TLS


def respect_suspension(s: Situation) -> Step | Wait | None:
    """Nobody goes to a target that is suspended."""
    target = s.seen.target
    if target is None or not target.suspended:
        return None
    text = f"spec.suspend of {target.identity.title} is true: nothing is done there until it is false"
    return Wait(None, Reason.TARGET_SUSPENDED, text)


def respect_approval(s: Situation) -> Step | Wait | None:
    """The admin's login goes to what somebody who may write the admin Secret has approved, and nowhere else."""
    wish, target = s.seen.wish, s.seen.target
    if target is None or target.is_approved:
        return None
    return Wait(
        None,
        Reason.TARGET_NOT_APPROVED,
        f"spec.{wish.type}.endpoints{', openApi' if target.has_api else ''} or {_PROOF.get(wish.type, 'tls')} of "
        f"{target.identity.title}: the admin login was not given for what stands there: look at it, and as somebody who may "
        "write the admin Secret approve it with: "
        f"{_approving(wish, target)}",
        stalled=True,
    )


def respect_allowed_accounts(s: Situation) -> Step | Wait | None:
    """The platform's team says which accounts of a target may be managed from where."""
    wish, target = s.seen.wish, s.seen.target
    missing = [] if target is None else [name for name in wish.all_roles if name not in target.may_manage]
    if target is None or not missing:
        return None
    what = ", which holds the rights of the others" if wish.rights_role == missing[-1] else ""
    return Wait(
        None,
        Reason.ACCOUNT_NOT_ALLOWED,
        f"spec.allowedAccounts of {target.identity.title} does not cover {', '.join(missing)}{what}: add a pattern there "
        "that does, or choose other accounts",
        stalled=True,
    )


def _approving(wish: Wish, target: TargetView) -> str:
    options = f"-n {wish.namespace}" if target.identity.kind == "Target" else "--cluster"
    return f"keyward target approve {target.identity.name} {options}"


def settle_pending(s: Situation) -> Step | Wait | None:
    """A reserved version ends (promoted or retired) before anything else is reserved."""
    return settling.plan(s)


def go_back(s: Situation) -> Step | Wait | None:
    """The promote command: an ordinary promotion, of a version that still logs in."""
    candidate = commands.promote_candidate(s.seen, s.history)
    if not isinstance(candidate, Version):
        return None
    if not s.proven(candidate):
        return Verify(candidate)
    text = commands.promote_text(s.seen, s.history) or ""
    return Promote(candidate, Promotion(s.history.next_number, s.now, text))


def prove_before_projecting(s: Situation) -> Step | Wait | None:
    """A Secret is made or changed only to a value that has logged in during this process's run."""
    current = s.history.current
    if current is None or s.proven(current) or not s.seen.wish.logs_in:
        return None
    moved = current.target is not None and current.target.digest != s.digest
    if not (moved or settling.unwritten(s.seen, s.history)):
        return None
    if not s.denied(current):
        return Verify(current)
    if moved:
        return located.other_data(s.seen.wish)
    return None


GUARDS: tuple[Guard, ...] = (
    take_up_again,
    annotate_before_effects,
    back_off,
    respect_suspension,
    respect_approval,
    respect_allowed_accounts,
    admins.refuse_cycles,
    admins.wait_for_the_admin,
    stop_in_doubt,
    give_back_login,
    settle_pending,
    issuing.withdraw_lost,
    go_back,
    prove_before_projecting,
)
