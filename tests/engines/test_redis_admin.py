"""The admin's own login changes itself on every node: it holds two values in between, and nothing else of it is touched."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
import redis
from tests.cluster.redis import ADMIN_RULES, RedisServer
from tests.cluster.redis_groups import RedisGroup, clustered, replicated
from tests.engines.conformance.scene import Send, go
from tests.engines.redis_system import System, system_of

from keyward.domain.model import Mended
from keyward.engines.base import AccountSet, Change, Expectation, Login, Topology
from keyward.engines.overlap import Ending, OverlapSession
from keyward.engines.pernode import Mending, PerNodeSession, Stored
from keyward.errors import Blocked, Reason, Retry
from keyward.sensitive import Sensitive

NAME, FIRST = "rotator", "rotators-password"
ITSELF = AccountSet((NAME,), created=False, overlap=True, admins=True)
WORLDS = {
    "alone": (contextlib.nullcontext, Topology.STANDALONE),
    "with a replica": (lambda: replicated(replicas=1), Topology.REPLICATED),
    "a cluster": (lambda: clustered(replicas=0), Topology.CLUSTER),
}


@dataclass
class Itself:
    """An admin that works on its own account."""

    system: System

    def login(self, password: str) -> Login:
        return Login(NAME, Sensitive(password))

    async def add(self, new: str, by: str, send: Send = go) -> None:
        async with self.system.engine.open(self.system.place, self.login(by), 5.0) as session:
            seen = await session.inspect(ITSELF)
            await session.check(ITSELF, seen)
            await session.apply(Change(NAME, Sensitive(new), ITSELF, seen, {}, keep=Sensitive(by)), send)

    async def end(self, old: str, keep: str, *, forced: bool = False) -> None:
        async with self.system.engine.open(self.system.place, self.login(keep), 5.0) as session:
            assert isinstance(session, OverlapSession)
            seen = await session.inspect(ITSELF)
            values = Sensitive(old), Sensitive(keep)
            await session.end(Ending(NAME, ITSELF, seen, *values, terminate_sessions=forced), go)
            assert (await session.inspect(ITSELF)).accounts[NAME].can_login, "the session goes on"

    async def mend(self, by: str, send: Send = go, **stored: str) -> Mended:
        async with self.system.engine.open(self.system.place, self.login(by), 5.0) as session:
            assert isinstance(session, PerNodeSession)
            values = Stored(**{name: Sensitive(value) for name, value in stored.items()})
            return await session.mend(Mending(ITSELF, {NAME: values}), send)

    async def prove(self, password: str, looking: str = FIRST) -> None:
        for endpoint in await self.system.engine.nodes(self.system.place, self.login(password)):
            expect = Expectation(ITSELF, None, self.login(looking))
            await self.system.engine.verify(self.system.place, endpoint, self.login(password), expect)

    def let_in(self, *passwords: str) -> list[str]:
        """Those that every node takes."""
        nodes = len(self.system.group.nodes)
        return [one for one in passwords if self.system.holding(NAME, one) == nodes]

    def rules(self) -> list[list[str]]:
        """What each node has of the account beside its values."""
        return [_rules(node) for node in self.system.group.nodes]


def _rules(node: RedisServer) -> list[str]:
    line = next(line for line in node.run("ACL", "LIST") if str(line).split(" ")[1] == NAME)
    return sorted(word for word in str(line).split(" ") if not word.startswith("#"))


@pytest.fixture(params=WORLDS)
def itself(request: pytest.FixtureRequest) -> Iterator[Itself]:
    make, topology = WORLDS[request.param]
    with contextlib.ExitStack() as stack:
        group = stack.enter_context(make()) or RedisGroup([stack.enter_context(RedisServer(log_statements=True))])
        yield Itself(system_of(group, topology))


@pytest.fixture
def pair() -> Iterator[Itself]:
    with replicated(replicas=1) as group:
        yield Itself(system_of(group, Topology.REPLICATED))


async def test_the_old_value_is_good_until_it_is_ended_and_no_right_is_touched(itself: Itself):
    before = itself.rules()
    await itself.add("two", by=FIRST)
    assert itself.let_in(FIRST, "two") == [FIRST, "two"]
    await itself.prove("two")
    await itself.end(FIRST, "two")
    assert itself.let_in(FIRST, "two") == ["two"]
    assert itself.rules() == before
    for node in itself.system.group.nodes:
        node.stop()
        node.start()
    assert itself.let_in("two") == ["two"], "it was not written down"
    written = itself.system.group.records()
    assert not [value for value in (b"two", FIRST.encode()) if b" " + value in written]


async def test_each_of_them_done_twice_costs_nobody_a_login(itself: Itself):
    for _ in range(2):
        await itself.add("two", by=FIRST)
        assert itself.let_in(FIRST, "two") == [FIRST, "two"]
    for _ in range(2):
        await itself.end(FIRST, "two")
        assert itself.let_in(FIRST, "two") == ["two"]


async def test_somebody_elses_second_value_stops_it_before_any_node_is_changed(pair: Itself):
    pair.system.group.nodes[1].run("ACL", "SETUSER", NAME, ">theirs")
    for act in (pair.add("two", by=FIRST), pair.end("another", keep=FIRST)):
        with pytest.raises(Blocked) as caught:
            await act
        assert caught.value.reason is Reason.SECOND_PASSWORD
    assert pair.let_in(FIRST) == [FIRST]
    assert pair.system.holding(NAME, "two") == 0
    assert pair.system.holding(NAME, "theirs") == 1


async def test_what_somebody_adds_at_the_very_moment_is_not_taken_away(pair: Itself):
    async def meanwhile() -> None:
        pair.system.group.run("ACL", "SETUSER", NAME, ">theirs")

    await pair.add("two", by=FIRST)
    pair.system.group.nodes[1].run("ACL", "SETUSER", NAME, "<two")
    with pytest.raises(Retry):
        await pair.mend(FIRST, meanwhile, settled=FIRST, pending="two")
    assert pair.let_in(FIRST, "two", "theirs") == [FIRST, "two", "theirs"]
    pair.system.group.run("ACL", "SETUSER", NAME, "<two", "<theirs")
    with pytest.raises(Retry):
        await pair.add("two", by=FIRST, send=meanwhile)
    assert pair.let_in(FIRST, "two", "theirs") == [FIRST, "two", "theirs"]


async def test_one_that_any_password_opens_is_left_so(pair: Itself):
    pair.system.group.nodes[0].run("ACL", "SETUSER", NAME, "nopass")
    with pytest.raises(Blocked) as caught:
        await pair.add("two", by=FIRST)
    assert caught.value.reason is Reason.SECOND_PASSWORD
    assert "nopass" in caught.value.message
    assert pair.system.holding(NAME, "whatever") == 1


async def test_a_node_that_is_away_holds_both_the_new_value_and_the_end_of_the_old_one_up(pair: Itself):
    lost = pair.system.group.nodes[1]
    lost.stop()
    with pytest.raises(Retry):
        await pair.add("two", by=FIRST)
    assert pair.system.holding(NAME, "two") == 0
    lost.start()
    await pair.add("two", by=FIRST)
    lost.stop()
    with pytest.raises(Retry):
        await pair.end(FIRST, "two")
    assert pair.system.holding(NAME, FIRST) == 1
    lost.start()
    assert pair.let_in(FIRST, "two") == [FIRST, "two"]


async def test_a_leak_ends_the_old_value_and_its_sessions_but_not_the_one_that_does_it(itself: Itself):
    await itself.add("two", by=FIRST)
    theirs = [node.client(NAME, FIRST) for node in itself.system.group.nodes]
    for client in theirs:
        client.execute_command("ACL", "WHOAMI")
    await itself.end(FIRST, "two", forced=True)
    assert itself.let_in(FIRST, "two") == ["two"]
    for client in theirs:
        with pytest.raises((redis.ConnectionError, redis.AuthenticationError)):
            client.execute_command("ACL", "WHOAMI")
        client.close()


async def test_such_an_account_is_not_touched_unless_it_is_the_admins(pair: Itself):
    async with pair.system.engine.open(pair.system.place, pair.login(FIRST), 5.0) as session:
        others = replace(ITSELF, admins=False)
        seen = await session.inspect(others)
        with pytest.raises(Blocked, match="such are never touched"):
            await session.check(others, seen)
        with pytest.raises(Blocked, match="such accounts are never touched"):
            await session.apply(Change(NAME, Sensitive("two"), others, seen, {}, keep=Sensitive(FIRST)), go)
    assert pair.system.holding(NAME, "two") == 0


async def test_one_that_replicas_log_in_with_is_not_changed(pair: Itself):
    pair.system.group.nodes[1].run("CONFIG", "SET", "masteruser", NAME)
    with pytest.raises(Blocked, match="masteruser") as caught:
        await pair.add("two", by=FIRST)
    assert caught.value.reason is Reason.ACCOUNT_RESERVED
    assert pair.system.holding(NAME, "two") == 0


async def test_a_login_that_has_lost_a_right_of_an_admin_is_no_proof(pair: Itself):
    await pair.add("two", by=FIRST)
    pair.system.group.nodes[1].run("ACL", "SETUSER", NAME, "-acl|setuser")
    with pytest.raises(Blocked) as caught:
        await pair.prove("two")
    assert caught.value.reason is Reason.PRIVILEGE_MISSING
    assert "ACL SETUSER" in caught.value.message
    pair.system.group.nodes[1].run("ACL", "SETUSER", NAME, *ADMIN_RULES)
    await pair.prove("two")


async def test_a_refused_value_is_told_by_the_other_one_and_tried_no_second_time(pair: Itself):
    node = pair.system.group.nodes[1]
    node.run("ACL", "LOG", "RESET")
    endpoint = next(e for e in pair.system.place.endpoints if e.port == node.port)
    with pytest.raises(Blocked) as caught:
        await pair.system.engine.verify(
            pair.system.place, endpoint, pair.login("two"), Expectation(ITSELF, None, pair.login(FIRST))
        )
    assert caught.value.reason is Reason.LOGIN_REFUSED
    (entry,) = node.run("ACL", "LOG")
    assert "1" in str(entry[1])


# --- mending ---


async def test_a_node_that_lacks_the_new_value_is_given_it_and_nothing_else(pair: Itself):
    node, before = pair.system.group.nodes[1], pair.rules()
    await pair.add("two", by=FIRST)
    node.run("ACL", "SETUSER", NAME, "<two", ">theirs")
    assert await pair.mend(FIRST, settled=FIRST, pending="two") == Mended((f"127.0.0.1:{node.port}",))
    assert pair.let_in(FIRST, "two") == [FIRST, "two"]
    assert node.logs_in(NAME, "theirs")
    assert pair.rules() == before
    assert await pair.mend(FIRST, settled=FIRST, pending="two") == Mended(exceeding=(f"127.0.0.1:{node.port}",))


async def test_a_node_that_lets_neither_value_in_is_left_alone_and_nothing_is_made_there(pair: Itself):
    node = pair.system.group.nodes[1]
    node.run("ACL", "DELUSER", NAME)
    assert await pair.mend(FIRST, settled=FIRST) == Mended()
    assert not node.exists(NAME)


async def test_a_node_that_missed_the_end_of_a_value_is_told_and_keeps_it(pair: Itself):
    """Which value that is nobody knows any more: it could as well be somebody's."""
    node = pair.system.group.nodes[1]
    await pair.add("two", by=FIRST)
    pair.system.group.nodes[0].run("ACL", "SETUSER", NAME, f"<{FIRST}")
    assert await pair.mend("two", settled="two") == Mended(exceeding=(f"127.0.0.1:{node.port}",))
    assert pair.let_in("two") == ["two"]
    assert node.logs_in(NAME, FIRST)
    node.run("ACL", "SETUSER", NAME, f"<{FIRST}")
    assert await pair.mend("two", settled="two") == Mended()
