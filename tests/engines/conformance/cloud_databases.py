"""Instances of RDS and PolarDB as stages: their APIs are a stand-in's, and the servers behind them real ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from tests.cloud import polardb, rds
from tests.cloud.databases import Databases
from tests.cloud.polardb import Polardb
from tests.cloud.rds import Rds
from tests.cloud.standin import StandIn
from tests.cluster.mysql_family import FamilyServer
from tests.cluster.postgres import PostgresServer
from tests.engines.conformance.cloud import REGION, AccountsStage, accepted
from tests.engines.conformance.led import Real
from tests.engines.conformance.mysql_family import FamilyStage, MariadbStage, MysqlStage
from tests.engines.conformance.postgresql import PostgresStage

from keyward.engines.base import AccountSet, CloudApi, Level, Login, Privilege

_NONE_GIVEN = "PolarDB's API gives no rights on PostgreSQL: what a person granted, a person grants again"


@pytest.fixture
def cloud_of_mysql(suites_cloud: StandIn, mysql: FamilyServer) -> tuple[StandIn, FamilyServer]:
    return suites_cloud, mysql


@pytest.fixture
def cloud_of_mariadb(suites_cloud: StandIn, mariadb: FamilyServer) -> tuple[StandIn, FamilyServer]:
    return suites_cloud, mariadb


@pytest.fixture
def cloud_of_postgres(suites_cloud: StandIn, postgres: PostgresServer) -> tuple[StandIn, PostgresServer]:
    return suites_cloud, postgres


class DatabaseStage(AccountsStage):
    """`wire` is the stage of the server itself; `product` is the instance as the cloud has it, `named` its service and its id."""

    wire: type[FamilyStage | PostgresStage]
    product: type[Databases]
    version: str
    named: tuple[str, str]
    odd = ("z_9__z", "z0")

    def __init__(self, server: tuple[StandIn, Any]) -> None:
        self.cloud, real = server
        service, instance = self.named
        self._wire = self.wire(real)
        self._there = self.cloud.products[self.version] = self.product(real, instance)
        place = self._wire.place()
        self._database = place.database
        self.real = Real(place, CloudApi({service: place.primary}, service, REGION, instance))

    @property
    def instance(self) -> Databases:
        return self._there

    def made(self, admin: Login, *names: str) -> AccountSet:
        return AccountSet(names, created=True, privileges=(Privilege(self._database, Level.READ_WRITE),))

    # --- what a person does ---

    def make(self, name: str, password: str) -> None:
        self._there.account(name, accepted(password), **{self._database: "ReadOnly"})

    def make_mighty(self, name: str) -> None:
        self._there.account(name, accepted("mighty"), "Super")

    def forbid(self, name: str) -> None:
        self._there.accounts[name].locked = True
        self._wire.forbid(name)

    def hijack(self, name: str, password: str) -> None:
        self._wire.hijack(name, accepted(password))

    def take_right(self, accounts: AccountSet) -> None:
        for account in (self._there.accounts[name] for name in accounts.names):
            if account.privileges.pop(self._database, None) is not None:
                self._there.server.take(account.name, self._database)

    def widen(self, name: str) -> None:
        self._there.accounts[name].privileges[self._database] = "ReadWrite"
        self._there.server.give(name, self._database, "ReadWrite")

    # --- how a person looks ---

    def exists(self, name: str) -> bool:
        return self._wire.exists(name)

    def logs_in(self, name: str, password: str) -> bool:
        return self._wire.logs_in(name, accepted(password))


class RdsStage(DatabaseStage):
    product, version, named = Rds, rds.VERSION, ("RDS", "rm-bp1suite")


class RdsMariadbStage(RdsStage):
    name = "AlibabaCloud/MariaDB"
    server = "cloud_of_mariadb"
    wire = MariadbStage
    at_limit = "m" * 16
    beyond = "n" * 17


class RdsMysqlStage(RdsStage):
    name = "AlibabaCloud/MySQL"
    server = "cloud_of_mysql"
    wire = MysqlStage
    at_limit = "r" * 32
    beyond = "n" * 33


class PolardbStage(DatabaseStage):
    product, version, named = Polardb, polardb.VERSION, ("PolarDB", "pc-bp1suite")
    at_limit = "p" * 16
    beyond = "n" * 17
    odd = ("y_9__y", "y0")


class PolardbMysqlStage(PolardbStage):
    name = "AlibabaCloud/MySQL"
    title = "PolarDB for MySQL"
    server = "cloud_of_mysql"
    wire = MysqlStage


class PolardbPostgresStage(PolardbStage):
    """A pair of RDS on PostgreSQL has no equal rights, and is refused where it is written: of RDS there is no stage."""

    name = "AlibabaCloud/PostgreSQL"
    server = "cloud_of_postgres"
    wire = PostgresStage
    unfit: ClassVar[Mapping[str, str]] = {
        **PolardbStage.unfit,
        "test_a_right_that_was_taken_is_given_again_by_the_next_change": _NONE_GIVEN,
        "test_rights": _NONE_GIVEN,
    }

    def made(self, admin: Login, *names: str) -> AccountSet:
        return AccountSet(names, created=True)

    def make(self, name: str, password: str) -> None:
        self._there.account(name, accepted(password))

    def hijack(self, name: str, password: str) -> None:
        real = self._there.server.real
        real.sql(f"GRANT pg_monitor TO {name}")
        real.sql(f"ALTER ROLE {name} SET role = pg_monitor")

    def take_right(self, accounts: AccountSet) -> None:
        """What a person granted to both, the first of them has no more."""
        for name in accounts.names[1:]:
            self._there.server.real.sql(f"GRANT pg_read_all_data TO {name}")
