"""A group of Redis servers as its Target describes it, and what the executor does to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tests.cluster.redis import RedisServer
from tests.cluster.redis_groups import RedisGroup
from tests.engines.conformance.scene import go

from keyward.engines.base import (
    AccountSet,
    Action,
    Change,
    Endpoint,
    Expectation,
    Level,
    Login,
    Place,
    Privilege,
    Removal,
    Role,
    Topology,
)
from keyward.engines.overlap import Ending, OverlapSession
from keyward.engines.pernode import Mending, PerNodeSession, Stored
from keyward.engines.redis.engine import Redis
from keyward.sensitive import Sensitive

ADMIN = Login("rotator", Sensitive("rotators-password"))
PAIR = AccountSet(("app", "app_clone"), created=True, privileges=(Privilege("0", Level.READ_WRITE),))
HOLDER = replace(PAIR, names=("app",), overlap=True)


@dataclass(frozen=True)
class System:
    """A group as its Target describes it."""

    group: RedisGroup
    place: Place
    engine: Redis = field(default_factory=Redis)

    async def apply(self, account: str, password: str) -> None:
        async with self.engine.open(self.place, ADMIN, 5.0) as session:
            seen = await session.inspect(PAIR)
            await session.check(PAIR, seen)
            await session.apply(Change(account, Sensitive(password), PAIR, seen, {}, create=True), go)

    async def verify(self, endpoint: Endpoint, account: str, password: str) -> None:
        await self.engine.verify(
            self.place, endpoint, Login(account, Sensitive(password)), Expectation(PAIR, None, ADMIN)
        )

    async def verify_all(self, account: str, password: str) -> int:
        found = await self.engine.nodes(self.place, Login(account, Sensitive(password)))
        for endpoint in found:
            await self.verify(endpoint, account, password)
        return len(found)

    async def remove(self, action: Action) -> Action:
        async with self.engine.open(self.place, ADMIN, 5.0) as session:
            return await session.remove(Removal(action, PAIR, await session.inspect(PAIR)), go)

    async def mend(self, **stored: Stored) -> tuple[str, ...]:
        async with self.engine.open(self.place, ADMIN, 5.0) as session:
            assert isinstance(session, PerNodeSession)
            return (await session.mend(Mending(PAIR, stored), go)).given

    # --- one account that holds two values ---

    async def hold(self, password: str, keep: str | None = None) -> None:
        async with self.engine.open(self.place, ADMIN, 5.0) as session:
            seen = await session.inspect(HOLDER)
            await session.check(HOLDER, seen)
            kept = Sensitive(keep) if keep else None
            await session.apply(Change("app", Sensitive(password), HOLDER, seen, {}, create=True, keep=kept), go)

    async def end(self, old: str, keep: str) -> None:
        async with self.engine.open(self.place, ADMIN, 5.0) as session:
            assert isinstance(session, OverlapSession)
            seen = await session.inspect(HOLDER)
            await session.end(Ending("app", HOLDER, seen, Sensitive(old), Sensitive(keep)), go)

    async def mend_holder(self, stored: Stored) -> tuple[str, ...]:
        async with self.engine.open(self.place, ADMIN, 5.0) as session:
            assert isinstance(session, PerNodeSession)
            return (await session.mend(Mending(HOLDER, {"app": stored}), go)).given

    def optional(self, *nodes: RedisServer) -> System:
        ports = {node.port for node in nodes}
        listed = [e for e in self.place.endpoints if e.port not in ports]
        endpoints = (*listed, *(Endpoint("127.0.0.1", port, Role.NODE, optional=True) for port in ports))
        return replace(self, place=replace(self.place, endpoints=endpoints))

    def holding(self, account: str, password: str) -> int:
        return sum(node.logs_in(account, password) for node in self.group.nodes if node.running is not None)


def system_of(group: RedisGroup, topology: Topology, *listed: RedisServer) -> System:
    group.admin()
    endpoints = tuple(Endpoint("127.0.0.1", node.port, Role.NODE) for node in listed or group.nodes)
    return System(group, Place(endpoints, "0", group.ca_pem, topology=topology))
