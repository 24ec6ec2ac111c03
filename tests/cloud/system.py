"""An instance of RDS or PolarDB in the stand-in, the real server that it is, and the engine that reaches both."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from tests.cloud import polardb, rds
from tests.cloud.databases import Databases
from tests.cloud.polardb import Polardb
from tests.cloud.rds import Rds
from tests.cloud.standin import HOST, StandIn

from keyward.engines import registry
from keyward.engines.base import (
    AccountSet,
    Action,
    Change,
    CloudApi,
    Endpoint,
    Expectation,
    Level,
    Login,
    Place,
    Privilege,
    Removal,
)
from keyward.engines.guard import guarded
from keyward.errors import KeywardError, Underway
from keyward.sensitive import Sensitive

DATABASE = "cloud_orders"
MARK = "keyward/1 7f0f1b5c-0000-4000-8000-000000000000 0123456789abcdef0123456789abcdef 1 abcdef01"
PRODUCTS = {"RDS": (Rds, rds.VERSION, "rm-bp1example"), "PolarDB": (Polardb, polardb.VERSION, "pc-bp1example")}
FIRST, SECOND = Sensitive("First-value_30_characters_long"), Sensitive("Second-value_30_characters-lon")


class System:
    """An instance in the cloud, the server that it is, and the engine that reaches both."""

    def __init__(self, cloud: StandIn, product: str, server: Any) -> None:
        kind, version, instance = PRODUCTS[product]
        self.cloud, self.server, self.product = cloud, server, product
        self.there: Databases = kind(server, instance)
        cloud.products[version] = self.there
        self.admin = cloud.ram.user("keyward", admin=True).keys[0]
        self.login = Login(self.admin.id, Sensitive(self.admin.secret))
        self.engine = guarded(registry.get(f"AlibabaCloud/{self.there.engine}"))
        endpoint, wire = Endpoint(HOST, cloud.port), Endpoint(HOST, server.port)
        api = CloudApi({product: endpoint}, product, "cn-hangzhou", instance, ca_pem=cloud.ca_pem)
        self.place = Place((wire,), DATABASE, server.ca_pem, cloud=api)
        level = Level.DB_OWNER if self.there.engine == "PostgreSQL" else Level.READ_WRITE
        given = () if (product, self.there.engine) == ("PolarDB", "PostgreSQL") else (Privilege(DATABASE, level),)
        self.accounts = AccountSet(("orders", "orders_clone"), created=True, privileges=given)
        if (product, self.there.engine) == ("RDS", "PostgreSQL"):
            self.accounts = AccountSet(("orders",), created=True, privileges=given)
        self.sent = 0

    def opened(self):
        return self.engine.open(self.place, self.login, 5.0)

    async def send(self) -> None:
        self.sent += 1

    async def apply(self, account: str, value: Sensitive, accounts: AccountSet | None = None, **change: Any) -> None:
        """One attempt, as the executor makes it."""
        accounts = accounts or self.accounts
        async with self.opened() as session:
            seen = await session.inspect(accounts)
            assert not seen.keeps_marks
            await session.check(accounts, seen)
            comments = dict.fromkeys(accounts.names, MARK)
            made = Change(account, value, accounts, seen, comments, create=accounts.created, **change)
            await session.apply(made, self.send)

    async def settled(self, account: str, value: Sensitive, accounts: AccountSet | None = None, **change: Any) -> int:
        """Attempts until one ends well; how many it took."""
        for number in range(1, 20):
            try:
                await self.apply(account, value, accounts, **change)
            except Underway:
                await self.rest()
            else:
                await self.rest()
                return number
        raise AssertionError("it never ended")

    async def rest(self) -> None:
        """Until the cloud is done with everything."""
        await asyncio.to_thread(self.there.rest)

    async def verify(self, account: str, value: Sensitive, accounts: AccountSet | None = None, **place: Any) -> None:
        expect = Expectation(accounts or self.accounts, None, self.login)
        place_ = replace(self.place, **place)
        await self.engine.verify(place_, self.place.primary, Login(account, value), expect)

    async def remove(self, action: Action, comment: str = MARK) -> Action:
        async with self.opened() as session:
            seen = await session.inspect(self.accounts)
            comments = dict.fromkeys(self.accounts.names, comment)
            return await session.remove(Removal(action, self.accounts, seen, comments), self.send)

    async def removed(self, action: Action, comment: str = MARK) -> int:
        """Attempts until one ends well; how many it took."""
        for number in range(1, 20):
            try:
                await self.remove(action, comment)
            except Underway:
                await self.rest()
            else:
                return number
        raise AssertionError("it never ended")


@contextmanager
def system_of(product: str, server: Any, folder: Any) -> Iterator[System]:
    server.database(DATABASE)
    with StandIn(folder / "cloud") as cloud:
        system = System(cloud, product, server)
        try:
            yield system
        finally:
            if system.there.engine == "PostgreSQL":
                system.server.sql(f"DROP DATABASE {DATABASE}")
                system.there.close()
            else:
                system.there.close()
                system.server.sql(f"DROP DATABASE {DATABASE}")


async def refused(work) -> KeywardError:
    with pytest.raises(KeywardError) as caught:
        await work
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "leaky" not in str(caught.value)
    assert "value_30" not in str(caught.value)
    return caught.value
