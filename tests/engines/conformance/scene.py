"""One set of accounts on a stage, and the calls of an engine in the order in which the executor makes them."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from tests.engines.conformance.stage import Stage, digest8, number

from keyward.engines.base import (
    AccountSet,
    Action,
    AdminSession,
    Change,
    Endpoint,
    Expectation,
    Flip,
    Inspection,
    Login,
    Place,
    Removal,
)
from keyward.engines.overlap import Ending, OverlapSession
from keyward.errors import Retry, Unsettled

Send = Callable[[], Awaitable[None]]
GOOD = "Go0d-enough-for-any-policy"
MARK = "keyward/1 5a11 0123456789abcdef0123456789abcdef 1 01234567"
RETURNED = "keyward/1 5a11 fedcba9876543210fedcba9876543210 1 01234567"
"""The mark of another lineage: what is made again after a drop is never told by the same one."""


async def go() -> None:
    """Nothing speaks against sending."""


@dataclass(frozen=True, slots=True)
class Scene:
    """`in_use` is the value of each account, where a new one stands beside it for a while."""

    stage: Stage
    place: Place
    admin: Login
    accounts: AccountSet
    timeout: float = 10.0
    mark: str = MARK
    in_use: dict[str, str] = field(default_factory=dict)

    @property
    def first(self) -> str:
        return self.accounts.names[0]

    @property
    def second(self) -> str:
        return self.accounts.names[1]

    def through(self, port: int, timeout: float | None = None) -> Scene:
        """The same, by way of what listens on this port."""
        return replace(self, place=self.stage.place(port), timeout=timeout or self.timeout)

    async def inspect(self) -> Inspection:
        async with self.stage.engine.open(self.place, self.admin, self.timeout) as session:
            return await session.inspect(self.accounts)

    async def apply(self, account: str, password: str, *, seen: Inspection | None = None, send: Send = go) -> None:
        async with self.stage.engine.open(self.place, self.admin, self.timeout) as session:
            await self.apply_on(session, account, password, seen=seen, send=send)

    async def apply_on(
        self, session: AdminSession, account: str, password: str, *, seen: Inspection | None = None, send: Send = go
    ) -> None:
        seen = seen or await session.inspect(self.accounts)
        await session.check(self.accounts, seen)
        change = self.change(account, password, seen)
        await session.apply(change, send)
        if self.stage.side_by_side:
            await self._end(session, change, password)

    async def _end(self, session: AdminSession, change: Change, password: str) -> None:
        """End the value before this one. That nothing of this was sent is no Retry: the change itself was made."""
        before = self.in_use.get(change.account, password)
        self.in_use[change.account] = password
        if before == password:
            return
        assert isinstance(session, OverlapSession)
        assert change.keep is not None
        value = self.stage.value(password, change.account)
        ending, failure = Ending(change.account, change.accounts, change.expected, change.keep, value), None
        try:
            await session.end(ending, go)
        except Retry as error:
            failure = Unsettled(error.reason, error.message)
        if failure is not None:
            raise failure

    async def judge(self, flip: Flip) -> None:
        """What is asked before anything is reserved."""
        accounts = replace(self.accounts, flip=flip)
        async with self.stage.engine.open(self.place, self.admin, self.timeout) as session:
            await session.check(accounts, await session.inspect(accounts))

    def change(self, account: str, password: str, seen: Inspection) -> Change:
        absent = {name for name in self.accounts.all_roles if not seen.accounts[name].exists}
        marked = {*absent, account} if self.accounts.created else {account}
        in_use = self.in_use.get(account) if self.stage.side_by_side else None
        return Change(
            account=account,
            password=self.stage.value(password, account),
            accounts=self.accounts,
            expected=seen,
            comments=dict.fromkeys(sorted(marked), self.mark_of(password)),
            create=self.accounts.created,
            keep=self.stage.value(in_use, account) if in_use is not None else None,
        )

    def mark_of(self, password: str | bytes) -> str:
        """What the version is named by that has this value: another value is another version."""
        return f"{self.mark.rpartition(' ')[0]} {digest8(password)}"

    async def verify(self, account: str, password: str | bytes, *, endpoint: Endpoint | None = None) -> None:
        acts_as = self.stage.acts_as(self.accounts, account)
        expect = Expectation(self.accounts, acts_as, self.admin, self.mark_of(password))
        login = Login(account, self.stage.value(password, account))
        await self.stage.engine.verify(self.place, endpoint or self.place.primary, login, expect)

    async def remove(self, action: Action) -> Action:
        async with self.stage.engine.open(self.place, self.admin, self.timeout) as session:
            seen = await session.inspect(self.accounts)
            marks = dict.fromkeys(self.accounts.names, f"{self.mark} disabled") if action is Action.DISABLE else {}
            return await session.remove(Removal(action, self.accounts, seen, marks), go)


def created(stage: Stage, *, dual: bool = True) -> Scene:
    """Accounts that are not there yet; where the engine makes none, ones whose value nobody knows."""
    name = f"app{number()}"
    names = (name, f"{name}_clone") if dual else (name,)
    admin = stage.admin()
    there = {} if stage.creates else {one: secrets.token_hex(16) for one in names}
    for one, password in there.items():
        stage.make(one, password)
    return Scene(stage, stage.place(), admin, stage.made(admin, *names), in_use=there)


def imported(stage: Stage, *names: str) -> Scene:
    """Accounts that a person made, each with the password `was-<place in the list>`."""
    there = {name: f"was-{index}" for index, name in enumerate(names)}
    for name, password in there.items():
        stage.make(name, password)
    return Scene(stage, stage.place(), stage.admin(), stage.imported(*names), in_use=there)
