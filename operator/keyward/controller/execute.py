"""The executor: each planned step becomes exactly one effect, on what was judged and nothing else.

A Secret or version that was changed since it was observed ends in a Conflict, and the pass gathers again. Nothing here
decides what to do next, and no value leaves by any other way than the vault, the engine and a Secret's content.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol

from keyward.controller import gap, logs
from keyward.controller.effects import Bearings, Effects
from keyward.controller.issuing import Issuing
from keyward.controller.passes import Hook, Pass
from keyward.controller.ports import Clock, CredentialStore, SecretStore, Vault, VersionStore
from keyward.controller.projecting import Projecting
from keyward.controller.reserving import Reserving, place_of
from keyward.domain import commands, doubt, issuing, nodes, retiring
from keyward.domain.history import of_lineage
from keyward.domain.model import Observed, SecretView
from keyward.domain.steps import (
    Annotate,
    Apply,
    Close,
    Disable,
    Disprove,
    Drop,
    Enable,
    End,
    Issue,
    MakeRoom,
    Mend,
    NoteDisabled,
    Orphan,
    Project,
    Promote,
    Prune,
    Release,
    Reserve,
    Retire,
    Return,
    Rewrap,
    Unproject,
    Verify,
    Withdraw,
)
from keyward.domain.version import Mode, RetiredAs, Version
from keyward.domain.writes import RecordChange, SecretContent
from keyward.engines.base import Action
from keyward.engines.pernode import Stored
from keyward.errors import Blocked, Conflict, KeywardError, Reason
from keyward.sensitive import Sensitive


@dataclass(frozen=True, slots=True)
class Stores:
    """The API server's side."""

    versions: VersionStore
    credentials: CredentialStore
    secrets: SecretStore


class Contents(Protocol):
    """Where new values come from, and how a Secret is rendered."""

    async def value_of(self, run: Pass, step: Reserve) -> Sensitive:
        """The value of a version that is about to be reserved: generated, imported, or read from the source."""

    def render(
        self, run: Pass, step: Project, values: tuple[Sensitive, Sensitive | None], at: datetime
    ) -> SecretContent:
        """The whole Secret, from the values of current and previous."""


@dataclass(frozen=True, slots=True)
class Means:
    """What an executor works with."""

    stores: Stores
    vault: Vault
    effects: Effects
    contents: Contents
    clock: Clock
    hook: Hook
    known_lineages: Callable[[], frozenset[str]]  # of this store: with versions or a live Credential
    note_secret: Callable[[str, SecretView | None, str], None]  # (namespace, as it is now or None, its name)


_NAMED_BY_EFFECTS = (
    Apply,
    Issue,
    MakeRoom,
    Withdraw,
    Verify,
    Mend,
    Enable,
    Disable,
    Drop,
    End,
)  # these have their own named points
_TOLD: Final = {  # in the log of ordinary service; all else is there with --verbose
    Apply: "the value was set on the target",
    Issue: "the target has issued a value, and it is stored",
    Promote: "the version is current",
    Retire: "the version is of no use any more",
    Enable: "the accounts may log in again",
    Disable: "the accounts may not log in any more",
    Drop: "the accounts are dropped, or disabled if they own objects",
    End: "the previous value logs in no more",
    Disprove: "the value that has leaked is refused",
    Close: "the lineage is over",
    Release: "the Credential is let go",
}
_log = logging.getLogger(__name__)


