"""A call of the suite on a system that does what it accepts in its own time: led to its end, by attempts as of the executor."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from tests.cloud.standin import StandIn

from keyward.engines.base import (
    AccountSet,
    Action,
    AdminSession,
    BeforeSend,
    Change,
    CloudApi,
    Endpoint,
    Engine,
    Expectation,
    Inspection,
    Login,
    Place,
    Removal,
)
from keyward.engines.overlap import Ending, OverlapSession
from keyward.engines.requests import Requesting
from keyward.errors import KeywardError, Reason, Retry, Underway, Unsettled

T = TypeVar("T")
Opened = Callable[[], AbstractAsyncContextManager[AdminSession]]
# Calls that may have set a value: of these the engine itself has to tell what is not known.
_SETS = frozenset({"ResetAccountPassword", "ModifyAccountPassword", "RunCommand"})
_PAUSE = 0.02  # seconds; only while a test has the cloud wait


@dataclass(frozen=True)
class Real:
    """The place of an engine: the API of the suite's place, and the server where accounts log in."""

    server: Place
    api: CloudApi

    def of(self, place: Place) -> Place:
        services = dict.fromkeys(self.api.services, place.primary)
        return replace(self.server, cloud=replace(self.api, services=services, ca_pem=place.ca_pem))


@dataclass(frozen=True)
class Wrapped:
    """The half of an `Engine` that is the wrapped one's own, at the place where it really works."""

    engine: Engine
    real: Real

    @property
    def name(self) -> str:
        return self.engine.name

    @name.setter
    def name(self, _value: str) -> None:
        raise AttributeError("an engine keeps its name")

    async def verify(self, place: Place, _endpoint: Endpoint, login: Login, expect: Expectation) -> str | None:
        real = self.real.of(place)
        return await self.engine.verify(real, real.primary, login, expect)


@dataclass(frozen=True)
class Led(Wrapped):
    """Implements `Engine`. `at_rest`: whether the cloud has done all that it accepted."""

    cloud: StandIn
    at_rest: Callable[[], bool]

    def open(self, place: Place, admin: Login, timeout: float) -> AbstractAsyncContextManager[AdminSession]:
        return self._open(lambda: self.engine.open(self.real.of(place), admin, timeout), timeout)

    @contextlib.asynccontextmanager
    async def _open(self, opened: Opened, seconds: float) -> AsyncIterator[AdminSession]:
        async with opened() as session:
            yield _Session(self, session, opened, seconds)


@dataclass
class _Session:
    """Implements `OverlapSession`, as far as the engine's own does.

    Each further attempt has a session of its own, looks first and judges what it sees.
    """

    led: Led
    session: AdminSession
    opened: Opened
    timeout: float  # seconds: when they are over, a call is led no further

    async def inspect(self, accounts: AccountSet) -> Inspection:
        def look(session: AdminSession) -> Awaitable[Inspection]:
            return session.inspect(accounts)

        return await self._led(look, look)

    async def check(self, accounts: AccountSet, inspection: Inspection) -> None:
        await self.session.check(accounts, inspection)

    async def apply(self, change: Change, before_send: BeforeSend) -> None:
        async def again(session: AdminSession) -> None:
            seen = await session.inspect(change.accounts)
            await session.check(change.accounts, seen)
            await session.apply(replace(change, expected=seen), before_send)

        await self._led(lambda session: session.apply(change, before_send), again)

    async def end(self, ending: Ending, before_send: BeforeSend) -> None:
        async def again(session: AdminSession) -> None:
            seen = await session.inspect(ending.accounts)
            await _overlapping(session).end(replace(ending, expected=seen), before_send)

        await self._led(lambda session: _overlapping(session).end(ending, before_send), again)

    async def remove(self, removal: Removal, before_send: BeforeSend) -> Action:
        async def again(session: AdminSession) -> Action:
            seen = await session.inspect(removal.accounts)
            return await session.remove(replace(removal, expected=seen), before_send)

        return await self._led(lambda session: session.remove(removal, before_send), again)

    async def _led(
        self, first: Callable[[AdminSession], Awaitable[T]], again: Callable[[AdminSession], Awaitable[T]]
    ) -> T:
        until, done, before = time.monotonic() + self.timeout, list[str](), len(self.led.cloud.calls)
        found, error = await _tried(first, self.session, done)
        while isinstance(error, Underway) and await self._rested(until):
            async with self.opened() as session:
                found, error = await _tried(again, session, done)
        if error is None:
            if await self._rested(until):
                return found
            error = Unsettled(Reason.UNKNOWN_OUTCOME, "what was accepted is not done")
        sent = {action for action, _ in self.led.cloud.calls[before:]}
        raise error if sent & _SETS else _as_a_whole(error, done)

    async def _rested(self, until: float) -> bool:
        """Whether the cloud comes to rest before that."""
        while not self.led.at_rest():
            if time.monotonic() > until:
                return False
            await asyncio.sleep(_PAUSE)
        return True


def _overlapping(session: AdminSession) -> OverlapSession:
    assert isinstance(session, OverlapSession)
    return session


async def _tried(
    work: Callable[[AdminSession], Awaitable[T]], session: AdminSession, done: list[str]
) -> tuple[Any, KeywardError | None]:
    """What came of an attempt; the requests that changed something are added to `done`."""
    found, error = None, None
    try:
        found = await work(session)
    except KeywardError as failed:
        error = failed
    if isinstance(session, Requesting):
        done += session.requests
    return found, error


def _as_a_whole(error: KeywardError, done: list[str]) -> KeywardError:
    """To one attempt it is a Retry, as no value was sent; an account may have been made, which to the whole call is something."""
    if isinstance(error, Retry) and (done or error.reason is Reason.UNKNOWN_OUTCOME):
        return Unsettled(error.reason, error.message, error.after)
    return error
