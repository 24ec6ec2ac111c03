"""What the stages have in common whose accounts are changed through a cloud's API.

The suite's place is the API, which is where the admin goes, and what breaks on the way there is asked of it. Where accounts log
in is the server's own: ways there are asked of the stage of its wire.
"""

from __future__ import annotations

import contextlib
import os
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import ClassVar, NoReturn, Protocol

import pytest
from tests.cloud.databases import password_of
from tests.cloud.signatures import Refused
from tests.cloud.standin import HOST, StandIn
from tests.engines.conformance.led import Led, Real
from tests.engines.conformance.stage import Stage, number

from keyward.engines import registry
from keyward.engines.base import Endpoint, Engine, Login, Place
from keyward.sensitive import Sensitive

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
_NEVER = 3600.0  # seconds


@pytest.fixture(scope="session")
def suites_stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with StandIn(tmp_path_factory.mktemp("cloud")) as cloud:
        yield cloud


@pytest.fixture
def suites_cloud(suites_stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """The SDK reads the system's trust store anew for each call, which takes five times as long as all the rest of it."""
    monkeypatch.setenv("SSL_CERT_FILE", os.devnull)
    return suites_stand_in


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

    def value(self, text: str | bytes, account: str = "") -> Sensitive:
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
