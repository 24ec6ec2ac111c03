"""An RDS instance as a stage: its API is a stand-in's, and the server behind it a real MariaDB."""

from __future__ import annotations

import pytest
from tests.cloud.rds import VERSION, Rds
from tests.cloud.standin import StandIn
from tests.cluster.mysql_family import FamilyServer
from tests.engines.conformance.cloud import REGION, AccountsStage, Real, accepted
from tests.engines.conformance.mysql_family import DATABASE, FamilyStage, MariadbStage

from keyward.engines.base import AccountSet, CloudApi, Level, Login, Privilege

_INSTANCE = "rm-bp1suite"


@pytest.fixture
def rds_of_mariadb(suites_cloud: StandIn, mariadb: FamilyServer) -> tuple[StandIn, FamilyServer]:
    return suites_cloud, mariadb


class RdsStage(AccountsStage):
    """`wire` is the stage of the server itself."""

    wire: type[FamilyStage]
    odd = ("z_9__z", "z0")

    def __init__(self, server: tuple[StandIn, FamilyServer]) -> None:
        self.cloud, real = server
        self._wire = self.wire(real)
        self._rds = self.cloud.products[VERSION] = Rds(real, _INSTANCE)
        place = self._wire.place()
        self.real = Real(place, CloudApi({"RDS": place.primary}, "RDS", REGION, _INSTANCE))

    @property
    def instance(self) -> Rds:
        return self._rds

    def made(self, admin: Login, *names: str) -> AccountSet:
        return AccountSet(names, created=True, privileges=(Privilege(DATABASE, Level.READ_WRITE),))

    # --- what a person does ---

    def make(self, name: str, password: str) -> None:
        self._rds.account(name, accepted(password), **{DATABASE: "ReadOnly"})

    def make_mighty(self, name: str) -> None:
        self._rds.account(name, accepted("mighty"), "Super")

    def forbid(self, name: str) -> None:
        self._rds.accounts[name].locked = True
        self._wire.forbid(name)

    def hijack(self, name: str, password: str) -> None:
        self._wire.hijack(name, accepted(password))

    def take_right(self, accounts: AccountSet) -> None:
        for account in (self._rds.accounts[name] for name in accounts.names):
            if account.privileges.pop(DATABASE, None) is not None:
                self._rds.server.take(account.name, DATABASE)

    # --- how a person looks ---

    def exists(self, name: str) -> bool:
        return self._wire.exists(name)

    def logs_in(self, name: str, password: str) -> bool:
        return self._wire.logs_in(name, accepted(password))


class RdsMariadbStage(RdsStage):
    name = "AlibabaCloud/MariaDB"
    server = "rds_of_mariadb"
    wire = MariadbStage
    at_limit = "m" * 16
    beyond = "n" * 17
