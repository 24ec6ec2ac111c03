"""One pass over one Credential: gather, plan, execute, one status write. The outside effects are the real ones.

What is judged is what is written: a Secret or version that was changed since it was observed ends in a Conflict.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.world.controller import Process
from tests.world.views import secret_view
from tests.world.world import World

from keyward.api import names
from keyward.controller.effects import Effects
from keyward.controller.execute import Executor, Means, Stores, is_projection_problem
from keyward.controller.passes import Pass, no_hook
from keyward.controller.ports import Access, Subject
from keyward.domain import deletion, drift, lineage, projection, retention, rotation
from keyward.domain.model import (
    Failures,
    Memory,
    Observed,
    Origin,
    Orphan,
    Project,
    Reserve,
    SourceView,
    Wait,
    Wish,
)
from keyward.domain.writes import RecordChange, SecretContent
from keyward.engines.base import AccountSet, Login
from keyward.errors import Blocked, Conflict, KeywardError, Rejected
from keyward.sensitive import Sensitive

SOON = timedelta(seconds=30)


@dataclass
class Turn:
    """What one pass has learnt of how it goes on."""

    wakes: list[datetime] = field(default_factory=list)
    stalled: str = ""
    backing_off: bool = False
    blocked: frozenset[str] = frozenset()
    problem: KeywardError | None = None


class Controller:
    """A controller's hands: lives as long as its process."""

    def __init__(self, process: Process) -> None:
        self.p = process
        self.world = process.world
        self.vault = self.world.stores[process.api.cluster]
        self.memory: dict[str, Memory] = {}
        self.hands = Executor(
            Means(
                stores=Stores(process.versions, process.credentials, process.secrets),
                vault=self.vault,
                effects=Effects(self.vault, no_hook),
                contents=Contents(self.world),
                clock=self.world.clock,
                hook=no_hook,
                known_lineages=lambda: frozenset(s.version.lineage for s in process.api.versions.values()),
                note_secret=lambda _namespace, _view, _name: None,
            )
        )

    # --- a pass ---

    async def pass_once(self, name: str) -> datetime | None:
        """Until nothing is left to do; when to come back."""
        found = self.p.cache.credentials.get(name)
        if found is None:
            return None
        turn = Turn()
        async with AsyncExitStack() as stack:
            run = Pass(Subject(None, found.wish()), self.memory.get(found.uid, Memory()), stack)  # type: ignore[arg-type]
            try:
                await self._steps(name, run, turn)
            except KeywardError as error:
                turn.problem = error
                self.world.problems.append(f"{error}")
            self.memory[found.uid] = run.memory
        await self._write_status(name, turn)
        return min(turn.wakes, default=None)

    async def _steps(self, name: str, run: Pass, turn: Turn) -> None:
        for _ in range(12 if self.p.frozen else 60):
            seen = await self._gather(name, run, turn)
            if seen is None:
                return
            step = self._plan(seen, turn)
            if step is None:
                return
            try:
                await self.hands.do(run, seen, step)
            except (Conflict, Rejected):
                continue
            except Blocked as error:
                if not is_projection_problem(step, error):
                    raise
                turn.blocked |= {step.projection.secret_name}
        if not self.p.frozen:
            raise AssertionError(f"no end of steps: {step}")
        turn.wakes = [self.world.clock() + SOON]

    async def _gather(self, name: str, run: Pass, turn: Turn) -> Observed | None:
        found = self.p.cache.credentials.get(name)
        if found is None:
            return None
        wish, world = found.wish(), self.world
        run.subject = Subject(None, wish)  # type: ignore[arg-type]
        run.access = Access(self.p.engine, world.place, Login("admin", Sensitive("admin")))
        run.accounts = accounts_of(wish) if wish.logs_in else None
        versions = await self.p.versions.list(wish.namespace, name)
        failures = found.status.get("failures", {})
        source = None
        if not wish.logs_in and world.source is not None:
            source = SourceView(self.vault.source_digest(Sensitive(world.source)))
        return Observed(
            wish=wish,
            cluster=self.p.api.cluster,
            versions=versions,
            secrets={n: secret_view(s) for n, s in self.p.cache.secrets.items()},
            target=world.target if wish.logs_in else None,
            source=source,
            memory=run.memory,
            failures=Failures(failures.get("count", 0), failures.get("lastAt")),
            writable_key=(wish.key, self.vault.key_version),
            blocked_secrets=turn.blocked,
        )

    def _plan(self, seen: Observed, turn: Turn) -> Any:
        now = self.world.clock()
        turn.wakes, turn.stalled, turn.backing_off = [now + SOON] if turn.blocked else [], "", False
        for verdict in self._plans(seen, now):
            if not isinstance(verdict, Wait):
                return verdict
            if verdict.until is not None:
                turn.wakes.append(verdict.until)
            turn.backing_off |= verdict.reason == "BackOff"
            if verdict.stalled:
                turn.stalled = f"{verdict.reason}: {verdict.message}"
        return None

    def _plans(self, seen: Observed, now: datetime) -> list[Any]:
        if seen.wish.deleting_since is not None:
            return [deletion.plan(seen, now)]
        return [
            projection.plan(seen),
            rotation.plan(seen, now),
            drift.plan(seen, now),
            retention.plan(seen),
            retention.plan_rewrap(seen),
        ]

    async def _write_status(self, name: str, turn: Turn) -> None:
        found = self.p.cache.credentials.get(name)
        if found is None:
            return
        status = dict(found.status)
        if turn.problem is not None:
            count = status.get("failures", {}).get("count", 0) + 1
            status |= {"failures": {"count": count, "lastAt": self.world.clock()}, "problem": str(turn.problem)}
            turn.wakes.append(self.world.clock() + SOON)
        elif not turn.backing_off:
            status.pop("failures", None)
            status.pop("problem", None)
            status["wait"] = turn.stalled
        if status == found.status:
            return
        try:
            await self.p.credentials.write_status(found.wish(), status)
        except KeywardError:
            turn.wakes.append(self.world.clock() + SOON)

    async def sweep(self) -> datetime | None:
        """Orphaned lineages begin their window, and end after it."""
        live = frozenset(
            c.annotations.get("keyward.dev/lineage") or lineage.derive(c.uid) for c in self.p.api.credentials.values()
        )
        names = sorted({s.version.credential for s in self.p.api.versions.values()})
        try:
            for name in names:
                for step in deletion.sweep(await self.p.versions.list("shop", name), live, self.world.clock()):
                    if isinstance(step, Orphan):
                        await self.p.versions.update(step.version, RecordChange(orphaned_at=self.world.clock()))
                    else:
                        await self.p.versions.delete(step.version)
        except KeywardError:
            return self.world.clock() + SOON
        return self.world.clock() + timedelta(hours=12) if names and not live else None


