"""What the stages have in common whose accounts are changed through a cloud's API.

The suite's place is the API, which is where the admin goes, and what breaks on the way there is asked of it. Where accounts log
in is the server's own: ways there are asked of the stage of its wire. The cloud does what it accepts in its own time, so a call
of the suite is led to its end here, by attempts as the executor makes them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NoReturn, Protocol, TypeVar

import pytest
from tests.cloud.databases import password_of
from tests.cloud.signatures import Refused
from tests.cloud.standin import HOST, StandIn
from tests.engines.conformance.stage import Stage, number

from keyward.engines import registry
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
from keyward.engines.requests import Requesting
from keyward.errors import KeywardError, Reason, Retry, Underway, Unsettled
from keyward.sensitive import Sensitive

T = TypeVar("T")
Opened = Callable[[], AbstractAsyncContextManager[AdminSession]]
REGION = "cn-hangzhou"
SHORT = "short"  # what no policy of the cloud takes
NO_CONNECTION = "each call is a connection of its own, and none is open between two: there is nothing to cut"
NO_OTHER_NAME = "an API has the name that it is called by: no other one is given for its certificate"
POLICY = (
    "the cloud takes 8 to 32 characters of its own choice, and says so: the candidate is refused, and another one drawn"
)
RECORDS = "a value goes to the cloud in the call that sets it: what is written down there is the cloud's business"
LOCKED_OUT = "an account is disabled by a password that nobody knows: enabled, it waits for its next value"
OBJECTS = "the API tells of nothing that an account owns: whether it may be deleted is the cloud's to say"
# Calls that may have set a value: of these the engine itself has to tell what is not known.
_SETS = frozenset({"ResetAccountPassword", "ModifyAccountPassword", "RunCommand"})
_NEVER = 3600.0  # seconds
_PAUSE = 0.02  # seconds; only while a test has the cloud wait


@pytest.fixture(scope="session")
def suites_stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with StandIn(tmp_path_factory.mktemp("cloud")) as cloud:
        yield cloud


@pytest.fixture
def suites_cloud(suites_stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The SDK reads the system's trust store anew for each call, which takes five times as long as all the rest of it."""
    monkeypatch.setenv("SSL_CERT_FILE", os.devnull)
    return suites_stand_in


@dataclass(frozen=True)
class Real:
    """The place of an engine: the API of the suite's place, and the server where accounts log in."""

    server: Place
    api: CloudApi

    def of(self, place: Place) -> Place:
        services = dict.fromkeys(self.api.services, place.primary)
        return replace(self.server, cloud=replace(self.api, services=services, ca_pem=place.ca_pem))


@dataclass(frozen=True)
class Led:
    """Implements `Engine`. `at_rest`: whether the cloud has done all that it accepted."""

    engine: Engine
    real: Real
    cloud: StandIn
    at_rest: Callable[[], bool]

    @property
    def name(self) -> str:
        return self.engine.name

    @name.setter
    def name(self, _value: str) -> None:
        raise AttributeError("an engine keeps its name")

    def open(self, place: Place, admin: Login, timeout: float) -> AbstractAsyncContextManager[AdminSession]:
        return self._open(lambda: self.engine.open(self.real.of(place), admin, timeout), timeout)

    @contextlib.asynccontextmanager
    async def _open(self, opened: Opened, seconds: float) -> AsyncIterator[AdminSession]:
        async with opened() as session:
            yield _Session(self, session, opened, seconds)

    async def verify(self, place: Place, _endpoint: Endpoint, login: Login, expect: Expectation) -> str | None:
        real = self.real.of(place)
        return await self.engine.verify(real, real.primary, login, expect)


@dataclass
class _Session:
    """Implements `AdminSession`. Each further attempt has a session of its own, looks first and judges what it sees."""

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


def accepted(text: str) -> str:
    """The value that the suite calls by this text, as the cloud takes it."""
    if text in ("", SHORT) or "\0" in text:
        return text
    try:
        return password_of({"AccountPassword": text})
    except Refused:
        return f"Aa1-{text.replace(' ', '_')[:24]}-end"


class Instance(Protocol):
    """What a stand-in has of an instance: see `tests.cloud.databases` and `tests.cloud.tair`."""

    delay: float

    @property
    def at_rest(self) -> bool: ...

    def hurry(self) -> None: ...


class CloudStage(Stage):
    """An account of the cloud is its admin. A subclass has `cloud`, and `real` for a place of its own."""

    cloud: StandIn
    real: Real
    unfit: ClassVar[Mapping[str, str]] = {
        "test_a_certificate_for_another_name_is_refused": NO_OTHER_NAME,
        "test_the_certificates_name_may_differ_from_the_address": NO_OTHER_NAME,
        "test_a_request_that_never_arrived_changed_nothing": NO_CONNECTION,
        "test_a_session_that_was_cut_is_not_opened_again_behind_our_back": NO_CONNECTION,
    }

    @property
    def engine(self) -> Engine:
        return Led(self.inner, self.real, self.cloud, self.at_rest)

    @property
    def inner(self) -> Engine:
        """The engine itself."""
        return registry.get(self.name)

    def at_rest(self) -> bool:
        """Whether the cloud has done all that it accepted."""
        return True

    @property
    def port(self) -> int:
        return self.cloud.port

    def place(self, port: int | None = None) -> Place:
        return replace(self._api(port), database=self.real.server.database)

    def _api(self, port: int | None = None) -> Place:
        return Place((Endpoint(HOST, port or self.port),), "", self.cloud.ca_pem)

    def admin(self) -> Login:
        return self._login(f"admin{number()}", is_admin=True)

    def powerless(self) -> Login:
        return self._login(f"nobody{number()}", is_admin=False)

    def _login(self, name: str, *, is_admin: bool) -> Login:
        key = self.cloud.ram.user(name, admin=is_admin).keys[0]
        return Login(key.id, Sensitive(key.secret))

    def idle(self, admin: Login) -> bool:
        return self.at_rest()


class AccountsStage(CloudStage):
    """One where the cloud itself has the accounts."""

    unfit: ClassVar[Mapping[str, str]] = {
        **CloudStage.unfit,
        "test_any_password_that_text_can_hold_is_set_whole": POLICY,
        "test_the_server_writes_down_no_value": RECORDS,
        "test_a_removal_is_written_down_without_a_value": RECORDS,
        "test_a_statement_that_fails_is_written_down_without_a_value": RECORDS,
        "test_disabled_twice_and_enabled_twice": LOCKED_OUT,
        "test_an_owner_of_objects_is_disabled_instead_and_they_stay": OBJECTS,
    }

    @property
    @abstractmethod
    def instance(self) -> Instance:
        """The cloud's."""

    def at_rest(self) -> bool:
        return self.instance.at_rest

    def value(self, text: str | bytes) -> Sensitive:
        return Sensitive(accepted(text) if isinstance(text, str) else text)

    @contextlib.contextmanager
    def refusing(self, admin: Login, account: str) -> Iterator[str]:
        yield SHORT

    @contextlib.contextmanager
    def stalled(self, name: str) -> Iterator[None]:
        self.instance.delay = _NEVER
        try:
            yield
        finally:
            self.instance.delay = 0.0
            self.instance.hurry()

    def records(self) -> NoReturn:
        raise NotImplementedError(RECORDS)

    def make_object(self, name: str, password: str) -> NoReturn:
        raise NotImplementedError(OBJECTS)
