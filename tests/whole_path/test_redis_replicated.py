"""One account of a primary and its replicas without Sentinel: it holds two passwords on each, and no consumer is refused."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from tests.cluster.redis_groups import replicated
from tests.whole_path.consumers import GRACE, consumers
from tests.whole_path.redis_shop import RedisShop, client, hashes, shop
from tests.whole_path.world import until

ROTATIONS, CLIENTS = 10, 5
LONG = 120.0


@pytest.fixture
def three(control_plane) -> Iterator[RedisShop]:
    with replicated(replicas=2, log_statements=True) as group, shop(control_plane, group, "Replicated") as found:
        yield found


def test_one_account_on_a_primary_and_its_replicas_is_never_refused_over_the_restart_of_one(three, tmp_path):
    primary, restarted, _ = nodes = three.group.nodes
    rotation = {"interval": "24h", "gracePeriod": f"{GRACE}s"}
    three.apply(three.credential("holder", "orders_holder", mode="Overlap", rotation=rotation))
    first = three.published("holder")

    def over_a_restart(token: str) -> None:
        restarted.stop()
        three.annotate("holder", "rotate", token)

        def waits() -> bool:
            found = three.condition("holder", "Rotated")
            return found.get("reason") == "PropagationTimeout" and f":{restarted.port}" in found["message"]

        until("a rotation that waits for it", waits, LONG)
        restarted.start()

    with consumers(three, "holder", tmp_path, CLIENTS, client(three)) as busy:
        tally = busy.through(ROTATIONS, LONG, {4: over_a_restart})
    sys.stderr.write(
        f"Redis with replicas, overlap: {len(tally.logins)} logins in {ROTATIONS} rotations, {len(tally.refused)} refused, "
        f"{tally.failed.total()} while a replica was down\n"
    )
    assert not tally.refused
    assert set(tally.failed) <= {"ConnectionError", "TimeoutError"}
    assert tally.failed, "no client noticed that a replica was down"
    assert len(tally.clients) == CLIENTS
    assert len(tally.versions) == ROTATIONS + 1
    assert {one.user for one in tally.logins} == {"orders_holder"}
    assert three.group.primaries() == [primary]

    until("the end of the value before", lambda: all(len(hashes(node, "orders_holder")) == 1 for node in nodes))
    assert not any(node.logs_in(first["username"], first["password"]) for node in nodes)
    assert three.logs_in_everywhere(three.secret("holder"))
    assert not any(node.exists("orders_holder_clone") for node in nodes)
    written = three.group.records()
    assert b"orders_holder" in written
    assert not [e.version for e in busy.follower.editions if str(e.document["password"]).encode() in written]