class Executor:
    """Does steps."""

    def __init__(self, means: Means) -> None:
        self._m = means
        self._issuing = Issuing(means.stores.versions, means.vault, means.hook, means.clock, self._open)
        self._projecting = Projecting(
            means.stores.secrets, means.contents.render, means.clock, means.note_secret, self._open
        )
        self._reserving = Reserving(
            means.stores.versions, means.vault, means.effects, means.contents.value_of, self._issuing
        )
        self._acts: dict[type, Callable[[Pass, Observed, Any], Awaitable[object]]] = {
            Reserve: self._reserving.reserve,
            Annotate: self._annotate,
            Apply: self._apply,
            MakeRoom: lambda run, seen, step: self._issuing.make_room(run, seen, step.version),
            Issue: lambda run, seen, step: self._issuing.issue(run, seen, step.version),
            Withdraw: lambda run, seen, step: self._issuing.withdraw(run, seen, step.version),
            Verify: self._verify,
            Mend: self._mend,
            Promote: self._promote,
            Retire: lambda _run, _seen, step: self._record(
                step.version, RecordChange(retired=(step.as_, means.clock()))
            ),
            Return: lambda _run, _seen, step: self._record(step.version, RecordChange(returned=True)),
            Enable: self._enable,
            Prune: lambda _run, _seen, step: means.stores.versions.delete(step.version),
            Rewrap: self._rewrap,
            Project: self._projecting.project,
            Unproject: self._projecting.remove,
            NoteDisabled: self._note_disabled,
            Disable: lambda run, _seen, step: self._remove(run, step.version, Action.DISABLE),
            Drop: lambda run, _seen, step: self._remove(run, step.version, Action.DROP),
            End: self._end,
            Disprove: self._disprove,
            Close: lambda _run, _seen, step: self._record(step.version, RecordChange(closed_at=means.clock())),
            Release: lambda _run, seen, _step: means.stores.credentials.release(seen.wish.identity),
        }

    async def do(self, run: Pass, seen: Observed, step: Any) -> None:
        """One step.

        Raises:
            Conflict: somebody wrote first; gather and plan anew.
            Rejected: the candidate was refused for certain; plan anew.
            Retry, Blocked: as the ports say.
        """
        act, name = self._acts[type(step)], type(step).__name__.lower()
        with logs.bound(step=name, **_version_of(step)):
            if isinstance(step, _NAMED_BY_EFFECTS):
                await act(run, seen, step)
            else:
                await self._m.hook(f"{name}:before")
                await act(run, seen, step)
                await self._m.hook(f"{name}:after")
            told = _TOLD.get(type(step))
            _log.log(logging.INFO if told else logging.DEBUG, told or "done")

    async def sweep(self, step: Orphan | Prune) -> None:
        """A step for a lineage that has no Credential. Raises Conflict: somebody wrote first."""
        if isinstance(step, Orphan):
            await self._record(step.version, RecordChange(orphaned_at=self._m.clock()))
        else:
            await self._m.stores.versions.delete(step.version)

    # --- versions ---

    async def _record(self, version: Version, change: RecordChange) -> Version:
        return await self._m.stores.versions.update(version, change)

    async def _open(self, run: Pass, version: Version) -> Sensitive:
        """The value of a version, read and opened once in a pass."""
        place = place_of(version)
        if place not in run.values:
            stored = await self._m.stores.versions.read(version)
            if stored is None:
                raise Conflict(Reason.WRITTEN_BY_ANOTHER, f"CredentialVersion {version.name} is not there any more")
            run.values[place] = await self._m.vault.open(stored)
        return run.values[place]

    async def _rewrap(self, _run: Pass, seen: Observed, step: Rewrap) -> None:
        stored = await self._m.stores.versions.read(step.version)
        if stored is None:
            raise Conflict(Reason.WRITTEN_BY_ANOTHER, f"CredentialVersion {step.version.name} is not there any more")
        wraps = await self._m.vault.rewrap(stored, seen.wish.key)
        await self._record(step.version, RecordChange(wraps=wraps))

    async def _promote(self, run: Pass, _seen: Observed, step: Promote) -> None:
        await self._record(step.version, RecordChange(promotion=step.promotion))
        # Who goes back to another one logs in with it anew: much may have come over its account since its last login.
        own, memory = step.version.sequence, run.memory
        run.learn(proven=frozenset(login for login in memory.proven if login[0] == own), sent=memory.sent & {own})

    async def _note_disabled(self, _run: Pass, seen: Observed, step: NoteDisabled) -> None:
        await self._record(step.version, RecordChange(disabled_by=(seen.wish.uid, self._m.clock())))

    # --- the Credential ---

    async def _annotate(self, _run: Pass, seen: Observed, step: Annotate) -> None:
        await self._m.stores.credentials.annotate(seen.wish, step.lineage, step.finalizer)

    # --- outside ---

    async def _apply(self, run: Pass, seen: Observed, step: Apply) -> None:
        current = of_lineage(seen, step.version.lineage).current
        bearings = self._bearings(seen, step.version)
        if current is not None and step.version.mode is Mode.OVERLAP:
            bearings = replace(bearings, keep=await self._open(run, current))
        bearings = replace(bearings, sending=lambda: gap.begin(run, step.version, self._m.clock()))
        value = await self._open(run, step.version)
        try:
            await self._m.effects.apply(run, step.version, value, bearings)
        finally:
            # What was seen of the system's nodes before tells nothing of them any more.
            run.learn(nodes=None, nodes_changed_at=self._m.clock())

    def _bearings(self, seen: Observed, version: Version) -> Bearings:
        history = of_lineage(seen, version.lineage)
        named = commands.takes_over(seen, history)
        # A takeover that was acted on when this version was reserved speaks for its apply as well.
        handled = version.cause.handled.takeover is not None and doubt.why(seen, history) is None
        return Bearings(
            known_lineages=self._m.known_lineages(),
            takeover=named or handled,
            takeover_text=commands.takeover_text(seen, history),
            in_use=history.current.account if history.current else None,
            record_applying=partial(self._applying, version),
        )

    async def _end(self, run: Pass, seen: Observed, step: End) -> None:
        top = of_lineage(seen, step.version.lineage).highest
        assert top is not None
        old, keep = await self._open(run, step.version), await self._open(run, step.current)
        forced = retiring.is_forced(seen, step.current)
        try:
            await self._m.effects.end(run, top, (old, keep), self._bearings(seen, top), forced=forced)
        finally:
            run.learn(nodes=None, nodes_changed_at=self._m.clock())
        if forced:
            await self._m.effects.disprove(run, step.version, old)
        await self._record(step.version, RecordChange(retired=(RetiredAs.ENDED, self._m.clock())))

    async def _disprove(self, run: Pass, _seen: Observed, step: Disprove) -> None:
        await self._m.effects.disprove(run, step.version, await self._open(run, step.version))
        run.learn(ended=run.memory.ended | {step.version.sequence})

    async def _applying(self, version: Version) -> None:
        """Right before the send, where no mark will tell of it: who acts on a version as it was long ago stops here."""
        await self._record(version, RecordChange(applying_at=self._m.clock()))

    async def _verify(self, run: Pass, seen: Observed, step: Verify) -> None:
        if seen.wish.issued:
            # A refusal of what was just issued may be the system's slowness, and is asked again; later it is one.
            sent, own = run.memory.sent, {step.version.sequence}
            run.learn(sent=sent | own if issuing.is_new(step.version, self._m.clock()) else sent - own)
        await self._m.effects.verify(run, step.version, await self._open(run, step.version))
        run.learn(drift_checked_at=self._m.clock())

    async def _mend(self, run: Pass, seen: Observed, step: Mend) -> None:
        stored: dict[str, Stored] = {}
        for version in step.settled:
            value, current = await self._open(run, version), stored.get(version.account)
            # The second one of the same account is the one before current, which is not ended yet.
            stored[version.account] = Stored(settled=value) if current is None else replace(current, beside=value)
        for version in step.pending:
            known = stored.get(version.account, Stored())
            stored[version.account] = replace(known, pending=await self._open(run, version))
        try:
            mended = await self._m.effects.mend(run, stored)
        except KeywardError as error:
            # A node that cannot be mended now is looked at again soon; no rotation is held up, and none backs off.
            _log.warning("a node lacks what others hold: %s", error.message)
            run.learn(mending_failed_at=self._m.clock())
            return
        run.learn(**nodes.learnt(seen, mended, self._m.clock()))
        if mended.given:
            _log.info("these nodes were given what they lacked: %s", ", ".join(mended.given))

    async def _enable(self, run: Pass, _seen: Observed, step: Enable) -> None:
        await self._m.effects.remove(run, step.version, Action.ENABLE)
        await self._record(step.version, RecordChange(enabled=True))

    async def _remove(self, run: Pass, version: Version, action: Action) -> None:
        done = await self._m.effects.remove(run, version, action)
        run.learn(accounts_removed=True, accounts_kept=done is not action)


def _version_of(step: object) -> dict[str, str]:
    version = getattr(step, "version", None)
    return {"version": version.version_id} if isinstance(version, Version) else {}


def is_projection_problem(step: object, error: Exception) -> bool:
    """Whether an error ends only this projection, not the pass."""
    return isinstance(step, Project) and isinstance(error, Blocked)
