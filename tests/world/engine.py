"""The engine that one controller has: the contract of `keyward.engines.base` over servers in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.world.faults import Side
from tests.world.server import Server

from keyward.engines import differences
from keyward.engines.base import (
    AccountSet,
    Action,
    BeforeSend,
    Change,
    Endpoint,
    Expectation,
    Inspection,
    Login,
    Place,
    Removal,
)
from keyward.engines.overlap import Ending
from keyward.errors import Blocked, Reason, Retry

if TYPE_CHECKING:
    from tests.world.controller import Process


class Session:
    def __init__(self, process: Process, server: Server) -> None:
        self._process, self._server = process, server
        self.open = True

    def _alive(self) -> None:
        if not self.open:
            raise Retry(Reason.UNREACHABLE, "the admin session was closed")

    async def inspect(self, accounts: AccountSet) -> Inspection:
        self._alive()
        return await self._process.read(Side.ENGINE, "inspect", lambda: self._server.inspect(accounts.all_roles))

    async def check(self, accounts: AccountSet, inspection: Inspection) -> None:
        self._alive()
        flip = accounts.flip
        self._server.flips += [flip] if flip is not None else []
        if flip is not None and flip.refuse and flip.account in self._server.drifted:
            differences.refuse(flip, ["UPDATE on orders"], [])

    async def apply(self, change: Change, before_send: BeforeSend) -> None:
        self._alive()
        await before_send()
        self._process.world.judge_apply(self._process, change)
        await self._process.effect(Side.ENGINE, f"apply {change.account}", lambda: self._server.apply(change))

    async def end(self, ending: Ending, before_send: BeforeSend) -> None:
        self._alive()
        await before_send()
        await self._process.effect(Side.ENGINE, f"end {ending.account}", lambda: self._server.end(ending))

    async def remove(self, removal: Removal, before_send: BeforeSend) -> Action:
        self._alive()
        await before_send()
        self._process.world.judge_removal(self._process, removal)
        name = removal.action.value.lower()
        return await self._process.effect(Side.ENGINE, name, lambda: self._server.remove(removal))


class UnmarkedSession(Session):
    """On a server without marks and transactions: it holds the server's lock from `inspect` to its end.

    The server ends a session that says nothing for a while; until then a statement of its own may still come to run.
    """

    IDLE = timedelta(seconds=60)

    def __init__(self, process: Process, server: Server) -> None:
        super().__init__(process, server)
        self._used = process.world.clock.real
        self._in_flight: list[Callable[[], object]] = []

    def _alive(self) -> None:
        super()._alive()
        if self._expired():
            self.open = False
            raise Retry(Reason.UNREACHABLE, "the server ended the session")
        self._used = self._process.world.clock.real

    def _expired(self) -> bool:
        return self._process.world.clock.real - self._used > self.IDLE

    def holds(self) -> bool:
        late = [act for _, act in self._process.world.late]
        return not self._expired() and (self.open or any(act in late for act in self._in_flight))

    def _lock(self) -> None:
        holder = self._server.lock_holder
        if isinstance(holder, UnmarkedSession) and holder is not self and holder.holds():
            raise Retry(Reason.BUSY, "another session works on the account")
        self._server.lock_holder = self

    async def inspect(self, accounts: AccountSet) -> Inspection:
        self._alive()
        await self._process.read(Side.ENGINE, "lock", self._lock)
        return await super().inspect(accounts)

    async def apply(self, change: Change, before_send: BeforeSend) -> None:
        self._alive()
        self._server.expect(change.accounts, change.expected)
        await before_send()
        self._alive()
        self._process.world.judge_apply(self._process, change)
        if any(not state.exists for state in change.expected.accounts.values()):
            await self._effect("make accounts", lambda: self._server.make(change))
        await self._effect(f"apply {change.account}", lambda: self._server.set_password(change))

    async def end(self, ending: Ending, before_send: BeforeSend) -> None:
        self._alive()
        self._server.expect(ending.accounts, ending.expected)
        await before_send()
        self._alive()
        await self._effect(f"end {ending.account}", lambda: self._server.end(ending))

    async def _effect(self, name: str, act: Callable[[], None]) -> None:
        def run() -> None:
            if not self._expired():
                act()

        self._in_flight.append(run)
        await self._process.effect(Side.ENGINE, name, run)


class MemoryEngine:
    name = "memory"

    def __init__(self, process: Process) -> None:
        self._process = process

    def _server(self, endpoint: Endpoint) -> Server:
        server = self._process.world.network.get(endpoint.host)
        if server is None:
            raise Retry(Reason.UNREACHABLE, "nobody answers there")
        return server

    def open(self, place: Place, admin: Login, timeout: float) -> AbstractAsyncContextManager[Session]:
        return self._open(place, admin)

    @asynccontextmanager
    async def _open(self, place: Place, admin: Login) -> AsyncIterator[Session]:
        def start() -> Session:
            server = self._server(place.primary)
            if self._process.world.keeps_admin and not server.would_let_in(admin.account, admin.password.reveal()):
                server.refused_logins += 1
                raise Blocked(Reason.ADMIN_LOGIN_REFUSED, "the server refuses the admin login")
            return server.session(self._process)

        session = await self._process.read(Side.ENGINE, "open", start)
        try:
            yield session
        finally:
            session.open = False

    async def verify(self, place: Place, endpoint: Endpoint, login: Login, expect: Expectation) -> None:
        await self._process.read(
            Side.ENGINE,
            f"login {login.account}",
            lambda: self._server(endpoint).login(login.account, login.password.reveal()),
        )
