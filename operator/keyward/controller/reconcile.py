"""One pass over one Credential: gather, plan each concern, execute step by step, one status write. It never raises.

What the process has learnt by logging in is kept from pass to pass, and lost with the process, which costs logins only.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from typing import Any, Final, Protocol

from keyward.api import names
from keyward.api.metadata import Metadata
from keyward.controller.execute import Executor, is_projection_problem
from keyward.controller.limits import RotationLimits
from keyward.controller.passes import Pass
from keyward.controller.ports import Clock, CredentialStore, Hook, Subject, Teller
from keyward.controller.queue import Key
from keyward.controller.turn import LATER, SOON, Turn, failures_after, outcome_of, wakes
from keyward.domain import (
    admins,
    deletion,
    drift,
    leaks,
    located,
    nodes,
    projection,
    reserving,
    retention,
    retiring,
    rotation,
)
from keyward.domain import status as summary
from keyward.domain.model import Identity, Memory, Observed
from keyward.domain.steps import Apply, Issue, Prune, Reserve, Rewrap, Wait
from keyward.domain.version import Version
from keyward.errors import Blocked, Conflict, KeywardError

_log = logging.getLogger(__name__)
Json = dict[str, Any]
MOST_STEPS: Final = 40
_NOTHING: Final = Memory()  # a value that is never tried leaves nothing to learn


@dataclass(frozen=True, slots=True)
class Orphans:
    """The versions of one Credential's name, and which lineages of them live."""

    versions: tuple[Version, ...]
    live: frozenset[str]


class Gatherer(Protocol):
    """Reads of the world."""

    def subject(self, key: Key) -> Subject | None:
        """The Credential as it is known; None if it is gone. Raises Blocked if its spec cannot be followed."""

    def metadata(self, key: Key) -> Metadata | None:
        """Its metadata alone, whatever its spec is."""

    async def gather(self, run: Pass) -> Observed | None:
        """One read of the world; refreshes the pass's subject, access and accounts. None if the Credential is gone."""

    def status(self, key: Key) -> Json:
        """The status as it stands."""

    async def orphans(self) -> Iterable[Orphans]:
        """Names whose versions may have lost their Credential, by quorum reads."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a pass needs beside reads, effects and the status."""

    clock: Clock
    teller: Teller
    limits: RotationLimits
    hook: Hook