class Contents:
    """New values, and the plainest Secret there is."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def value_of(self, run: Pass, step: Reserve) -> Sensitive:
        if step.origin is Origin.IMPORTED:
            return Sensitive(self._world.imports[step.account])
        if step.origin is Origin.SOURCE:
            return Sensitive(self._world.source or b"")
        return Sensitive(self._world.new_value())

    def render(
        self, run: Pass, step: Project, values: tuple[Sensitive, Sensitive | None], at: datetime
    ) -> SecretContent:
        wish, data = run.subject.wish, {"value": values[0]}
        if wish.logs_in:
            data = {"username": Sensitive(step.version.account), "password": values[0]}
        return SecretContent(
            namespace=wish.namespace,
            name=step.projection.secret_name,
            type="Opaque",
            data=data,
            labels={
                names.LABEL_MANAGED_BY: names.MANAGED_BY,
                names.LABEL_LINEAGE: step.version.lineage,
                names.LABEL_CREDENTIAL: wish.name,
            },
            annotations={
                names.ANNOTATION_SEQUENCE: str(step.version.sequence),
                names.ANNOTATION_PREVIOUS_SEQUENCE: str(step.previous.sequence if step.previous else 0),
                names.ANNOTATION_SHAPE: step.projection.shape,
                names.ANNOTATION_WRITTEN_AT: at.isoformat(),
            },
            owner=(wish.name, wish.uid) if wish.deletion.secrets == "Delete" else None,
        )


def accounts_of(wish: Wish) -> AccountSet:
    """Created accounts come with the role that holds their rights."""
    rights = None if wish.imported else f"{wish.accounts[0]}_rights"
    return AccountSet(wish.accounts, created=not wish.imported, rights_role=rights)
