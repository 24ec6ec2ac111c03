"""One look at the nodes of a Target serves all its Credentials, and wakes those that it concerns."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from keyward.controller.nodes import NodeWatches
from keyward.controller.ports import Access
from keyward.domain.model import NodeView
from keyward.engines.base import Endpoint, Login, Place
from keyward.engines.guard import Guard, PerNodeGuard, guarded
from keyward.sensitive import Sensitive

TARGET, OTHER = ("Target", "shop", "cache"), ("Target", "shop", "other")
A, B = ("shop", "a"), ("shop", "b")
PLACE = Place((Endpoint("redis", 6379),), "0")
ADMIN = Login("admin", Sensitive("secret"))


@dataclass
class Engine:
    """Its nodes are what a test says they are."""

    name: str = "Nodes"
    views: tuple[NodeView, ...] = ()
    bug: bool = False
    open_watches: int = 0

    def open(self, place, admin, timeout): ...

    async def verify(self, place, endpoint, login, expect): ...

    async def nodes(self, place, login): ...

    @contextlib.asynccontextmanager
    async def watch(self, place, admin) -> AsyncIterator[Engine]:
        self.open_watches += 1
        try:
            yield self
        finally:
            self.open_watches -= 1

    async def look(self) -> tuple[NodeView, ...]:
        if self.bug:
            raise RuntimeError("a canary in a text of somebody else")
        return self.views


@dataclass
class World:
    engine: Engine = field(default_factory=Engine)
    gone: set = field(default_factory=set)
    woken: list = field(default_factory=list)
    now: datetime = datetime(2026, 11, 24, tzinfo=UTC)

    def __post_init__(self) -> None:
        self.watches = NodeWatches(self.woken.append, lambda key: key not in self.gone, self.clock)
        self.access = Access(guarded(self.engine), PLACE, ADMIN)

    def clock(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def follow(self, key, *accounts: str, target=TARGET, state="1"):
        self.watches.follow(target, self.access, state, (key, accounts))

    async def look(self) -> list:
        self.woken.clear()
        await self.watches.look()
        return sorted(self.woken)


@pytest.fixture
def world() -> World:
    world = World()
    world.engine.views = (NodeView("1", accounts={"a": "x", "b": "y"}),)
    world.follow(A, "a")
    world.follow(B, "b")
    return world


async def test_the_first_look_is_told_to_all_and_the_next_one_to_nobody(world: World):
    assert world.watches.seen(TARGET, None) is None
    assert await world.look() == [A, B]
    assert world.watches.seen(TARGET, None) == world.engine.views
    assert await world.look() == []


async def test_a_change_wakes_whom_it_concerns(world: World):
    await world.look()
    world.engine.views = (NodeView("1", accounts={"a": "other", "b": "y"}),)
    assert await world.look() == [A]
    world.engine.views = (NodeView("1", accounts={"a": "other", "b": "y", "somebody": "z"}),)
    assert await world.look() == []
    world.engine.views = (NodeView("1", problem="it is away"),)
    assert await world.look() == [A, B]


async def test_what_was_seen_before_our_own_change_tells_nothing(world: World):
    await world.look()
    changed = world.clock()
    assert world.watches.seen(TARGET, changed) is None
    await world.look()
    assert world.watches.seen(TARGET, changed) == world.engine.views


async def test_connections_are_kept_until_nobody_is_left(world: World):
    for _ in range(3):
        await world.look()
    assert world.engine.open_watches == 1
    world.gone.add(A)
    await world.look()
    assert world.engine.open_watches == 1
    world.watches.leave(TARGET, B)
    await world.look()
    assert world.engine.open_watches == 0
    assert world.watches.seen(TARGET, None) is None


async def test_another_endpoint_or_admin_is_another_watch(world: World):
    await world.look()
    world.follow(A, "a", state="2")
    assert world.watches.seen(TARGET, None) is None
    assert await world.look() == [A, B]
    assert world.engine.open_watches == 1


async def test_an_engine_whose_servers_pass_accounts_on_is_not_looked_at(world: World):
    plain = Access(Guard(world.engine), PLACE, ADMIN)
    world.watches.follow(OTHER, plain, "1", (A, ("a",)))
    await world.look()
    assert world.watches.seen(OTHER, None) is None
    assert isinstance(world.access.engine, PerNodeGuard)


async def test_a_look_that_fails_ends_no_other(world: World, caplog):
    await world.look()
    world.engine.bug = True
    assert await world.look() == []
    assert "canary" not in caplog.text
    world.engine.bug = False
    world.engine.views = ()
    assert await world.look() == [A, B]