class Reconciler:
    """What the queue's workers call. One pass per Credential at a time is the queue's promise."""

    def __init__(
        self, gatherer: Gatherer, executor: Executor, credentials: CredentialStore, around: Surroundings
    ) -> None:
        self._gatherer, self._executor = gatherer, executor
        self._credentials, self._around = credentials, around
        self._clock, self._teller = around.clock, around.teller
        self._memory: dict[Key, tuple[str, Memory]] = {}

    async def reconcile(self, key: Key) -> datetime | None:
        """When to look again if nothing changes."""
        try:
            subject = self._gatherer.subject(key)
        except KeywardError as error:
            # The schema lets nothing through that cannot be parsed, but for what only we can check: zones, bytes.
            return await self._invalid(key, error)
        if subject is None:
            self._memory.pop(key, None)
            return None
        uid = subject.wish.uid
        known = self._memory.get(key)
        turn = Turn()
        async with AsyncExitStack() as stack:
            run = Pass(subject, known[1] if known and known[0] == uid else _NOTHING, stack)
            try:
                await self._steps(run, turn)
            except KeywardError as error:
                self._fail(run, turn, error)
            finally:
                if turn.underway or run.memory.at_work:
                    run.learn(at_work=run.memory.at_work + 1 if turn.underway else 0)
                self._remember(key, uid, run.memory)
                if run.slot is not None:
                    run.slot.release()
        if turn.seen is None:
            return self._clock() + SOON if turn.problem or turn.retry_after else None
        self._teller.found(turn.seen, turn.obstructed_by(), reached=run.reached)
        return await self._report(key, turn)

    def _remember(self, key: Key, uid: str, memory: Memory) -> None:
        if memory == _NOTHING:
            self._memory.pop(key, None)
        else:
            self._memory[key] = (uid, memory)

    async def _steps(self, run: Pass, turn: Turn) -> None:
        for _ in range(MOST_STEPS):
            try:
                seen = await self._gatherer.gather(run)
            except Conflict as error:
                _log.debug("gathered anew: %s", error.message)
                continue
            if seen is None:
                turn.seen = None
                return
            self._compare_clocks(run, seen)
            turn.seen = seen = turn.added_to(seen, run.memory)
            step = self._plan(seen, turn)
            if step is None:
                return
            if not self._may_begin(run, seen, step):
                turn.waits = [Wait(self._clock() + SOON, "RotationLimit")]
                return
            run.steps.append(type(step).__name__)
            try:
                await self._do(run, seen, step)
                turn.did(step)
            except Conflict as error:
                _log.debug("planned anew: %s", error.message)
            except Blocked as error:
                if not is_projection_problem(step, error):
                    raise
                turn.block(step.projection.secret_name, error)
                self._teller.failed(seen.wish, "Project", error)
        turn.retry_after = SOON

    def _compare_clocks(self, run: Pass, seen: Observed) -> None:
        since = reserving.behind_since(seen, self._clock())
        if since != run.memory.behind_since:
            run.learn(behind_since=since)

    async def _do(self, run: Pass, seen: Observed, step: Any) -> None:
        started = perf_counter()
        await self._executor.do(run, seen, step)
        self._teller.did(seen, step, run.memory, perf_counter() - started)

    def _plan(self, seen: Observed, turn: Turn) -> Any:
        turn.waits = []
        for verdict in _plans(seen, self._clock()):
            if not isinstance(verdict, Wait):
                return verdict
            turn.waits.append(verdict)
        return None

    def _may_begin(self, run: Pass, seen: Observed, step: Any) -> bool:
        """Whether a rotation may begin or go on now. Who may not is told when one of the others has ended."""
        target = seen.target
        if run.slot is not None or target is None or not isinstance(step, (Reserve, Apply, Issue)):
            return True
        namespace = seen.wish.namespace if target.identity.kind == "Target" else ""
        place = (target.identity.kind, namespace, target.identity.name)
        key = (seen.wish.namespace, seen.wish.name)
        alone = admins.changes_itself(seen)
        run.slot = self._around.limits.try_acquire(place, key, target.max_rotations, alone=alone)
        return run.slot is not None

    def _fail(self, run: Pass, turn: Turn, error: KeywardError) -> None:
        step = run.steps[-1] if run.steps else "Gather"
        error = located.at_field(error, run.subject.wish)
        turn.fail(error, step)
        if turn.underway:
            _log.info("%s goes on later: %s: %s", step, error.reason, error.message)
            return
        _log.warning("%s failed: %s: %s", step, error.reason, error.message)
        self._teller.failed(run.subject.wish, step, error)

    # --- status ---

    async def _report(self, key: Key, turn: Turn) -> datetime | None:
        seen, now = turn.seen, self._clock()
        assert seen is not None
        failures = failures_after(seen, turn, now)
        before = self._gatherer.status(key)
        outcome = outcome_of(turn, failures, before)
        after = summary.build(seen, outcome, before, now)
        due = wakes(turn, outcome, failures, now)
        if after != before and not await self._write(seen.wish.identity, before, after, warns=not turn.underway):
            due.append(now + SOON)
        return min(due, default=None)

    async def _write(self, of: Identity, before: Json, after: Json, *, warns: bool = True) -> bool:
        waits_for = summary.newly_in_the_way(before, after) if warns else None
        if waits_for is not None:
            self._teller.warn(of, *waits_for)
        try:
            await self._around.hook("status:before")
            await self._credentials.write_status(of, after)
            await self._around.hook("status:after")
        except KeywardError as error:
            _log.info("the status is written later: %s", error.message)
            return False
        return True

    async def _invalid(self, key: Key, error: KeywardError) -> datetime | None:
        """A spec that cannot be followed: said, and nothing else is touched. A deletion ends all the same."""
        found, now = self._gatherer.metadata(key), self._clock()
        if found is None:
            return None
        of = Identity(found.namespace, found.name, found.uid)
        if found.deletion_timestamp is not None and names.FINALIZER in found.finalizers:
            return await self._let_go(of, found.deletion_timestamp + deletion.DEADLINE, error)
        before = self._gatherer.status(key)
        after = summary.invalid(before, found.generation, summary.Problem(error.reason, error.message), now)
        if after != before and not await self._write(of, before, after):
            return now + SOON
        return now + LATER

    async def _let_go(self, of: Identity, deadline: datetime, error: KeywardError) -> datetime | None:
        now = self._clock()
        if now < deadline:
            return deadline
        try:
            await self._credentials.release(of)
        except KeywardError:
            return now + SOON
        self._teller.left_behind(of, f"whatever it had made ({error.message})")
        return None

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
    refused = retention.plan_refused(seen)
    if isinstance(refused, Prune):
        yield refused
    mend = nodes.plan(seen, now)
    if not isinstance(mend, Wait):
        yield mend  # before a rotation that a node holds up, and that may fail on it
    yield rotation.plan(seen, now)
    yield retiring.plan(seen, now)
    yield leaks.plan(seen, now)
    yield mend
    yield project
    yield drift.plan(seen, now)
    yield retention.plan(seen)
    rewrap = retention.plan_rewrap(seen)
    if isinstance(rewrap, (Rewrap, Reserve)):
        yield rewrap
