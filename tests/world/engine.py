"""The engine that one controller has: the contract of `keyward.engines.base` over servers in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

from tests.world.faults import Side
from tests.world.server import Server

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
from keyward.errors import Reason, Retry

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

    async def apply(self, change: Change, before_send: BeforeSend) -> None:
        self._alive()
        await before_send()
        self._process.world.judge_apply(self._process, change)
        await self._process.effect(Side.ENGINE, f"apply {change.account}", lambda: self._server.apply(change))

    async def remove(self, removal: Removal, before_send: BeforeSend) -> Action:
        self._alive()
        await before_send()
        self._process.world.judge_removal(self._process, removal)
        name = removal.action.value.lower()
        return await self._process.effect(Side.ENGINE, name, lambda: self._server.remove(removal))


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
        return self._open(place)

    @asynccontextmanager
    async def _open(self, place: Place) -> AsyncIterator[Session]:
        session = await self._process.read(
            Side.ENGINE, "open", lambda: Session(self._process, self._server(place.primary))
        )
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
