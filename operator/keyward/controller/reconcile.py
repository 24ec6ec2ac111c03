"""One pass over one Credential: gather, plan each concern, execute step by step, one status write. It never raises.

What the process has learnt by logging in is kept from pass to pass, and lost with the process, which costs logins only.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from keyward.controller.execute import Executor, is_projection_problem
from keyward.controller.passes import Pass
from keyward.controller.ports import Clock, CredentialStore, Subject
from keyward.controller.queue import Key
from keyward.domain import deletion, drift, projection, retention, rotation, schedule
from keyward.domain import status as summary
from keyward.domain.model import Failures, Memory, Observed, Reserve, Rewrap, Version, Wait
from keyward.errors import Blocked, Conflict, KeywardError, Reason, Rejected, Retry

_log = logging.getLogger(__name__)
Json = dict[str, Any]
MOST_STEPS: Final = 40
SOON: Final = timedelta(seconds=30)
LATER: Final = timedelta(minutes=5)
_OF_KEYS: Final = (Reason.KEY_UNAVAILABLE, Reason.KEY_NOT_ALLOWED, Reason.CONTEXT_MISMATCH, Reason.ENVELOPE_INVALID)


@dataclass(frozen=True, slots=True)
class Orphans:
    """The versions of one Credential's name, and which lineages of them live."""

    versions: tuple[Version, ...]
    live: frozenset[str]


class Gatherer(Protocol):
    """Reads of the world."""

    def subject(self, key: Key) -> Subject | None:
        """The Credential as it is known; None if it is gone."""

    async def gather(self, run: Pass) -> Observed | None:
        """One read of the world; refreshes the pass's subject, access and accounts. None if the Credential is gone."""

    def status(self, key: Key) -> Json:
        """The status as it stands."""

    async def orphans(self) -> Iterable[Orphans]:
        """Names whose versions may have lost their Credential, by quorum reads."""


@dataclass(slots=True)
class Turn:
    """How a pass goes."""

    waits: list[Wait] = field(default_factory=list)
    blocked: frozenset[str] = frozenset()
    projection_problem: summary.Problem | None = None
    problem: summary.Problem | None = None
    retry_after: timedelta | None = None
    seen: Observed | None = None

    @property
    def rotation(self) -> Wait:
        return self.waits[0] if self.waits else Wait(None, "")


