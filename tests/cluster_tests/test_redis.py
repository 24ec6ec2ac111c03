"""Real Redis servers for tests: that they are what the tests of the type take them for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import redis
from tests.cluster.redis import Accounts, RedisServer
from tests.cluster.redis_groups import SERVICE, clustered, until, watched
from tests.cluster.small_disk import limit, own_disk, small_disk


@pytest.mark.parametrize(
    ("accounts", "kept"), [(Accounts.FILE, True), (Accounts.CONFIG, True), (Accounts.MEMORY, False)]
)
def test_an_account_outlives_the_server_if_there_is_a_place_for_it(accounts, kept):
    with RedisServer(accounts=accounts) as server:
        server.admin("somebody", password="a password")
        assert server.logs_in("somebody", "a password")
        assert not server.logs_in("somebody", "another")
        server.stop()
        server.start()
        assert server.exists("somebody") == kept


def test_a_node_that_lost_its_disk_knows_the_first_accounts_only():
    with RedisServer() as server:
        server.admin("somebody", password="a password")
        server.stop()
        server.empty()
        server.start()
        assert server.run("ACL", "USERS") == ["boss", "default", "link"]


@pytest.mark.parametrize("place", [small_disk, limit])
def test_a_full_disk_takes_no_account_and_loses_none_and_outlives_the_server(place):
    with place() as disk, RedisServer(disk=disk) as server:
        server.admin("early", password="a password")
        disk.fill()
        before = server.acl_file.read_text()
        with pytest.raises(redis.ResponseError, match="error trying to save the ACLs"):
            server.admin("somebody", password="a password")
        assert server.logs_in("somebody", "a password")
        assert server.acl_file.read_text() == before
        assert [file.name for file in disk.outside.iterdir() if file.name != "ballast"] == ["users.acl"]
        server.stop()
        server.start()
        assert server.exists("early")
        assert not server.exists("somebody")
        disk.make_room()
        server.admin("somebody", password="a password")


@pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace of one's own needs root")
def test_a_full_disk_is_seen_by_nobody_else_and_ends_with_its_process():
    with own_disk() as disk:
        disk.fill()
        assert list(disk.inside.iterdir()) == []
        assert str(disk.inside) not in Path("/proc/self/mountinfo").read_text()
        gone = disk.outside
    assert not gone.exists()


def test_what_is_told_to_the_server_is_found_in_its_records():
    with RedisServer(log_statements=True) as server:
        server.run("SET", "a-key-of-mine", "a-value-of-mine")
        assert b"a-value-of-mine" in server.records()


def test_the_sentinels_put_a_replica_in_the_place_of_the_primary():
    with watched(replicas=1) as group:
        first = group.primary
        first.run("SET", SERVICE, "kept")
        assert first.run("WAIT", "1", "5000") == 1
        first.stop()
        until("a new primary", lambda: bool(group.primaries()))
        assert group.primary.run("GET", SERVICE) == "kept"
        first.start()
        until("the old one as a replica", lambda: group.replicas_of(group.primary) == [first])


def test_a_cluster_goes_on_without_one_of_its_primaries():
    with clustered() as group:
        assert len(group.primaries()) == 3
        lost = group.primaries()[0]
        (heir,) = group.replicas_of(lost)
        lost.stop()
        until("the replica as a primary", lambda: heir in group.primaries())
        assert len(group.primaries()) == 3
