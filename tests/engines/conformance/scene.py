"""One set of accounts on a stage, and the calls of an engine in the order in which the executor makes them."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from tests.engines.conformance.stage import Stage, number

from keyward.engines.base import (
    AccountSet,
    Action,
    AdminSession,
    Change,
    Endpoint,
    Expectation,
    Inspection,
    Login,
    Place,
    Removal,
)

Send = Callable[[], Awaitable[None]]
GOOD = "Go0d-enough-for-any-policy"
MARK = "keyward/1 5a11 0123456789abcdef0123456789abcdef 1 01234567"
RETURNED = "keyward/1 5a11 fedcba9876543210fedcba9876543210 1 01234567"
"""The mark of another lineage: what is made again after a drop is never told by the same one."""


async def go() -> None:
    """Nothing speaks against sending."""


@dataclass(frozen=True, slots=True)
class Scene:
    stage: Stage
    place: Place
    admin: Login
    accounts: AccountSet
    timeout: float = 10.0
    mark: str = MARK

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
        await session.apply(self.change(account, password, seen), send)

    def change(self, account: str, password: str, seen: Inspection) -> Change:
        absent = {name for name in self.accounts.all_roles if not seen.accounts[name].exists}
        marked = {*absent, account} if self.accounts.created else {account}
        return Change(
            account=account,
            password=self.stage.value(password),
            accounts=self.accounts,
            expected=seen,
            comments=dict.fromkeys(sorted(marked), self.mark_of(password)),
            create=self.accounts.created,
        )

    def mark_of(self, password: str | bytes) -> str:
        """What the version is named by that has this value: another value is another version."""
        text = password.encode() if isinstance(password, str) else password
        return f"{self.mark.rpartition(' ')[0]} {hashlib.sha256(text).hexdigest()[:8]}"

    async def verify(self, account: str, password: str | bytes, *, endpoint: Endpoint | None = None) -> None:
        acts_as = self.stage.acts_as(self.accounts, account)
        expect = Expectation(self.accounts, acts_as, self.admin, self.mark_of(password))
        login = Login(account, self.stage.value(password))
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
    for one in () if stage.creates else names:
        stage.make(one, secrets.token_hex(16))
    return Scene(stage, stage.place(), admin, stage.made(admin, *names))


def imported(stage: Stage, *names: str) -> Scene:
    """Accounts that a person made, each with the password `was-<place in the list>`."""
    for index, name in enumerate(names):
        stage.make(name, f"was-{index}")
    return Scene(stage, stage.place(), stage.admin(), stage.imported(*names))
