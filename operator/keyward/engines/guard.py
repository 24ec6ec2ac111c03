"""Wraps any engine: a deadline over each call, its duration told, and nothing foreign gets out.

An exception that an engine did not foresee may hold a password or a statement: only the name of its class goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from time import perf_counter
from typing import TypeVar

from keyward.domain.model import Mended, NodeView
from keyward.engines.base import (
    AccountSet,
    Action,
    AdminSession,
    BeforeSend,
    Change,
    Endpoint,
    Engine,
    Expectation,
    Inspection,
    Login,
    Place,
    Removal,
)
from keyward.engines.issuing import Holdings, Issued, IssuingSession
from keyward.engines.overlap import Ending, OverlapSession
from keyward.engines.pernode import Mending, NodeWatch, PerNode, PerNodeSession
from keyward.engines.requests import Requesting
from keyward.errors import KeywardError, Reason, Retry, Unsettled

T = TypeVar("T")
Observe = Callable[[str, str, float], None]
"""Engine, call (open, inspect, check, apply, remove, end, issue, withdraw, verify), seconds."""


def _ignore(_engine: str, _call: str, _seconds: float) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Guard:
    """Implements `Engine` around another one; `deadline` is in seconds and holds for each call."""

    engine: Engine
    deadline: float = 60.0
    observe: Observe = _ignore

    @property
    def name(self) -> str:
        return self.engine.name

    @name.setter
    def name(self, _value: str) -> None:
        raise AttributeError("an engine keeps its name")

    @asynccontextmanager
    async def _open(self, opened: AbstractAsyncContextManager[AdminSession]) -> AsyncIterator[AdminSession]:
        session = await self.call("open", opened.__aenter__())
        try:
            yield _kind(session)(self, session)
        finally:
            # A session that does not close well has nothing left to say: its outcome was told by the calls on it.
            with suppress(Exception):
                async with asyncio.timeout(self.deadline):
                    await opened.__aexit__(None, None, None)

    def open(self, place: Place, admin: Login, timeout: float) -> AbstractAsyncContextManager[AdminSession]:
        return self._open(self.engine.open(place, admin, timeout))

    async def verify(self, place: Place, endpoint: Endpoint, login: Login, expect: Expectation) -> str | None:
        return await self.call("verify", self.engine.verify(place, endpoint, login, expect))

    async def call(self, what: str, work: Awaitable[T], *, sends: bool = False) -> T:
        """Await within the deadline. With `sends`, a failure that tells nothing is an unknown outcome.

        Raises:
            KeywardError: the engine's own, or Retry in place of anything else.
        """
        started = perf_counter()
        failure: KeywardError
        try:
            async with asyncio.timeout(self.deadline):
                return await work
        except KeywardError:
            raise
        except TimeoutError:
            failure = _unknown(sends, Reason.TIMEOUT, f"{what} did not end within {self.deadline:g} s")
        except Exception as error:  # noqa: BLE001 - the border: see the module's docstring
            failure = _unknown(sends, Reason.INTERNAL_ERROR, f"{what} failed with {type(error).__name__}")
        finally:
            self.observe(self.engine.name, what, perf_counter() - started)
        raise failure


@dataclass(frozen=True, slots=True)
class PerNodeGuard(Guard):
    """Implements `PerNode` as well."""

    async def nodes(self, place: Place, login: Login) -> tuple[Endpoint, ...]:
        return await self.call("nodes", self._inner.nodes(place, login))

    @asynccontextmanager
    async def watch(self, place: Place, admin: Login) -> AsyncIterator[NodeWatch]:
        async with self._inner.watch(place, admin) as watch:
            yield _Watch(self, watch)

    @property
    def _inner(self) -> PerNode:
        assert isinstance(self.engine, PerNode)
        return self.engine


def guarded(engine: Engine) -> Guard:
    """The engine within its guard."""
    return PerNodeGuard(engine) if isinstance(engine, PerNode) else Guard(engine)


def _unknown(sends: bool, reason: Reason, text: str) -> KeywardError:
    return Unsettled(reason, text) if sends else Retry(reason, text)


@dataclass(frozen=True, slots=True)
class _Session:
    guard: Guard
    session: AdminSession

    @property
    def requests(self) -> tuple[str, ...]:
        return self.session.requests if isinstance(self.session, Requesting) else ()

    async def inspect(self, accounts: AccountSet) -> Inspection:
        return await self.guard.call("inspect", self.session.inspect(accounts))

    async def check(self, accounts: AccountSet, inspection: Inspection) -> None:
        await self.guard.call("check", self.session.check(accounts, inspection))

    async def apply(self, change: Change, before_send: BeforeSend) -> None:
        await self.guard.call("apply", self.session.apply(change, before_send), sends=True)

    async def remove(self, removal: Removal, before_send: BeforeSend) -> Action:
        return await self.guard.call("remove", self.session.remove(removal, before_send), sends=True)


@dataclass(frozen=True, slots=True)
class _PerNodeSession(_Session):
    async def mend(self, mending: Mending, before_send: BeforeSend) -> Mended:
        assert isinstance(self.session, PerNodeSession)
        return await self.guard.call("mend", self.session.mend(mending, before_send), sends=True)


@dataclass(frozen=True, slots=True)
class _OverlapSession(_Session):
    async def end(self, ending: Ending, before_send: BeforeSend) -> None:
        assert isinstance(self.session, OverlapSession)
        await self.guard.call("end", self.session.end(ending, before_send), sends=True)


@dataclass(frozen=True, slots=True)
class _PerNodeOverlapSession(_PerNodeSession, _OverlapSession):
    """Each node keeps accounts for itself, and they hold two values."""


@dataclass(frozen=True, slots=True)
class _IssuingSession(_OverlapSession):
    @property
    def _inner(self) -> IssuingSession:
        assert isinstance(self.session, IssuingSession)
        return self.session

    @property
    def most(self) -> int:
        return self._inner.most

    async def holdings(self, account: str) -> Holdings:
        return await self.guard.call("inspect", self._inner.holdings(account))

    async def was_used(self, account: str, id_: str) -> bool:
        return await self.guard.call("inspect", self._inner.was_used(account, id_))

    async def issue(self, account: str, before_send: BeforeSend) -> Issued:
        return await self.guard.call("issue", self._inner.issue(account, before_send), sends=True)

    async def withdraw(self, account: str, id_: str, before_send: BeforeSend) -> None:
        await self.guard.call("withdraw", self._inner.withdraw(account, id_, before_send), sends=True)


def _kind(session: AdminSession) -> type[_Session]:
    if isinstance(session, IssuingSession):
        return _IssuingSession
    if isinstance(session, PerNodeSession):
        return _PerNodeOverlapSession if isinstance(session, OverlapSession) else _PerNodeSession
    return _OverlapSession if isinstance(session, OverlapSession) else _Session


@dataclass(frozen=True, slots=True)
class _Watch:
    guard: Guard
    watch: NodeWatch

    async def look(self) -> tuple[NodeView, ...]:
        return await self.guard.call("look", self.watch.look())
