"""What the suite calls a change, where the system picks the value and tells it once: the calls of the executor, in its order.

A value that is told is stored, and never asked for again. If none is told, it is what a process leaves that is killed: a
record that one was asked for. Then what is there, and nobody knows, is withdrawn before another one is issued.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tests.engines.conformance.led import Wrapped

from keyward.domain import access_keys, issuing
from keyward.engines.base import (
    AccountSet,
    Action,
    AdminSession,
    BeforeSend,
    Change,
    Inspection,
    Login,
    Place,
    Removal,
)
from keyward.engines.issuing import Held, IssuingSession
from keyward.engines.overlap import Ending
from keyward.errors import Blocked, Reason, Retry, Unsettled
from keyward.sensitive import Sensitive


@dataclass(slots=True)
class Intent:
    """That a value was asked for: `since` is by the system's clock."""

    since: datetime
    applying_at: datetime | None = None


@dataclass(slots=True)
class Record:
    """What is stored of one account: the ids that are its own, each value by the digest in its version's name."""

    known: list[str] = field(default_factory=list)
    values: dict[str, Sensitive] = field(default_factory=dict)
    lost: Intent | None = None  # whose value nobody was told

    def keep(self, digest: str, value: Sensitive) -> None:
        self.known += access_keys.ids(value)
        self.values[digest] = value


Records = dict[str, Record]
"""By account."""


@dataclass(frozen=True)
class Issuer(Wrapped):
    """Implements `Engine` around one whose sessions are `IssuingSession`s."""

    records: Records

    def open(self, place: Place, admin: Login, timeout: float) -> AbstractAsyncContextManager[AdminSession]:
        return self._open(self.engine.open(self.real.of(place), admin, timeout))

    @contextlib.asynccontextmanager
    async def _open(self, opened: AbstractAsyncContextManager[AdminSession]) -> AsyncIterator[AdminSession]:
        async with opened as session:
            assert isinstance(session, IssuingSession)
            yield Session(session, self.records)


@dataclass
class Session:
    """Implements `OverlapSession`."""

    session: IssuingSession
    records: Records

    async def inspect(self, accounts: AccountSet) -> Inspection:
        """With what each account holds, in the place of a mark: the suite sees by it whether anything was changed."""
        found = await self.session.inspect(accounts)
        states = dict(found.accounts)
        for name in (name for name, state in states.items() if state.exists):
            held = (await self.session.holdings(name)).values
            states[name] = replace(states[name], mark=" ".join(f"{key.id}:{key.active}" for key in held))
        return replace(found, accounts=states)

    async def check(self, accounts: AccountSet, inspection: Inspection) -> None:
        await self.session.check(accounts, inspection)

    async def end(self, ending: Ending, before_send: BeforeSend) -> None:
        await self.session.end(ending, before_send)

    async def remove(self, removal: Removal, before_send: BeforeSend) -> Action:
        return await self.session.remove(removal, before_send)

    async def apply(self, change: Change, before_send: BeforeSend) -> None:
        """Have a value issued for this version, unless one is stored. `before_send` is asked once, before the first effect."""
        failure = None
        try:
            await self._apply(change, before_send)
        except Retry as error:
            # That the last call was not sent is no Retry of the whole, if a call before it has changed something.
            failure = Unsettled(error.reason, error.message) if self.session.requests else error
        if failure is not None:
            raise failure

    async def _apply(self, change: Change, before_send: BeforeSend) -> None:
        account = change.account
        record, digest = self.records.setdefault(account, Record()), change.comments[account].rpartition(" ")[2]
        if digest in record.values:
            return
        once = _Once(before_send)
        held = await self.session.holdings(account)
        await self._withdraw_strangers(record, account, held.values, once.ask)
        await self._make_room(record, change, once.ask)
        intent = record.lost = Intent(record.lost.since if record.lost else held.at)

        async def send() -> None:
            await once.ask()
            intent.applying_at = datetime.now(UTC)

        issued = await self.session.issue(account, send)
        record.keep(digest, issued.value)
        record.lost = None

    async def _withdraw_strangers(
        self, record: Record, account: str, held: tuple[Held, ...], before_send: BeforeSend
    ) -> None:
        unknown = issuing.strangers(record.known, held)
        for key in unknown:
            if len(unknown) > 1 or not await self._is_orphan(record, account, key):
                raise Blocked(Reason.UNKNOWN_ACCESS_KEY, "a value that is nobody's that we know")
            await self.session.withdraw(account, key.id, before_send)

    async def _is_orphan(self, record: Record, account: str, key: Held) -> bool:
        version: Any = record.lost
        return (
            version is not None
            and issuing.may_be_ours(version, key)
            and not await self.session.was_used(account, key.id)
        )

    async def _make_room(self, record: Record, change: Change, before_send: BeforeSend) -> None:
        held = (await self.session.holdings(change.account)).values
        if len(held) < self.session.most:
            return
        in_use = access_keys.ids(change.keep)[0] if change.keep is not None else ""
        over = [key for key in held if key.id != in_use]
        key = max(over, key=lambda key: (not key.active, record.known.index(key.id)))
        await self.session.withdraw(change.account, key.id, before_send)


@dataclass
class _Once:
    before_send: BeforeSend
    asked: bool = False

    async def ask(self) -> None:
        if not self.asked:
            await self.before_send()
            self.asked = True
