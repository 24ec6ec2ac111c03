"""Steps of types whose values the system issues: room is made, the value issued and stored, what a kill left is withdrawn.

Between the answer that tells a value and the write that stores it stands nothing else: no look, no other call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from keyward.controller.passes import Hook, Pass
from keyward.controller.ports import Clock, Vault, VersionStore
from keyward.domain import access_keys, issuing
from keyward.domain.history import History, of_lineage
from keyward.domain.issuing import Note
from keyward.domain.model import Observed
from keyward.domain.version import RetiredAs, Version
from keyward.domain.writes import IssuedValue, RecordChange, StoredVersion
from keyward.engines.issuing import Held, Issued, IssuingSession
from keyward.errors import Blocked, Conflict, KeywardError, Reason, Rejected, Retry, Unsettled
from keyward.sensitive import Sensitive

_TRIES: Final = 3  # to store a value that is told once
Opener = Callable[[Pass, Version], Awaitable[Sensitive]]


@dataclass(frozen=True, slots=True)
class Issuing:
    """The half of the executor that only such types need."""

    versions: VersionStore
    vault: Vault
    hook: Hook
    clock: Clock
    opened: Opener

    async def imported(self, run: Pass, value: Sensitive) -> Note:
        """The note of a value that is given: every key of the user must be in it, or the user had no room or a stranger's."""
        ids = access_keys.ids(value)
        async with _session(run) as session:
            held = await session.holdings(_user(run))
        if issuing.strangers(ids, held.values):
            raise Blocked(
                Reason.UNKNOWN_ACCESS_KEY,
                f"spec.ram.accessKeysFrom: RAM user {_user(run)!r} has an AccessKey that is not in the Secrets: give id and "
                "secret of every key that the user has, or delete the one that is not used",
            )
        return Note(ids, held.at)

    async def note(self, run: Pass, seen: Observed, name: str) -> Note:
        """The note of the next intent. Raises Blocked if a key is nobody's that we know."""
        history = of_lineage(seen, name)
        sources = [v for v in {history.current, history.highest} if v is not None and v.digest]
        ids = [id_ for version in sources for id_ in access_keys.ids(await self.opened(run, version))]
        async with _session(run) as session:
            held = await session.holdings(_user(run))
        found = issuing.note(history, ids, held.at)
        if issuing.strangers(found.known, held.values):
            top, text = history.highest, issuing.protected(seen)
            run.learn(swept=frozenset())
            if top is not None and top.retired is RetiredAs.LOST:
                raise Retry(Reason.UNKNOWN_ACCESS_KEY, text)  # it may be the lost one, which was not listed before
            raise Blocked(Reason.UNKNOWN_ACCESS_KEY, text)
        current = await self._current(run, history)
        if any(key.id == current and not key.active for key in held.values):
            raise Blocked(
                Reason.ACCOUNT_DISABLED,
                "somebody switched the AccessKey in use off: switch it on again, or delete it, then another one is issued",
            )
        return found

    async def _current(self, run: Pass, history: History) -> str:
        """The id of the key that consumers use; empty if there is none."""
        current = history.current
        return access_keys.ids(await self.opened(run, current))[0] if current is not None else ""

    async def make_room(self, run: Pass, seen: Observed, version: Version) -> None:
        """Withdraw one key that is this Credential's and not in use, if the user has as many as there can be."""
        current = await self._current(run, of_lineage(seen, version.lineage))
        async with _session(run) as session:
            held = (await session.holdings(version.account)).values
            if issuing.strangers(version.known, held):
                run.learn(refused=run.memory.refused | {version.sequence})
                raise Conflict(Reason.UNKNOWN_ACCESS_KEY, "a key turned up that was not there at the reservation")
            if len(held) >= session.most:
                # What is off already first; then the one that was named last.
                over = [key for key in held if key.id != current]
                place = {id_: number for number, id_ in enumerate(version.known)}
                key = max(over, key=lambda k: (not k.active, place[k.id]))
                await self._withdraw(session, version, key.id)
        run.learn(cleared=run.memory.cleared | {version.sequence})

    async def issue(self, run: Pass, seen: Observed, version: Version) -> None:
        """Have the value issued and store it. What it was told is nobody's if it cannot be stored: then it is withdrawn."""
        current = version

        async def send() -> None:
            nonlocal current
            current = await self.versions.update(version, RecordChange(applying_at=self.clock()))
            await self.hook("issue:send")

        async with _session(run) as session:
            await self.hook("issue:before")
            try:
                issued = await session.issue(version.account, send)
            except (Rejected, Unsettled):
                run.forget_sent(version.sequence)
                raise
            await self.hook("issue:store")
            await self._keep(run, session, current, issued, seen.wish.key)
        await self.hook("issue:after")
        sequence = version.sequence
        run.learn(unsent=run.memory.unsent - {sequence}, sent=run.memory.sent | {sequence})

    async def _keep(self, run: Pass, session: IssuingSession, version: Version, issued: Issued, key: str) -> None:
        """Raises KeywardError: it is not stored, or nobody knows; unless the API server never answered, it is withdrawn."""
        failure: KeywardError
        run.forget_sent(version.sequence)
        try:
            sealed = await self.vault.seal(issued.value, version, key)
            digest = self.vault.digest(StoredVersion(version, sealed.envelope, sealed.wraps))
            await self._store(version, IssuedValue(sealed, digest, self.clock()))
        except Retry:
            raise  # it may be stored: then a login tells; if it is not, the next pass withdraws it
        except KeywardError as error:
            failure = error
        else:
            return
        await session.withdraw(version.account, issued.id, _at_once)
        raise failure

    async def _store(self, version: Version, issued: IssuedValue) -> None:
        failure: KeywardError | None = None
        for _ in range(_TRIES):
            try:
                await self.versions.update(version, RecordChange(issued=issued))
            except Conflict as error:
                stored = await self.versions.read(version)
                if stored is None or stored.version.digest != issued.digest:
                    raise error from None
            except Retry as error:
                failure = error
                continue
            return
        assert failure is not None
        raise failure

    async def withdraw(self, run: Pass, seen: Observed, version: Version) -> None:
        """Of a lost intent: a key that nobody knows, made since then and never used. Any other is somebody's."""
        async with _session(run) as session:
            unknown = issuing.strangers(version.known, (await session.holdings(version.account)).values)
            for key in unknown:
                if not await self._is_orphan(session, version, key, alone=len(unknown) == 1):
                    raise Blocked(Reason.UNKNOWN_ACCESS_KEY, issuing.protected(seen))
                await self._withdraw(session, version, key.id)
        run.learn(swept=run.memory.swept | {version.sequence})

    async def _is_orphan(self, session: IssuingSession, version: Version, key: Held, *, alone: bool) -> bool:
        return alone and issuing.may_be_ours(version, key) and not await session.was_used(version.account, key.id)

    async def _withdraw(self, session: IssuingSession, version: Version, id_: str) -> None:
        await self.hook("withdraw:before")
        await session.withdraw(version.account, id_, self._sending)
        await self.hook("withdraw:after")

    async def _sending(self) -> None:
        await self.hook("withdraw:send")


class _session:  # noqa: N801 - used as a function
    """The pass's admin session, which ends with the step."""

    def __init__(self, run: Pass) -> None:
        self._run = run

    async def __aenter__(self) -> IssuingSession:
        session = await self._run.admin()
        assert isinstance(session, IssuingSession)
        return session

    async def __aexit__(self, *_: object) -> None:
        await self._run.drop_session()


async def _at_once() -> None:
    """Nothing is asked before what must not stay is withdrawn."""


def _user(run: Pass) -> str:
    assert run.accounts is not None
    return run.accounts.names[0]
