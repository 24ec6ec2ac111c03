"""How one pass went: what it waited for, what failed, and when to look again. It reads and writes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from keyward.domain import schedule
from keyward.domain import status as summary
from keyward.domain.conditions import stamp
from keyward.domain.model import Failures, Memory, Observed
from keyward.domain.steps import Promote, Reserve, Wait
from keyward.errors import REASONS, Blocked, KeywardError, Reason, Retry, Underway

Json = dict[str, Any]
SOON: Final = timedelta(seconds=30)
LATER: Final = timedelta(minutes=5)
_SOON_DONE: Final = 10
"""Looks within which most of what a system is at work on is done; from then on they are ever farther apart."""
_OF_KEYS: Final = (Reason.KEY_UNAVAILABLE, Reason.KEY_NOT_ALLOWED, Reason.CONTEXT_MISMATCH, Reason.ENVELOPE_INVALID)
# What a change of a Secret mends that no watch tells of: it is looked at by its name.
_OF_SECRETS: Final = (
    Reason.ADMIN_SECRET_INVALID,
    Reason.ADMIN_LOGIN_REFUSED,
    Reason.TARGET_NOT_APPROVED,
    Reason.SOURCE_MISSING,
    Reason.SOURCE_INVALID,
    Reason.VALUE_TOO_LARGE,
    Reason.IMPORTED_VALUE_UNVERIFIED,
)


@dataclass(slots=True)
class Turn:
    """How a pass goes."""

    waits: list[Wait] = field(default_factory=list)
    blocked: frozenset[str] = frozenset()
    projection_problem: summary.Problem | None = None
    problem: summary.Problem | None = None
    retry_after: timedelta | None = None
    underway: bool = False  # nothing failed: the system is at work
    seen: Observed | None = None

    @property
    def rotation(self) -> Wait:
        return self.waits[0] if self.waits else Wait(None, "")

    def added_to(self, seen: Observed, memory: Memory) -> Observed:
        """The observation with what this pass knows beside it."""
        if seen.memory is memory and not self.blocked:
            return seen
        return replace(seen, memory=memory, blocked_secrets=seen.blocked_secrets | self.blocked)

    def block(self, secret: str, error: KeywardError) -> None:
        """One Secret cannot be written; everything else goes on."""
        self.blocked |= {secret}
        self.projection_problem = summary.Problem(error.reason, error.message, "Project", stalled=True)

    def did(self, step: object) -> None:
        """A step was done. What another value could not be written to is tried again with this one."""
        if isinstance(step, Promote) or (isinstance(step, Reserve) and step.promotion is not None):
            self.blocked, self.projection_problem = frozenset(), None

    def fail(self, error: KeywardError, step: str) -> None:
        """The pass ends here."""
        self.underway = isinstance(error, Underway)
        self.problem = summary.Problem(error.reason, error.message, step, stalled=isinstance(error, Blocked))
        if isinstance(error, Retry) and error.after is not None:
            self.retry_after = timedelta(seconds=error.after)

    def obstructed_by(self) -> tuple[Reason, str] | None:
        """What kept this pass from going on: a failure, an obstacle, or a wait for a person."""
        found = self.problem or (_in_the_way(self.seen, self.rotation) if self.seen is not None else None)
        return None if found is None else (found.reason, found.message)


def failures_after(seen: Observed, turn: Turn, now: datetime) -> Failures:
    """The failures in a row as they are to be recorded."""
    if turn.underway:
        return seen.failures
    if turn.problem is not None:
        return Failures(min(seen.failures.count + 1, 99), now)
    waiting = any(w.reason == "BackOff" for w in turn.waits) or seen.obstacle is not None
    return seen.failures if waiting else Failures()


def outcome_of(turn: Turn, failures: Failures, before: Json) -> summary.Outcome:
    """What the status is built of. `before` is the status that stands."""
    seen = turn.seen
    key = turn.problem if turn.problem is not None and turn.problem.reason in _OF_KEYS else None
    if key is None and seen is not None and seen.obstacle is not None and seen.obstacle.reason in _OF_KEYS:
        key = summary.Problem(seen.obstacle.reason, seen.obstacle.message)
    return summary.Outcome(
        rotation=turn.rotation,
        rotation_problem=turn.problem or (_standing(before) if failures.count else None),
        projection_problem=turn.projection_problem,
        key_problem=key,
        failures=_as_json(failures, turn, before),
    )


def wakes(turn: Turn, outcome: summary.Outcome, failures: Failures, now: datetime) -> list[datetime]:
    """When to look again, for each cause."""
    assert turn.seen is not None
    due = [w.until for w in turn.waits if w.until is not None]
    if turn.problem is not None:
        due.append(now + max(schedule.backoff(failures, turn.seen.wish.uid), _asked_for(turn)))
    elif turn.retry_after is not None:
        due.append(now + turn.retry_after)
    stands = outcome.rotation_problem or _in_the_way(turn.seen, turn.rotation)
    if stands is not None:
        due.append(now + (SOON if stands.reason in _OF_SECRETS else LATER))
    if turn.blocked:
        due.append(now + SOON)  # a stranger's Secret that goes is told by no watch either
    return due


def _asked_for(turn: Turn) -> timedelta:
    """What the system asks to wait."""
    assert turn.seen is not None
    asked = turn.retry_after or timedelta(0)
    return asked * max(1.0, turn.seen.memory.at_work / _SOON_DONE) if turn.underway else asked


def _in_the_way(seen: Observed, wait: Wait) -> summary.Problem | None:
    if seen.obstacle is not None:
        return summary.Problem(seen.obstacle.reason, seen.obstacle.message)
    if wait.stalled and wait.reason in REASONS:
        return summary.Problem(Reason(wait.reason), wait.message)
    return None


def _standing(before: Json) -> summary.Problem | None:
    """While a failure backs off, the status goes on saying what it was."""
    rotated = next((c for c in before.get("conditions", []) if c.get("type") == "Rotated"), None)
    if rotated is None or rotated.get("status") != "False" or rotated.get("reason") not in REASONS:
        return None
    stalled = any(
        (c.get("type"), c.get("reason")) == ("Stalled", rotated["reason"]) for c in before.get("conditions", [])
    )
    return summary.Problem(Reason(rotated["reason"]), rotated.get("message", ""), stalled=stalled)


def _as_json(failures: Failures, turn: Turn, before: Json) -> Json | None:
    if not failures.count or failures.last_at is None:
        return None
    assert turn.seen is not None
    found: Json = {"count": failures.count, "lastAt": stamp(failures.last_at)}
    if turn.problem is None:
        return (before.get("failures") or {}) | found
    why = {"reason": str(turn.problem.reason), "step": turn.problem.step, "inputs": turn.seen.inputs}
    return found | {key: text for key, text in why.items() if text}
