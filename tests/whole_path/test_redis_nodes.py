"""Redis of many servers, each with accounts of its own: rotations over failovers, and a server that returns empty."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.cluster.redis import RedisServer
from tests.cluster.redis_groups import RedisGroup, clustered, replicated, watched
from tests.cluster.small_disk import small_disk
from tests.whole_path.consumers import GRACE, consumers, never_refused
from tests.whole_path.redis_shop import RedisShop, client, hashes, shop
from tests.whole_path.world import until

ROTATIONS, CLIENTS, HOLDERS = 10, 5, 4
LONG = 120.0
MENDED = 10.0  # seconds, as promised


@pytest.fixture(scope="module")
def cluster_of_six(control_plane) -> Iterator[RedisShop]:
    with clustered(log_statements=True) as group, shop(control_plane, group, "Cluster") as found:
        yield found


@pytest.fixture
def under_sentinels(control_plane) -> Iterator[RedisShop]:
    with watched(replicas=2, log_statements=True) as group, shop(control_plane, group, "Replicated") as found:
        yield found


@pytest.fixture
def pair(control_plane) -> Iterator[RedisShop]:
    with replicated(replicas=1) as group, shop(control_plane, group, "Replicated") as found:
        yield found


def address(node: RedisServer) -> str:
    return f"127.0.0.1:{node.port}"


def rotated_over_its_loss(shop: RedisShop, name: str, token: str, lost: RedisServer, primaries: int) -> None:
    """A primary dies, a rotation begins and waits for it, another takes its place, and it comes back."""
    lost.stop()
    shop.annotate(name, "rotate", token)

    def told() -> bool:
        found = shop.condition(name, "Rotated")
        return found.get("reason") == "PropagationTimeout" and address(lost) in found["message"]

    until("a rotation that names the lost server", told, LONG)
    until("a failover", lambda: len(shop.group.primaries()) == primaries, LONG)
    lost.start()


def nobody_is_refused(shop: RedisShop, name: str, folder: Path, events: dict[int, Callable[[str], object]]) -> None:
    """Rotations with clients; what `events` has for one of them goes on in its middle."""
    rotation = {"interval": "24h", "gracePeriod": f"{GRACE}s"}
    shop.apply(shop.credential(name, "orders_busy", rotation=rotation))
    shop.published(name)
    with consumers(shop, name, folder, CLIENTS, client(shop)) as busy:
        tally = busy.through(ROTATIONS, LONG, events)
    sys.stderr.write(
        f"Redis {shop.topology}: {len(tally.logins)} logins in {ROTATIONS} rotations, {len(tally.refused)} refused, "
        f"{tally.failed.total()} while a server was down\n"
    )
    assert not tally.refused
    assert set(tally.failed) <= {"ConnectionError", "TimeoutError"}
    assert tally.failed, "no client noticed that a server was down"
    assert len(tally.clients) == CLIENTS
    assert len(tally.versions) == ROTATIONS + 1
    assert shop.logs_in_everywhere(shop.secret(name))
    written = shop.group.records()
    assert b"orders_busy_clone" in written
    assert not [e.version for e in busy.follower.editions if str(e.document["password"]).encode() in written]


def test_no_consumer_of_a_cluster_is_refused_one_login_over_two_failovers(cluster_of_six, tmp_path):
    group = cluster_of_six.group

    def by_hand(token: str) -> None:
        first = group.primaries()[0]
        (replica,) = group.replicas_of(first)
        cluster_of_six.annotate("busy", "rotate", token)
        replica.run("CLUSTER", "FAILOVER")
        until("the failover", lambda: replica in group.primaries())

    def by_loss(token: str) -> None:
        rotated_over_its_loss(cluster_of_six, "busy", token, group.primaries()[1], primaries=3)

    nobody_is_refused(cluster_of_six, "busy", tmp_path, {3: by_hand, 6: by_loss})
    assert len(group.nodes) == 6


def test_one_account_of_a_cluster_holds_two_values_on_each_node_over_a_failover_and_one_after_the_grace(
    cluster_of_six, tmp_path
):
    shop, group = cluster_of_six, cluster_of_six.group
    until("all of the cluster", lambda: len(group.primaries()) == 3, LONG)
    rotation = {"interval": "24h", "gracePeriod": f"{GRACE}s"}
    shop.apply(shop.credential("holder", "orders_holder", mode="Overlap", rotation=rotation))
    first = shop.published("holder")

    def by_hand(token: str) -> None:
        (replica,) = group.replicas_of(group.primaries()[0])
        shop.annotate("holder", "rotate", token)
        replica.run("CLUSTER", "FAILOVER")
        until("the failover", lambda: replica in group.primaries())

    with consumers(shop, "holder", tmp_path, CLIENTS, client(shop)) as busy:
        tally = busy.through(ROTATIONS, LONG, {2: by_hand})
    sys.stderr.write(
        f"Redis Cluster, overlap: {len(tally.logins)} logins in {ROTATIONS} rotations, {len(tally.refused)} refused\n"
    )
    never_refused(tally, CLIENTS, ROTATIONS)
    assert {one.user for one in tally.logins} == {"orders_holder"}
    until("the end of the value before", lambda: all(len(hashes(n, "orders_holder")) == 1 for n in group.nodes))
    assert not any(node.logs_in(first["username"], first["password"]) for node in group.nodes)
    assert shop.logs_in_everywhere(shop.secret("holder"))
    assert not any(node.exists("orders_holder_clone") for node in group.nodes)
    written = group.records()
    assert not [e.version for e in busy.follower.editions if str(e.document["password"]).encode() in written]


def test_no_consumer_of_a_pair_or_of_one_account_under_sentinels_is_refused_one_login_over_a_failover(
    under_sentinels, tmp_path
):
    shop, first = under_sentinels, under_sentinels.group.primary

    def by_loss(token: str) -> None:
        rotated_over_its_loss(shop, "busy", token, first, primaries=1)

    rotation = {"interval": "24h", "gracePeriod": f"{GRACE}s"}
    shop.apply(shop.credential("holder", "orders_holder", mode="Overlap", rotation=rotation))
    shop.published("holder")
    with consumers(shop, "holder", tmp_path, HOLDERS, client(shop)) as holders, ThreadPoolExecutor(1) as beside:
        counted = beside.submit(holders.through, ROTATIONS, LONG)
        nobody_is_refused(shop, "busy", tmp_path, {4: by_loss})
        tally = counted.result()
    assert first not in shop.group.primaries()
    sys.stderr.write(
        f"Redis Replicated, overlap: {len(tally.logins)} logins in {ROTATIONS} rotations, {len(tally.refused)} refused\n"
    )
    assert not tally.refused
    assert set(tally.failed) <= {"ConnectionError", "TimeoutError"}
    assert len(tally.clients) == HOLDERS
    assert len(tally.versions) == ROTATIONS + 1
    assert {one.user for one in tally.logins if one.ok} == {"orders_holder"}


def test_a_server_that_is_away_is_named_and_one_that_returns_empty_is_mended(pair):
    node = pair.group.nodes[1]
    pair.apply(pair.credential("cache", "orders_cache"))
    pair.published("cache")
    before, after = pair.rotated("cache", "one")
    until("nodes that agree", lambda: pair.condition("cache", "NodesCurrent").get("status") == "True")

    node.stop()
    away = until("its name", lambda: (c := pair.condition("cache", "NodesCurrent")).get("status") == "False" and c)
    assert address(node) in away["message"]
    assert pair.condition("cache", "Ready")["status"] == "True"

    node.empty()
    node.start()
    assert not node.exists("orders_cache")
    node.admin()
    since = time.monotonic()
    while not all(node.logs_in(one["username"], one["password"]) for one in (before, after)):
        assert pair.condition("cache", "NodesCurrent")["status"] == "False"
        assert time.monotonic() < since + LONG
    took = time.monotonic() - since
    sys.stderr.write(f"Redis: a server that returned empty was mended within {took:.1f} s\n")
    assert took < MENDED
    until("nodes that agree", lambda: pair.condition("cache", "NodesCurrent").get("status") == "True")
    assert pair.secret("cache") == after


def test_a_server_that_cannot_be_reached_holds_a_rotation_back_unless_it_is_optional(pair):
    node = pair.group.nodes[1]
    pair.apply(pair.credential("waits", "orders_waits"))
    first = pair.published("waits")
    node.stop()
    pair.annotate("waits", "rotate", "one")
    told = until(
        "PropagationTimeout",
        lambda: (c := pair.condition("waits", "Rotated")).get("reason") == "PropagationTimeout" and c,
    )
    assert address(node) in told["message"]
    assert pair.secret("waits") == first

    target = pair.target()
    target["redis"]["endpoints"][1]["optional"] = True
    pair.apply(pair.made("Target", "pg", target))
    second = until("a rotation", lambda: (found := pair.secret("waits")) != first and found)
    assert pair.group.nodes[0].logs_in(second["username"], second["password"])
    node.start()
    until("what it missed", lambda: node.logs_in(second["username"], second["password"]))


def test_a_server_whose_disk_is_full_is_named_and_rotates_all_the_same_until_there_is_room(control_plane):
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk())
        server = stack.enter_context(RedisServer(disk=disk))
        found = stack.enter_context(shop(control_plane, RedisGroup([server]), "Standalone"))
        disk.fill()
        found.apply(found.credential("forgetful", "orders_forgetful"))
        first = found.published("forgetful")
        told = until("Persistent", lambda: found.condition("forgetful", "Persistent"))
        assert (told["status"], told["reason"]) == ("False", "NotPersistent")
        assert address(server) in told["message"]
        assert found.condition("forgetful", "Ready")["status"] == "True"
        _, second = found.rotated("forgetful", "one")
        assert found.logs_in_everywhere(first)
        assert found.logs_in_everywhere(second)
        assert found.condition("forgetful", "Persistent")["status"] == "False"
        assert "orders_forgetful" not in server.acl_file.read_text(encoding="utf-8")

        disk.make_room()  # and nobody asks for anything
        until("its end", lambda: not found.condition("forgetful", "Persistent"), LONG)
        assert found.secret("forgetful") == second
        server.stop()
        server.start()
        assert found.logs_in_everywhere(first)
        assert found.logs_in_everywhere(second)
