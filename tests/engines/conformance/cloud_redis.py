"""A Redis instance of the cloud as a stage: its API is a stand-in's, and the server behind it a real Redis."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import pytest
from tests.cloud.standin import StandIn
from tests.cloud.tair import VERSION, Fleet, Tair
from tests.cluster.redis import RedisServer
from tests.engines.conformance.cloud import REGION, AccountsStage, accepted
from tests.engines.conformance.led import Real
from tests.engines.conformance.redis import RedisStage

from keyward.engines.base import AccountSet, CloudApi, Level, Login, Privilege

_NEVER_OFF = "the cloud has nothing that takes an account its login, apart from another password"
_REFUSED_FIRST = (
    "the login comes first, at the server: that this is refused is told as it is, if the cloud cannot be asked why"
)
_ROOM = 6  # accounts that a person leaves there: an instance has 18 of them at most
_numbers = itertools.count(1)


@pytest.fixture
def tair_of_redis(suites_cloud: StandIn, redis_server: RedisServer) -> tuple[StandIn, RedisServer]:
    return suites_cloud, redis_server


_ALONE = "no account is taken over in the cloud: no pair is kept alike"


class TairStage(AccountsStage):
    name = "AlibabaCloud/Redis"
    server = "tair_of_redis"
    at_limit = "r" * 100
    beyond = "s" * 101
    odd = ("z", "z__", "z_9")
    unfit: ClassVar[Mapping[str, str]] = {
        **AccountsStage.unfit,
        "test_no_more_than_is_allowed_is_given_to_an_imported_account": _ALONE,
        "test_an_account_that_somebody_disabled_is_never_healed": _NEVER_OFF,
        "test_a_disabled_account_is_told_from_a_wrong_password": _NEVER_OFF,
        "test_a_login_at_a_server_that_is_down_is_tried_again": _REFUSED_FIRST,
        "test_a_login_that_is_cut_in_the_middle_of_an_answer_is_tried_again": _REFUSED_FIRST,
        "test_a_login_at_a_server_that_is_not_the_one_that_was_described_is_not_tried": _REFUSED_FIRST,
    }

    def __init__(self, server: tuple[StandIn, RedisServer]) -> None:
        self.cloud, redis = server
        self._wire = RedisStage(redis)
        self._tair = Tair(redis, instance=f"r-bp1suite{next(_numbers)}")
        fleet = self.cloud.products.setdefault(VERSION, Fleet())
        assert isinstance(fleet, Fleet)
        fleet.instances[self._tair.instance] = self._tair
        place = self._wire.place()
        api = CloudApi({"Tair": place.primary}, "Tair", REGION, self._tair.instance, kind="Redis")
        self.real = Real(place, api)

    @property
    def instance(self) -> Tair:
        return self._tair

    def can_be(self, name: str) -> bool:
        return name.isascii() and name[:1].islower() and name.replace("_", "").isalnum() and name.islower()

    def made(self, admin: Login, *names: str) -> AccountSet:
        for older in list(self._tair.accounts)[:-_ROOM]:
            self._tair.delete(older)
        return replace(self.imported(*names), created=True)

    def imported(self, *names: str) -> AccountSet:
        # What it may do is said of each account there: one level, on all that the server has.
        return AccountSet(names, created=False, privileges=(Privilege("*", Level.READ_WRITE),))

    # --- what a person does ---

    def make(self, name: str, password: str) -> None:
        self._tair.account(name, accepted(password))

    def make_mighty(self, name: str) -> None:
        self._tair.account(name, type="Super")

    def forbid(self, name: str) -> None:
        self._tair.account(name, "Nobody-knows-1", description="taken_away")

    def hijack(self, name: str, password: str) -> None:
        self._wire.hijack(name, accepted(password))

    def take_right(self, accounts: AccountSet) -> None:
        for name in accounts.names:
            self._tair.account(name, self._tair.accounts[name].password, privilege="RoleReadOnly")

    # --- how a person looks ---

    def exists(self, name: str) -> bool:
        return self._wire.exists(name)

    def logs_in(self, name: str, password: str) -> bool:
        return self._wire.logs_in(name, accepted(password))
