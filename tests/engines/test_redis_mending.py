"""A node that was away or is new is seen by a look, and is given what it lacks; nothing else is touched."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from tests.cluster.redis import Accounts, RedisServer
from tests.cluster.redis_groups import RedisGroup, clustered, replicated, until
from tests.cluster.small_disk import small_disk
from tests.engines.redis_system import ADMIN, PAIR, System, system_of

from keyward.domain.model import NodeView
from keyward.engines.base import Endpoint, Login, Topology
from keyward.engines.pernode import NodeWatch, Stored
from keyward.engines.redis.watch import AGAIN, PATIENCE, REST
from keyward.errors import Retry
from keyward.sensitive import Sensitive

ONE, TWO = Sensitive("one"), Sensitive("two")
NOW = {"app": Stored(settled=ONE), "app_clone": Stored(settled=TWO)}


@pytest.fixture
async def pair() -> AsyncIterator[System]:
    """A primary and a replica that hold both values."""
    with replicated(replicas=1) as group:
        system = system_of(group, Topology.REPLICATED)
        await system.apply("app", "one")
        await system.apply("app_clone", "two")
        yield system


def _emptied(node: RedisServer) -> None:
    """It loses everything but what it was first set up with, the admin included."""
    node.stop()
    node.empty()
    node.start()
    node.admin()


def _both(system: System) -> tuple[int, int]:
    return system.holding("app", "one"), system.holding("app_clone", "two")


# --- mending ---


async def test_where_nothing_is_lacking_nothing_is_written(pair: System):
    before = pair.group.run("ACL", "LIST")
    assert await pair.mend(**NOW) == ()
    assert pair.group.run("ACL", "LIST") == before


@pytest.mark.parametrize("index", [0, 1])
async def test_a_node_that_returns_empty_gets_both_accounts(pair: System, index: int):
    node = pair.group.nodes[index]
    _emptied(node)
    assert _both(pair) == (1, 1)
    assert await pair.mend(**NOW) == (f"127.0.0.1:{node.port}",)
    assert _both(pair) == (2, 2)
    node.stop()
    node.start()
    assert _both(pair) == (2, 2), "it was not written down"


async def test_a_server_that_stands_alone_and_returns_empty_gets_what_is_settled():
    with RedisServer() as server:
        system = system_of(RedisGroup([server]), Topology.STANDALONE)
        await system.apply("app", "one")
        _emptied(server)
        await system.mend(app=Stored(settled=ONE))
        assert server.logs_in("app", "one")
        assert server.exists("app_clone")
        assert not server.logs_in("app_clone", "")


async def test_a_node_that_returns_with_an_older_value_gets_the_newer_one(pair: System):
    pair.group.nodes[1].run("ACL", "SETUSER", "app", "resetpass", ">older")
    await pair.mend(**NOW)
    assert _both(pair) == (2, 2)
    assert pair.holding("app", "older") == 0


async def test_a_value_that_is_pending_counts_where_a_node_holds_it(pair: System):
    pair.group.nodes[0].run("ACL", "SETUSER", "app_clone", "resetpass", ">three")
    await pair.mend(app=Stored(settled=ONE), app_clone=Stored(pending=Sensitive("three")))
    assert pair.holding("app_clone", "three") == 2
    assert pair.holding("app", "one") == 2


async def test_a_value_that_is_pending_and_that_no_node_holds_is_not_sent(pair: System):
    await pair.mend(app=Stored(settled=ONE), app_clone=Stored(pending=Sensitive("three")))
    assert pair.holding("app_clone", "three") == 0
    assert pair.holding("app_clone", "two") == 2


async def test_what_somebody_changed_everywhere_is_not_undone(pair: System):
    for node in pair.group.nodes:
        node.run("ACL", "SETUSER", "app", "resetpass", ">theirs")
    assert await pair.mend(**NOW) == ()
    assert pair.holding("app", "theirs") == 2


async def test_an_account_that_somebody_switched_off_on_one_node_stays_off(pair: System):
    pair.group.nodes[1].run("ACL", "SETUSER", "app", "off")
    assert await pair.mend(**NOW) == ()
    assert pair.holding("app", "one") == 1


@pytest.fixture
async def holder() -> AsyncIterator[System]:
    """A primary and a replica where one account holds two values."""
    with replicated(replicas=1) as group:
        system = system_of(group, Topology.REPLICATED)
        await system.hold("one")
        await system.hold("two", keep="one")
        yield system


def _held(system: System) -> tuple[int, int]:
    return system.holding("app", "one"), system.holding("app", "two")


async def test_a_node_that_returns_empty_gets_both_values_that_one_account_holds(holder: System):
    assert _held(holder) == (2, 2)
    _emptied(holder.group.nodes[1])
    await holder.mend_holder(Stored(settled=TWO, beside=ONE))
    assert _held(holder) == (2, 2)


async def test_a_value_that_was_ended_is_not_brought_back_by_a_node_that_missed_it(holder: System):
    holder.group.nodes[0].run("ACL", "SETUSER", "app", "<one")
    assert await holder.mend_holder(Stored(settled=TWO)) == (f"127.0.0.1:{holder.group.nodes[1].port}",)
    assert _held(holder) == (0, 2)


async def test_a_value_that_is_pending_beside_the_one_in_use_counts_where_a_node_holds_both(holder: System):
    holder.group.nodes[1].run("ACL", "SETUSER", "app", "<two")
    await holder.mend_holder(Stored(settled=ONE, pending=TWO))
    assert _held(holder) == (2, 2)


async def test_the_older_value_ends_on_every_node_and_a_node_that_is_away_holds_its_end_up(holder: System):
    holder.group.nodes[1].stop()
    with pytest.raises(Retry):
        await holder.end("one", "two")
    assert _held(holder) == (1, 1)
    holder.group.nodes[1].start()
    await holder.end("one", "two")
    assert _held(holder) == (0, 2)


async def test_any_password_is_no_password(pair: System):
    pair.group.nodes[1].run("ACL", "SETUSER", "app", "nopass")
    await pair.mend(**NOW)
    assert pair.holding("app", "whatever") == 0
    assert _both(pair) == (2, 2)


async def test_others_accounts_are_not_touched(pair: System):
    pair.group.nodes[0].run("ACL", "SETUSER", "somebody", "on", ">theirs")
    _emptied(pair.group.nodes[1])
    await pair.mend(**NOW)
    assert pair.group.nodes[0].exists("somebody")
    assert not pair.group.nodes[1].exists("somebody")


# --- looking ---


def _of(view: NodeView) -> set[str]:
    return {view.accounts.get(name, "") for name in PAIR.names}


async def _views(watch: NodeWatch) -> dict[int, NodeView]:
    return {int(view.name.rpartition(":")[2]): view for view in await watch.look()}


async def test_a_look_sees_who_lacks_what_and_holds_no_password(pair: System):
    first, second = (node.port for node in pair.group.nodes)
    async with pair.engine.watch(pair.place, ADMIN) as watch:
        views = await _views(watch)
        assert _of(views[first]) == _of(views[second])
        assert "" not in _of(views[first])
        assert all(view.keeps and not view.problem for view in views.values())
        pair.group.nodes[1].run("ACL", "DELUSER", "app")
        views = await _views(watch)
        assert _of(views[first]) != _of(views[second])
        assert "app" not in views[second].accounts


async def test_a_look_goes_on_over_a_nodes_outage(pair: System):
    node = pair.group.nodes[1]
    async with pair.engine.watch(pair.place, ADMIN) as watch:
        before = await _views(watch)
        node.stop()
        during = await _views(watch)
        assert str(node.port) in during[node.port].problem
        assert during[pair.group.nodes[0].port] == before[pair.group.nodes[0].port]
        node.start()
        assert await _views(watch) == before


async def test_a_look_keeps_its_connections(pair: System):
    node = pair.group.nodes[0]
    async with pair.engine.watch(pair.place, ADMIN) as watch:
        await watch.look()
        made = int(node.run("INFO", "stats").split("total_connections_received:")[1].split()[0])
        for _ in range(5):
            await watch.look()
        now = int(node.run("INFO", "stats").split("total_connections_received:")[1].split()[0])
        assert now - made == 1, "beside this look at it"
    assert "user=rotator" not in node.run("CLIENT", "LIST")


async def test_a_replica_that_joins_is_seen(pair: System):
    async with pair.engine.watch(pair.place, ADMIN) as watch:
        assert len(await watch.look()) == 2
        primary = pair.group.nodes[0]
        settings = {"replicaof": f"127.0.0.1 {primary.port}"}
        with RedisServer(authority=primary.authority, settings=settings) as joined:
            joined.admin()
            until("the link", lambda: f"port={joined.port}," in primary.run("INFO", "replication"))
            views = await _views(watch)
            assert views[joined.port].accounts.keys() & set(PAIR.names) == set()
            await pair.mend(**NOW)
            assert joined.logs_in("app", "one")


async def test_a_refused_admin_is_the_nodes_problem(pair: System):
    pair.group.nodes[1].run("ACL", "DELUSER", "rotator")
    async with pair.engine.watch(pair.place, ADMIN) as watch:
        views = await _views(watch)
        assert "admin login" in views[pair.group.nodes[1].port].problem
        assert not views[pair.group.nodes[0].port].problem
    async with pair.engine.watch(pair.place, Login("nobody", ONE)) as watch:
        assert all(view.problem for view in await watch.look())


async def test_a_node_that_refuses_the_admin_again_and_again_is_asked_seldom_and_named_all_the_same(pair: System):
    node = pair.group.nodes[1]
    node.run("ACL", "SETUSER", "rotator", "resetpass", ">older")
    node.run("ACL", "LOG", "RESET")

    def refused() -> int:
        return sum(int(entry[1]) for entry in node.run("ACL", "LOG"))

    async with pair.engine.watch(pair.place, ADMIN) as watch:
        for _ in range(PATIENCE + REST):
            views = await _views(watch)
            assert "admin login" in views[node.port].problem
            assert not views[pair.group.nodes[0].port].problem
        assert refused() == PATIENCE
        await watch.look()
        assert refused() == PATIENCE + 1
        node.admin()
        for _ in range(REST):
            assert (await _views(watch))[node.port].problem
        assert not (await _views(watch))[node.port].problem
        node.stop()
        node.empty()
        node.start()
        await watch.look()
        node.admin()
        assert not (await _views(watch))[node.port].problem, "what was before counts no more"


async def test_a_node_without_a_place_for_accounts_is_told():
    for accounts, keeps in ((Accounts.MEMORY, False), (Accounts.CONFIG, True), (Accounts.FILE, True)):
        with RedisServer(accounts=accounts) as server:
            system = system_of(RedisGroup([server]), Topology.STANDALONE)
            async with system.engine.watch(system.place, ADMIN) as watch:
                assert [view.keeps for view in await watch.look()] == [keeps]


async def test_a_node_whose_disk_is_full_takes_a_value_and_writes_it_down_once_there_is_room():
    with small_disk() as disk, RedisServer(disk=disk) as server:
        system = system_of(RedisGroup([server]), Topology.STANDALONE)
        disk.fill()
        await system.apply("app", "one")
        assert server.logs_in("app", "one")
        async with system.engine.watch(system.place, ADMIN) as watch:
            assert [[view.keeps for view in await watch.look()] for _ in range(2 * AGAIN)] == [[False]] * 2 * AGAIN
            assert "user app " not in server.acl_file.read_text()
            disk.make_room()
            looks = [[view.keeps for view in await watch.look()] for _ in range(AGAIN)]
        assert looks == [[False]] * (AGAIN - 1) + [[True]]
        server.stop()
        server.start()
        assert server.logs_in("app", "one")


async def test_a_cluster_is_looked_at_from_any_of_its_nodes():
    with clustered(replicas=0) as group:
        system = system_of(group, Topology.CLUSTER, group.nodes[2])
        system = replace(system, place=replace(system.place, endpoints=(Endpoint("127.0.0.1", group.nodes[2].port),)))
        await system.apply("app", "one")
        async with system.engine.watch(system.place, ADMIN) as watch:
            views = await _views(watch)
            assert len({frozenset(_of(view)) for view in views.values()}) == 1
            assert len(views) == 3
