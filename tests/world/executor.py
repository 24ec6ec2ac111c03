"""One pass over one Credential: gather, plan, execute, one status write. The outside effects are the real ones.

What is judged is what is written: a Secret or version that was changed since it was observed ends in a Conflict.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.world.controller import Process
from tests.world.views import PREFIX, secret_view

from keyward.controller.effects import Bearings, Effects
from keyward.controller.passes import Pass, no_hook
from keyward.controller.ports import Access, Subject
from keyward.domain import deletion, drift, lineage, projection, retention, rotation
from keyward.domain.model import (
    Annotate,
    Apply,
    Close,
    Disable,
    Drop,
    Enable,
    Failures,
    Memory,
    NoteDisabled,
    Observed,
    Origin,
    Orphan,
    PreviousLink,
    Project,
    Promote,
    Prune,
    Release,
    Reserve,
    Retire,
    Return,
    Rewrap,
    SourceView,
    Unproject,
    Verify,
    Version,
    Wait,
    Wish,
)
from keyward.domain.writes import NewVersion, RecordChange, SecretContent
from keyward.engines.base import AccountSet, Action, Login
from keyward.errors import Blocked, Conflict, KeywardError, Reason, Rejected
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


class Executor:
    """A controller's hands: lives as long as its process."""

    def __init__(self, process: Process) -> None:
        self.p = process
        self.world = process.world
        self.vault = self.world.stores[process.api.cluster]
        self.effects = Effects(self.vault, no_hook)
        self.memory: dict[str, Memory] = {}
        self._acts: dict[type, Callable[[Pass, Observed, Any], Awaitable[object]]] = {
            Reserve: self._reserve,
            Annotate: lambda _run, seen, step: self.p.credentials.annotate(seen.wish, step.lineage, step.finalizer),
            Apply: self._apply,
            Verify: self._verify,
            Promote: lambda _run, _seen, step: self._record(step.version, promotion=step.promotion),
            Retire: lambda _run, _seen, step: self._record(step.version, retired=(step.as_, self.world.clock())),
            Return: lambda _run, _seen, step: self._record(step.version, returned=True),
            Enable: self._enable,
            Prune: lambda _run, _seen, step: self.p.versions.delete(step.version),
            Rewrap: self._rewrap,
            Project: self._project,
            Unproject: lambda _run, seen, step: self.p.secrets.delete(seen.wish.namespace, step.secret),
            NoteDisabled: self._note_disabled,
            Disable: lambda run, _seen, step: self._remove(run, step.version, Action.DISABLE),
            Drop: lambda run, _seen, step: self._remove(run, step.version, Action.DROP),
            Close: lambda _run, _seen, step: self._record(step.version, closed_at=self.world.clock()),
            Release: lambda _run, seen, _step: self.p.credentials.release(seen.wish),
        }

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
                await self._acts[type(step)](run, seen, step)
            except (Conflict, Rejected):
                continue
            except Blocked:
                if not isinstance(step, Project):
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
                        await self._record(step.version, orphaned_at=self.world.clock())
                    else:
                        await self.p.versions.delete(step.version)
        except KeywardError:
            return self.world.clock() + SOON
        return self.world.clock() + timedelta(hours=12) if names and not live else None

    # --- steps ---

    async def _record(self, version: Version, **change: Any) -> Version:
        return await self.p.versions.update(version, RecordChange(**change))

    async def _open(self, version: Version) -> Sensitive:
        stored = await self.p.versions.read(version)
        if stored is None:
            raise Conflict(Reason.WRITTEN_BY_ANOTHER, "the version is gone")
        return await self.vault.open(stored)

    def _value(self, step: Reserve) -> Sensitive:
        if step.origin is Origin.IMPORTED:
            return Sensitive(self.world.imports[step.account])
        if step.origin is Origin.SOURCE:
            return Sensitive(self.world.source or b"")
        return Sensitive(self.world.new_value())

    async def _reserve(self, run: Pass, seen: Observed, step: Reserve) -> None:
        wish, above = seen.wish, step.previous
        if wish.logs_in:
            history = lineage.group(seen.versions).get(step.lineage)
            await self.effects.check(run, history.highest if history else None)
        new = NewVersion(
            namespace=wish.namespace,
            credential=wish.name,
            lineage=step.lineage,
            sequence=step.sequence,
            version_id=step.version_id,
            type=wish.type,
            cluster=seen.cluster,
            cause=step.cause,
            mode=wish.mode,
            origin=step.origin,
            account=step.account,
            accounts=wish.accounts,
            target=wish.target,
            source_digest=seen.source.digest if seen.source else "",
            previous=PreviousLink(above.sequence, above.digest) if above else None,
            envelope={},
            wraps=(),
            promotion=step.promotion,
        )
        await self.p.versions.create(await self.vault.seal(self._value(step), new, wish.key))
        run.learn(unsent=run.memory.unsent | {step.sequence})

    async def _apply(self, run: Pass, seen: Observed, step: Apply) -> None:
        known = frozenset(v.lineage for v in seen.versions)
        await self.effects.apply(run, step.version, await self._open(step.version), Bearings(known))

    async def _verify(self, run: Pass, _seen: Observed, step: Verify) -> None:
        await self.effects.verify(run, step.version, await self._open(step.version))
        run.learn(drift_checked_at=self.world.clock())

    async def _enable(self, run: Pass, _seen: Observed, step: Enable) -> None:
        await self.effects.remove(run, step.version, Action.ENABLE)
        await self._record(step.version, enabled=True)

    async def _note_disabled(self, _run: Pass, seen: Observed, step: NoteDisabled) -> None:
        await self._record(step.version, disabled_by=(seen.wish.uid, self.world.clock()))

    async def _remove(self, run: Pass, version: Version, action: Action) -> None:
        await self.effects.remove(run, version, action)
        run.learn(accounts_removed=True)

    async def _rewrap(self, _run: Pass, seen: Observed, step: Rewrap) -> None:
        stored = await self.p.versions.read(step.version)
        if stored is not None:
            await self._record(step.version, wraps=await self.vault.rewrap(stored, seen.wish.key))

    async def _project(self, _run: Pass, seen: Observed, step: Project) -> None:
        content = self._content(seen.wish, step, await self._open(step.version))
        there = await self.p.secrets.read(content.namespace, content.name)
        if there is None:
            await self.p.secrets.create(content)
            return
        judged = seen.secrets.get(content.name)
        if judged is None or judged.resource_version != there.metadata["resourceVersion"]:
            raise Conflict(Reason.WRITTEN_BY_ANOTHER, "the Secret was changed since it was judged")
        await self.p.secrets.replace(content, there)

    def _content(self, wish: Wish, step: Project, value: Sensitive) -> SecretContent:
        data = {"value": value}
        if wish.logs_in:
            data = {"username": Sensitive(step.version.account), "password": value}
        notes = {
            "sequence": str(step.version.sequence),
            "previous-sequence": str(step.previous.sequence if step.previous else 0),
            "shape": step.projection.shape,
            "written-at": self.world.clock().isoformat(),
        }
        return SecretContent(
            namespace=wish.namespace,
            name=step.projection.secret_name,
            type="Opaque",
            data=data,
            labels={PREFIX + "lineage": step.version.lineage, PREFIX + "credential": wish.name},
            annotations={PREFIX + key: text for key, text in notes.items()},
            owner=(wish.name, wish.uid) if wish.deletion.secrets == "Delete" else None,
        )


def accounts_of(wish: Wish) -> AccountSet:
    """Created accounts come with the role that holds their rights."""
    rights = None if wish.imported else f"{wish.accounts[0]}_rights"
    return AccountSet(wish.accounts, created=not wish.imported, rights_role=rights)