class Reconciler:
    """What the queue's workers call. One pass per Credential at a time is the queue's promise."""

    def __init__(self, gatherer: Gatherer, executor: Executor, credentials: CredentialStore, clock: Clock) -> None:
        self._gatherer, self._executor = gatherer, executor
        self._credentials, self._clock = credentials, clock
        self._memory: dict[Key, tuple[str, Memory]] = {}

    async def reconcile(self, key: Key) -> datetime | None:
        """When to look again if nothing changes."""
        try:
            subject = self._gatherer.subject(key)
        except KeywardError as error:
            # The schema lets nothing through that cannot be parsed, but for what only we can check: zones, bytes.
            _log.warning("the spec of %s/%s is not valid: %s", *key, error.message)
            return self._clock() + LATER
        if subject is None:
            self._memory.pop(key, None)
            return None
        uid = subject.wish.uid
        known = self._memory.get(key)
        turn = Turn()
        async with AsyncExitStack() as stack:
            run = Pass(subject, known[1] if known and known[0] == uid else Memory(), stack)
            try:
                await self._steps(run, turn)
            except KeywardError as error:
                self._fail(turn, error, run.steps[-1] if run.steps else "gather")
            finally:
                self._memory[key] = (uid, run.memory)
        if turn.seen is None:
            return self._clock() + SOON if turn.problem else None
        return await self._report(key, turn)

    async def _steps(self, run: Pass, turn: Turn) -> None:
        for _ in range(MOST_STEPS):
            seen = await self._gatherer.gather(run)
            if seen is None:
                turn.seen = None
                return
            turn.seen = seen = replace(seen, memory=run.memory, blocked_secrets=seen.blocked_secrets | turn.blocked)
            step = self._plan(seen, turn)
            if step is None:
                return
            run.steps.append(type(step).__name__)
            try:
                await self._executor.do(run, seen, step)
            except (Conflict, Rejected) as error:
                _log.debug("planned anew: %s", error.message)
            except Blocked as error:
                if not is_projection_problem(step, error):
                    raise
                turn.blocked |= {step.projection.secret_name}
                turn.projection_problem = summary.Problem(error.reason, error.message, "Project", stalled=True)
        turn.retry_after = SOON

    def _plan(self, seen: Observed, turn: Turn) -> Any:
        turn.waits = []
        for verdict in _plans(seen, self._clock()):
            if not isinstance(verdict, Wait):
                return verdict
            turn.waits.append(verdict)
        return None

    def _fail(self, turn: Turn, error: KeywardError, step: str) -> None:
        _log.info("%s failed: %s: %s", step, error.reason, error.message)
        turn.problem = summary.Problem(error.reason, error.message, step, stalled=isinstance(error, Blocked))
        if isinstance(error, Retry) and error.after is not None:
            turn.retry_after = timedelta(seconds=error.after)

    # --- status ---

    async def _report(self, key: Key, turn: Turn) -> datetime | None:
        seen, now = turn.seen, self._clock()
        assert seen is not None
        failures = self._failures(seen, turn, now)
        before = self._gatherer.status(key)
        of_keys = turn.problem is not None and turn.problem.reason in _OF_KEYS
        outcome = summary.Outcome(
            rotation=turn.rotation,
            rotation_problem=turn.problem or (_standing(before) if failures.count else None),
            projection_problem=turn.projection_problem,
            key_problem=turn.problem if of_keys else None,
            failures=_as_json(failures),
        )
        wakes = [w.until for w in turn.waits if w.until is not None]
        if turn.problem is not None:
            wakes.append(now + max(schedule.backoff(failures, seen.wish.uid), turn.retry_after or timedelta(0)))
        elif turn.retry_after is not None:
            wakes.append(now + turn.retry_after)
        if turn.blocked:
            wakes.append(now + LATER)
        after = summary.build(seen, outcome, before, now)
        if after != before:
            try:
                await self._credentials.write_status(seen.wish, after)
            except KeywardError:
                wakes.append(now + SOON)
        return min(wakes, default=None)

    def _failures(self, seen: Observed, turn: Turn, now: datetime) -> Failures:
        if turn.problem is not None:
            return Failures(min(seen.failures.count + 1, 99), now)
        waiting = any(w.reason == "BackOff" for w in turn.waits) or seen.obstacle is not None
        return seen.failures if waiting else Failures()

    # --- orphans ---

    async def sweep_orphans(self) -> None:
        """Begin and end the recovery windows of lineages without a Credential. Raises KeywardError: try again later."""
        for found in await self._gatherer.orphans():
            for step in deletion.sweep(found.versions, found.live, self._clock()):
                await self._executor.sweep(step)


def _plans(seen: Observed, now: datetime) -> Iterable[Any]:
    """The concerns, the most urgent first; the rotation's wait comes first among the waits."""
    if seen.wish.deleting_since is not None:
        yield deletion.plan(seen, now)
        return
    project = projection.plan(seen)
    if not isinstance(project, Wait):
        yield project
    yield rotation.plan(seen, now)
    yield project
    yield drift.plan(seen, now)
    yield retention.plan(seen)
    rewrap = retention.plan_rewrap(seen)
    if isinstance(rewrap, (Rewrap, Reserve)):
        yield rewrap


def _standing(before: Json) -> summary.Problem | None:
    """While a failure backs off, the status goes on saying what it was."""
    rotated = next((c for c in before.get("conditions", []) if c.get("type") == "Rotated"), None)
    if rotated is None or rotated.get("status") != "False" or rotated.get("reason") not in set(Reason):
        return None
    stalled = any(c.get("type") == "Stalled" for c in before.get("conditions", []))
    return summary.Problem(Reason(rotated["reason"]), rotated.get("message", ""), stalled=stalled)


def _as_json(failures: Failures) -> Json | None:
    if not failures.count or failures.last_at is None:
        return None
    return {"count": failures.count, "lastAt": summary.stamp(failures.last_at)}
