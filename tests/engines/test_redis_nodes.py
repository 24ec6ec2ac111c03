"""Systems of several nodes: every node takes a value, each is proven, and one that cannot be reached holds it back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.cluster.redis import RedisServer
from tests.cluster.redis_groups import RedisGroup, clustered, replicated, until, watched
from tests.engines.redis_system import PAIR, System, system_of

from keyward.engines.base import Action, Endpoint, Role, Topology
from keyward.errors import Blocked, Reason, Retry


@pytest.fixture
def pair() -> Iterator[System]:
    """A primary and a replica, both listed."""
    with replicated(replicas=1) as group:
        yield system_of(group, Topology.REPLICATED)


async def test_every_node_takes_a_value(pair: System):
    await pair.apply("app", "one")
    assert await pair.verify_all("app", "one") == 2
    assert pair.holding("app", "one") == 2
    assert pair.holding("app_clone", "") == 0


@pytest.mark.parametrize("listed", [0, 1])
async def test_a_node_that_another_one_names_takes_it_as_well(listed: int):
    """Whichever of the two is listed: the primary names its replicas, and a replica its primary."""
    with replicated(replicas=1) as group:
        system = system_of(group, Topology.REPLICATED, group.nodes[listed])
        await system.apply("app", "one")
        assert await system.verify_all("app", "one") == 2
        assert system.holding("app", "one") == 2


async def test_a_name_and_an_address_of_one_node_are_one_node():
    with replicated(replicas=1) as group:
        system = system_of(group, Topology.REPLICATED)
        named = tuple(Endpoint("localhost", node.port, Role.NODE) for node in group.nodes)
        system = replace(system, place=replace(system.place, endpoints=named))
        await system.apply("app", "one")
        assert await system.verify_all("app", "one") == 2


async def test_a_node_that_is_down_holds_everything_back_before_anything_is_sent(pair: System):
    await pair.apply("app", "one")
    pair.group.nodes[1].stop()
    with pytest.raises(Retry) as caught:
        await pair.apply("app_clone", "two")
    assert caught.value.reason is Reason.PROPAGATION_TIMEOUT
    assert str(pair.group.nodes[1].port) in caught.value.message
    assert pair.holding("app_clone", "two") == 0


async def test_an_optional_node_holds_nothing_back(pair: System):
    await pair.apply("app", "one")
    lost = pair.group.nodes[1]
    lost.stop()
    await pair.optional(lost).apply("app_clone", "two")
    assert pair.holding("app_clone", "two") == 1


async def test_a_node_that_lacks_what_others_hold_is_no_wrong_password(pair: System):
    await pair.apply("app", "one")
    behind = pair.group.nodes[1]
    behind.run("ACL", "DELUSER", "app")
    endpoint = next(e for e in pair.place.endpoints if e.port == behind.port)
    with pytest.raises(Retry) as caught:
        await pair.verify(endpoint, "app", "one")
    assert caught.value.reason is Reason.PROPAGATION_TIMEOUT
    with pytest.raises(Blocked) as refused:
        await pair.verify(endpoint, "app", "another")
    assert refused.value.reason is Reason.LOGIN_REFUSED


async def test_an_account_that_is_off_on_one_node_is_never_healed(pair: System):
    await pair.apply("app", "one")
    pair.group.nodes[1].run("ACL", "SETUSER", "app", "off")
    with pytest.raises(Blocked) as caught:
        await pair.apply("app", "two")
    assert caught.value.reason is Reason.ACCOUNT_DISABLED


async def test_accounts_end_on_every_node(pair: System):
    await pair.apply("app", "one")
    for action, holding in ((Action.DISABLE, 0), (Action.ENABLE, 2), (Action.DROP, 0)):
        assert await pair.remove(action) is action
        assert pair.holding("app", "one") == holding
    assert not any(node.exists(name) for node in pair.group.nodes for name in PAIR.names)


async def test_an_end_that_did_not_reach_every_node_is_no_end(pair: System):
    await pair.apply("app", "one")
    pair.group.nodes[1].stop()
    with pytest.raises(Retry) as caught:
        await pair.remove(Action.DISABLE)
    assert caught.value.reason is Reason.PROPAGATION_TIMEOUT
    assert pair.holding("app", "one") == 0


async def test_replicas_without_their_primary_are_in_a_failover(pair: System):
    pair.group.nodes[0].stop()
    with pytest.raises(Retry) as caught:
        await pair.apply("app", "one")
    assert caught.value.reason is Reason.READ_ONLY_ENDPOINT
    assert pair.holding("app", "one") == 0


async def test_a_server_with_replicas_is_not_alone(pair: System):
    alone = replace(pair.place, endpoints=pair.place.endpoints[:1], topology=Topology.STANDALONE)
    with pytest.raises(Blocked, match="Replicated"):
        await replace(pair, place=alone).apply("app", "one")


async def test_a_replica_that_is_said_to_stand_alone_is_told_what_it_is(pair: System):
    """It would take accounts that its primary never hears of."""
    alone = replace(pair.place, topology=Topology.STANDALONE, endpoints=pair.place.endpoints[1:])
    with pytest.raises(Blocked, match="is a replica: name its primary") as caught:
        await replace(pair, place=alone).apply("app", "one")
    assert caught.value.reason is Reason.INVALID_SPEC
    assert pair.holding("app", "one") == 0


async def test_a_server_that_is_no_cluster_is_told_so(pair: System):
    with pytest.raises(Blocked, match="is no node of a cluster"):
        await replace(pair, place=replace(pair.place, topology=Topology.CLUSTER)).apply("app", "one")


async def test_a_node_whose_certificate_is_of_another_ca_gets_no_password():
    with contextlib.ExitStack() as stack:
        primary, stranger = (stack.enter_context(RedisServer()) for _ in range(2))
        announced = {"replicaof": f"127.0.0.1 {primary.port}", "replica-announce-port": str(stranger.port)}
        stack.enter_context(RedisServer(authority=primary.authority, settings=announced))
        until("the replica", lambda: f"port={stranger.port}" in primary.run("INFO", "replication"))
        system = system_of(RedisGroup([primary]), Topology.REPLICATED)
        with pytest.raises(Retry) as caught:
            await system.apply("app", "one")
        assert caught.value.reason is Reason.PROPAGATION_TIMEOUT
        assert "not signed by the Target's CA" in caught.value.message
        assert stranger.run("ACL", "LOG") == []


async def test_after_a_failover_of_the_sentinels_the_nodes_are_the_same():
    with watched(replicas=1, sentinels=1) as group:
        system = system_of(group, Topology.REPLICATED)
        await system.apply("app", "one")
        first = group.primary
        first.stop()
        until("a new primary", lambda: bool(group.primaries()))
        first.start()
        until("the old one as a replica", lambda: group.replicas_of(group.primary) == [first])
        await system.apply("app_clone", "two")
        assert await system.verify_all("app_clone", "two") == 2
        assert system.holding("app", "one") == 2


async def test_all_nodes_of_a_cluster_are_found_from_one_and_take_a_value():
    with clustered() as group:
        system = system_of(group, Topology.CLUSTER, group.nodes[4])
        await system.apply("app", "one")
        assert await system.verify_all("app", "one") == 6
        assert system.holding("app", "one") == 6
        lost = group.primaries()[0]
        lost.stop()
        system = system_of(RedisGroup([n for n in group.nodes if n is not lost]), Topology.CLUSTER)
        with pytest.raises(Retry) as caught:
            await system.apply("app_clone", "two")
        assert caught.value.reason is Reason.PROPAGATION_TIMEOUT
        await system.optional(lost).apply("app_clone", "two")
        assert system.holding("app_clone", "two") == 5
