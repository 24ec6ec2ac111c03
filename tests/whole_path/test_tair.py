"""`kubectl apply` → accounts of a Tair instance through the official SDK → a Secret that logs in → rotations that nobody notices.

The cloud is a stand-in that sets what it accepts on a real Redis, after a while; docs/types/redis.md says what that proves and
what not.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

import pytest
from redis.exceptions import NoPermissionError
from tests.cloud.standin import Fault
from tests.whole_path.consumers import GRACE, Consumers, consumers, never_refused
from tests.whole_path.tair_shop import TairShop, tair_shop
from tests.whole_path.world import until

CLIENTS, ROTATIONS, SLOW = 4, 10, 1
ROTATION = {"interval": "24h", "gracePeriod": f"{GRACE}s"}


@pytest.fixture(scope="module")
def shop(control_plane, tmp_path_factory) -> Iterator[TairShop]:
    with tair_shop(control_plane, tmp_path_factory.mktemp("tair"), "tair") as found:
        yield found


def test_an_applied_credential_becomes_a_secret_and_what_the_cloud_is_slow_at_is_waited_for(shop):
    shop.tair.delay = 0.5
    try:
        shop.apply(shop.credential("dual", "orders_dual", "ReadOnly"))
        first = shop.published("dual")
    finally:
        shop.tair.delay = 0.0
    assert shop.logs_in(first)
    assert (first["username"], first["engine"], first["port"]) == ("orders_dual", "Redis", str(shop.tair.server.port))
    assert {"auth", "database"}.isdisjoint(first)
    before, after = first, shop.rotated("dual", "one")
    assert after["username"] == "orders_dual_clone"
    assert shop.logs_in(before)
    assert shop.logs_in(after)
    status = until("the requests", lambda: (s := shop.get("credential", "dual")["status"]).get("requests") and s)
    assert status["type"] == "redis/Redis"
    told = dict(line.split() for line in status["requests"])
    assert told["ResetAccountPassword"] in [
        request for action, request in shop.cloud.calls if action == "ResetAccountPassword"
    ]
    with (
        shop.tair.server.client(after["username"], after["password"]) as client,
        pytest.raises(NoPermissionError),
    ):
        client.set("orders", "1")


def test_an_account_of_somebody_else_s_and_another_kind_of_instance_are_told(shop):
    shop.tair.account("orders_theirs_clone")
    shop.apply(shop.credential("theirs", "orders_theirs"))
    until("AccountExists", lambda: "AccountExists" in str(shop.get("credential", "theirs").get("status")))
    assert "orders_theirs" not in shop.tair.accounts
    shop.tair.instance_type = "Redis"
    try:
        shop.apply(shop.credential("kind", "orders_kind"))
        said = "is Redis 7.0, but spec.redis.engine of the Target says Tair"
        until("what is said of it", lambda: said in str(shop.get("credential", "kind").get("status")))
    finally:
        shop.tair.instance_type = "Tair"


def test_a_lost_answer_is_no_second_value(shop):
    shop.apply(shop.credential("lost", "orders_lost"))
    shop.published("lost")
    shop.cloud.faults.append(Fault("ResetAccountPassword", "AnswerLost"))
    after = shop.rotated("lost", "one")
    assert shop.logs_in(after)
    assert len(shop.versions("lost")) == 2


@pytest.mark.parametrize("policy", ["Disable", "Drop"])
def test_deletion_ends_both_accounts_and_a_return_gives_a_value_that_logs_in(shop, policy):
    name, account = f"gone-{policy.lower()}", f"orders_gone_{policy.lower()}"
    wanted = shop.credential(name, account, deletion={"accounts": policy})
    shop.apply(wanted)
    first = shop.published(name)
    shop.api.delete("credential", name, shop.namespace)
    until("its end", lambda: shop.get("credential", name) is None)
    assert not shop.logs_in(first)
    assert (account in shop.tair.accounts) is (policy == "Disable")
    shop.apply(wanted)
    again = until("a login that is let in", lambda: (s := shop.secret(name)) and shop.logs_in(s) and s)
    assert again["password"] != first["password"]


def through(shop: TairShop, busy: Consumers) -> None:
    """Ten rotations; the cloud is slow at the first."""

    def slow(token: str) -> None:
        shop.tair.delay = 0.4
        busy.rotate(token)

    def quick(token: str) -> None:
        shop.tair.delay = 0.0
        busy.rotate(token)

    tally = busy.through(ROTATIONS, events={n: slow if n < SLOW else quick for n in range(ROTATIONS)})
    way = "combined" if shop.tair.combined else "ACL"
    sys.stderr.write(
        f"Tair, {way}: {len(tally.logins)} logins in {ROTATIONS} rotations, {len(tally.refused)} refused\n"
    )
    never_refused(tally, CLIENTS, ROTATIONS)
    assert {one.user for one in tally.logins} == {"orders_busy", "orders_busy_clone"}
    written = shop.log.read_bytes() + shop.cluster.kubectl("get", "events,credentials", "-A", "-o", "json").encode()
    assert not [e.version for e in busy.follower.editions if str(e.document["password"]).encode() in written]


def test_no_consumer_is_refused_one_login(shop, tmp_path):
    shop.apply(shop.credential("busy", "orders_busy", rotation=ROTATION))
    shop.published("busy")
    with consumers(shop, "busy", tmp_path, CLIENTS, shop.client()) as busy:
        through(shop, busy)


def test_nor_where_a_login_is_one_word(control_plane, tmp_path):
    with tair_shop(control_plane, tmp_path, "tair-combined", combined=True, kind="Redis") as shop:
        shop.apply(shop.credential("busy", "orders_busy", rotation=ROTATION))
        secret = shop.published("busy")
        assert secret["auth"] == f"orders_busy:{secret['password']}"
        parts = urlsplit(secret["dsn"])
        assert (parts.username, unquote(parts.password)) == ("", secret["auth"])
        assert not shop.tair.server.exists("orders_busy")
        with consumers(shop, "busy", tmp_path, CLIENTS, shop.client()) as busy:
            through(shop, busy)
