"""`kubectl apply` → ACL users on a real Redis → a Secret that logs in → rotations that nobody notices."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
import redis
from redis.exceptions import NoPermissionError
from tests.cluster.redis import RedisServer
from tests.cluster.redis_groups import RedisGroup
from tests.whole_path.consumers import GRACE, consumers, never_refused
from tests.whole_path.redis_shop import RedisShop, client, hashes, shop
from tests.whole_path.world import until

ROTATIONS, OVERLAPPING, CLIENTS = 12, 10, 5


@pytest.fixture(scope="module")
def alone(control_plane, redis_server) -> Iterator[RedisShop]:
    with shop(control_plane, RedisGroup([redis_server]), "Standalone") as found:
        yield found


def session_of(alone: RedisShop, secret: dict[str, str]) -> redis.Redis:
    return alone.group.nodes[0].client(secret["username"], secret["password"])


def test_an_applied_credential_becomes_a_secret_and_each_rotation_takes_the_other_account(alone):
    alone.apply(alone.credential("dual", "orders_dual"))
    first = alone.published("dual")
    assert alone.logs_in_everywhere(first)
    assert (first["engine"], first["port"]) == ("Redis", str(alone.group.nodes[0].port))
    assert first["dsn"] == f"rediss://orders_dual:{first['password']}@127.0.0.1:{first['port']}/0"
    assert "database" not in first
    names = [first["username"]]
    for number in range(3):
        before, after = alone.rotated("dual", f"t{number}")
        assert alone.logs_in_everywhere(before)
        assert alone.logs_in_everywhere(after)
        names.append(after["username"])
    assert names == ["orders_dual", "orders_dual_clone", "orders_dual", "orders_dual_clone"]
    printed = alone.cluster.kubectl("get", "credential", "dual", "-n", alone.namespace)
    assert "redis/Redis" in printed
    targets = alone.cluster.kubectl("get", "target", "pg", "-n", alone.namespace)
    assert "Redis" in targets
    assert "127.0.0.1" in targets


def test_both_accounts_have_the_rights_of_the_spec_and_no_others(alone):
    alone.apply(alone.credential("reader", "orders_reader", "ReadOnly"))
    for secret in (alone.published("reader"), alone.rotated("reader", "one")[1]):
        with session_of(alone, secret) as session:
            assert session.get("orders") is None
            for command in (("SET", "orders", "1"), ("FLUSHALL",), ("ACL", "LIST"), ("CONFIG", "GET", "*")):
                with pytest.raises(NoPermissionError):
                    session.execute_command(*command)


def test_a_changed_privilege_holds_from_the_next_rotation_on(alone):
    wanted = alone.credential("wider", "orders_wider", "ReadOnly")
    alone.apply(wanted)
    alone.published("wider")
    wanted["spec"]["redis"]["create"]["privilege"] = "ReadWrite"
    alone.apply(wanted)
    _, after = alone.rotated("wider", "one")
    with session_of(alone, after) as session:
        assert session.set("orders:wider", "1")


def test_an_account_of_somebody_elses_is_never_touched(alone):
    server = alone.group.nodes[0]
    server.run("ACL", "SETUSER", "orders_taken", "on", ">theirs", "+ping", "+acl|whoami")
    alone.apply(alone.credential("taken", "orders_taken"))
    until("AccountExists", lambda: "AccountExists" in str(alone.get("credential", "taken").get("status")))
    assert server.logs_in("orders_taken", "theirs")
    assert not server.exists("orders_taken_clone")


def test_an_account_that_somebody_switched_off_is_said_and_never_healed(alone):
    server = alone.group.nodes[0]
    alone.apply(alone.credential("off", "orders_off"))
    alone.published("off")
    before, used = alone.rotated("off", "one")
    server.run("ACL", "SETUSER", before["username"], "off")
    alone.annotate("off", "rotate", "two")
    said = until(
        "AccountDisabled", lambda: (c := alone.condition("off", "Rotated")).get("reason") == "AccountDisabled" and c
    )
    for part in ("spec.redis.create.name", f"account '{before['username']}'", "give it back", "we never do"):
        assert part in said["message"]
    assert not server.logs_in(before["username"], before["password"]), "it was healed"
    assert alone.secret("off") == used
    assert alone.logs_in_everywhere(used)
    server.run("ACL", "SETUSER", before["username"], "on")
    _, after = alone.rotated("off", "three")
    assert after["username"] == before["username"]
    assert alone.logs_in_everywhere(after)


def test_a_target_of_another_type_is_named(alone):
    wrong = alone.credential("other", "orders_other")
    database = {"create": {"name": "orders_other", "privileges": [{"database": "orders", "level": "ReadOnly"}]}}
    del wrong["spec"]["redis"]
    wrong["spec"]["rds"] = {"targetRef": {"name": "pg"}, "databaseName": "orders"} | database
    alone.apply(wrong)
    said = until("its state", lambda: (alone.get("credential", "other") or {}).get("status", {}).get("conditions"))
    assert "spec.rds.targetRef: Target pg is of type redis" in str(said)


@pytest.mark.parametrize("policy", ["Disable", "Drop"])
def test_deletion_disables_or_drops_both_accounts_and_a_return_gives_them_back(alone, policy):
    name, server = f"gone-{policy.lower()}", alone.group.nodes[0]
    wanted = alone.credential(name, f"orders_gone_{policy.lower()}", deletion={"accounts": policy})
    alone.apply(wanted)
    first = alone.published(name)
    alone.api.delete("credential", name, alone.namespace)
    until("its end", lambda: alone.get("credential", name) is None)
    assert not alone.logs_in_everywhere(first)
    assert server.exists(first["username"]) is (policy == "Disable")
    alone.apply(wanted)
    # The garbage collector takes the first life's Secret when it comes to it: there may be none for a moment.
    again = until("a login that is let in", lambda: (s := alone.secret(name)) and alone.logs_in_everywhere(s) and s)
    assert (again["password"] == first["password"]) is (policy == "Disable")


def test_a_set_makes_a_pair_on_each_target(alone):
    with RedisServer(authority=alone.group.nodes[0].authority) as another:
        another.admin()
        servers = {"cache-one": alone.group.nodes[0], "cache-two": another}
        for name, server in servers.items():
            target = alone.target() | {"admin": {"secretRef": {"name": f"{name}-admin"}}}
            target["redis"]["endpoints"] = [{"host": "127.0.0.1", "port": server.port}]
            item = alone.made("Target", name, target)
            item["metadata"]["labels"] = {"fleet": "caches"}
            login = {"username": "rotator", "password": "rotators-password"}
            alone.apply(alone.plain_secret(f"{name}-admin", login), item)
        template = {
            "redis": {"create": {"name": "orders_set", "privilege": "ReadOnly"}},
            "rotation": {"interval": "24h"},
            "projections": [{"secretName": "cache"}],
        }
        wish = {"targets": {"matchLabels": {"fleet": "caches"}}, "template": {"spec": template}}
        alone.apply(alone.made("CredentialSet", "caches", wish))

        def ready() -> bool:
            status = (alone.get("credentialsets", "caches") or {}).get("status") or {}
            return (status.get("desired"), status.get("ready"), status.get("failed")) == (2, 2, 0)

        until("both Credentials of the set", ready)
        for name, server in servers.items():
            secret = alone.secret(f"cache-{name}")
            assert server.logs_in(secret["username"], secret["password"])


def test_no_consumer_is_refused_one_login(alone, tmp_path):
    rotation = {"interval": "24h", "gracePeriod": f"{GRACE}s"}
    alone.apply(alone.credential("busy", "orders_busy", rotation=rotation))
    alone.published("busy")
    with consumers(alone, "busy", tmp_path, CLIENTS, client(alone)) as busy:
        tally = busy.through(ROTATIONS)
    written = alone.group.records()
    assert b"orders_busy_clone" in written
    assert not [e.version for e in busy.follower.editions if str(e.document["password"]).encode() in written]
    sys.stderr.write(f"Redis: {len(tally.logins)} logins in {ROTATIONS} rotations, {len(tally.refused)} refused\n")
    never_refused(tally, CLIENTS, ROTATIONS)
    assert {one.user for one in tally.logins} == {"orders_busy", "orders_busy_clone"}


def test_one_account_that_holds_two_values_is_never_refused_and_holds_one_after_the_grace(alone, tmp_path):
    rotation = {"interval": "24h", "gracePeriod": f"{GRACE}s"}
    alone.apply(alone.credential("holder", "orders_holder", mode="Overlap", rotation=rotation))
    first = alone.published("holder")
    with consumers(alone, "holder", tmp_path, CLIENTS, client(alone)) as busy:
        tally = busy.through(OVERLAPPING)
    written = alone.group.records()
    assert not [e.version for e in busy.follower.editions if str(e.document["password"]).encode() in written]
    sys.stderr.write(
        f"Redis overlap: {len(tally.logins)} logins in {OVERLAPPING} rotations, {len(tally.refused)} refused\n"
    )
    never_refused(tally, CLIENTS, OVERLAPPING)
    assert {one.user for one in tally.logins} == {"orders_holder"}
    server = alone.group.nodes[0]
    until("the end of the value before", lambda: len(hashes(server, "orders_holder")) == 1)
    assert not alone.logs_in_everywhere(first)
    assert alone.logs_in_everywhere(alone.secret("holder"))
    assert not server.exists("orders_holder_clone")


def test_a_leaked_value_of_one_account_ends_at_once_and_somebody_elses_is_never_ended(alone):
    rotation = {"interval": "24h", "gracePeriod": "10m"}
    alone.apply(alone.credential("leaked", "orders_leaked", mode="Overlap", rotation=rotation))
    alone.published("leaked")
    before, after = alone.rotated("leaked", "one#force")
    until("its end", lambda: not alone.logs_in_everywhere(before))
    assert alone.logs_in_everywhere(after)
    server = alone.group.nodes[0]
    server.run("ACL", "SETUSER", "orders_leaked", ">theirs")
    alone.annotate("leaked", "rotate", "two#force")
    until("SecondPassword", lambda: "SecondPassword" in str(alone.get("credential", "leaked").get("status")))
    assert server.logs_in("orders_leaked", "theirs")
    assert alone.logs_in_everywhere(after)
