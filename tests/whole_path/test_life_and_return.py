"""A Credential's end and return on a real PostgreSQL: who may still log in, which Secrets stay, and that nothing hangs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import pytest
from tests.whole_path.accounts import created, existing, exists, mark, published, rds, refused
from tests.whole_path.world import Json, Shop, until

NO_LOGIN = "is not permitted to log in"


@pytest.fixture(scope="module")
def shop(control_plane, postgres) -> Iterator[Shop]:
    shop = Shop(control_plane, postgres, "life")
    shop.prepare()
    with shop.operator():
        yield shop
    shop.close()


def applied(shop: Shop, name: str, account: Json | None = None, **deletion: str) -> tuple[Json, dict[str, str]]:
    """A dual Credential with this deletion policy, and its first Secret."""
    item = rds(shop, name, account or created(f"orders_{name}"), deletion=deletion)
    shop.apply(item)
    return item, published(shop, name)


def deleted(shop: Shop, name: str, seconds: float = 30) -> None:
    """Delete a Credential and wait until it is gone."""
    shop.api.delete("credential", name, shop.namespace)
    until(f"the end of {name}", lambda: shop.get("credential", name) is None, seconds)


def warnings(shop: Shop, name: str) -> list[str]:
    """What the events about a Credential warn of."""
    events = shop.api.items("events", shop.namespace)
    return [e["message"] for e in events if e["involvedObject"]["name"] == name and e["type"] == "Warning"]


def test_retained_accounts_log_in_after_the_end_and_are_taken_up_again(shop):
    item, before = applied(shop, "retained", accounts="Retain", secrets="Retain")
    deleted(shop, "retained")
    assert shop.secret("retained") == before
    assert not refused(shop, before)
    uid = shop.get("secret", "retained")["metadata"]["uid"]

    shop.apply(item)
    until("Ready", lambda: shop.condition("retained", "Ready").get("status") == "True")
    assert shop.secret("retained") == before
    assert shop.get("secret", "retained")["metadata"]["uid"] == uid
    assert [v["spec"]["versionId"] for v in shop.versions("retained")] == ["v1"]


def test_disabled_accounts_are_refused_after_the_end_and_log_in_again_after_the_return(shop):
    item, before = applied(shop, "disabled", accounts="Disable")
    deleted(shop, "disabled")
    assert refused(shop, before) == NO_LOGIN
    assert "disabled" in mark(shop, "orders_disabled")
    until("the end of the Secret", lambda: shop.get("secret", "disabled") is None)

    shop.apply(item)
    after = published(shop, "disabled")
    assert after["password"] == before["password"], "a return takes up the same value"
    assert not refused(shop, after)
    assert "disabled" not in mark(shop, "orders_disabled")


def test_an_account_that_somebody_else_disabled_stays_so_after_a_return(shop):
    item, before = applied(shop, "locked", accounts="Retain", secrets="Retain")
    deleted(shop, "locked")
    shop.postgres.sql("ALTER ROLE orders_locked NOLOGIN")
    item["spec"]["projections"] = [
        {"secretName": "locked", "labels": {"team": "orders"}}
    ]  # proven before it is written
    shop.apply(item)
    said = until("a complaint", lambda: (c := shop.condition("locked", "Rotated")).get("status") == "False" and c)
    assert said["reason"] == "AccountDisabled", said
    assert refused(shop, before) == NO_LOGIN
    assert shop.secret("locked") == before, "a failure never takes a Secret away"


def test_dropped_accounts_are_gone_and_a_return_makes_new_ones(shop):
    item, before = applied(shop, "dropped", accounts="Drop")
    deleted(shop, "dropped")
    for role in ("orders_dropped", "orders_dropped_clone", "orders_dropped_rights"):
        assert not exists(shop, role)
    shop.apply(item)
    after = until("another value", lambda: (s := shop.secret("dropped")) and s != before and s)
    assert shop.logs_in(after) == "orders_dropped_rights"
    assert len({v["spec"]["lineage"] for v in shop.versions("dropped")}) == 2


def test_accounts_that_own_objects_are_disabled_in_place_of_dropped(shop):
    _, secret = applied(
        shop, "owner", created("orders_owner", privileges=[{"database": "orders", "level": "DBOwner"}]), accounts="Drop"
    )
    with shop.postgres.connect("orders", secret["username"], secret["password"]) as session:
        session.execute("CREATE SCHEMA kept CREATE TABLE kept (n int)")
    deleted(shop, "owner")
    assert exists(shop, "orders_owner")
    assert refused(shop, secret) == NO_LOGIN
    assert shop.postgres.sql("SELECT count(*) FROM kept.kept", "orders") == [(0,)]
    until("a warning", lambda: any("orders_owner" in said and "own" in said for said in warnings(shop, "owner")))
    shop.postgres.sql("DROP SCHEMA kept CASCADE", "orders")


def test_imported_accounts_are_retained_unless_asked_otherwise(shop):
    _, secret = applied(shop, "taken", existing(shop, "taken", ("orders_taken_a", "pa"), ("orders_taken_b", "pb")))
    deleted(shop, "taken")
    assert not refused(shop, secret)


def test_without_a_recovery_window_the_versions_go_with_the_credential(shop):
    applied(shop, "leaked", accounts="Drop", recoveryWindow="0s")
    assert shop.versions("leaked")
    deleted(shop, "leaked")
    assert shop.versions("leaked") == []


def test_with_a_recovery_window_the_versions_stay_and_say_since_when_nobody_holds_them(shop):
    applied(shop, "waiting", accounts="Drop")
    deleted(shop, "waiting")
    until("the mark of an orphan", lambda: shop.versions("waiting")[-1].get("record", {}).get("orphanedAt"))


def test_a_generic_credential_needs_no_finalizer_to_end(shop):
    spec = {"generic": {"generate": {}}, "projections": [{"secretName": "simple"}]}
    item = shop.made("Credential", "simple", spec)
    shop.apply(item)
    before = until("the Secret", lambda: shop.secret("simple"))
    assert not shop.get("credential", "simple")["metadata"].get("finalizers")
    deleted(shop, "simple", 5)
    until("the end of the Secret", lambda: shop.get("secret", "simple") is None)
    shop.apply(item)
    assert until("its return", lambda: shop.secret("simple")) == before


# --- nothing hangs ---


def test_a_deletion_that_meets_the_write_of_a_status_is_not_overlooked(shop):
    names = [f"hasty-{number}" for number in range(20)]
    spec = {"generic": {"generate": {}}, "deletion": {"recoveryWindow": "0s"}}
    shop.apply(*(shop.made("Credential", name, spec) for name in names))
    until("all of them", lambda: all(shop.condition(name, "Ready").get("status") == "True" for name in names))
    for number, name in enumerate(names):
        # A new description is followed by a new status, a moment later each time.
        shop.api.merge("credential", name, shop.namespace, {"spec": {"description": "about to go"}})
        time.sleep(number * 0.0005)
        shop.api.delete("credential", name, shop.namespace)
    until("the end of all of them", lambda: not [n for n in names if shop.get("credential", n)], 20)


def test_a_deletion_ends_without_its_target_and_says_what_was_left(shop):
    shop.apply(shop.made("Target", "gone", shop.target()))
    shop.apply(rds(shop, "stranded", created("orders_stranded"), target="gone"))
    secret = published(shop, "stranded")
    shop.api.delete("target", "gone", shop.namespace)
    deleted(shop, "stranded")
    assert not refused(shop, secret)
    until("a warning", lambda: any("orders_stranded" in said for said in warnings(shop, "stranded")))


def test_a_namespace_that_goes_is_held_up_by_nothing(shop, postgres):
    away = Shop(shop.cluster, postgres, "going-away")
    away.prepare()
    away.apply(
        rds(away, "one", created("orders_away_one"), deletion={"accounts": "Disable"}),
        rds(away, "two", created("orders_away_two"), deletion={"accounts": "Drop", "recoveryWindow": "0s"}),
    )
    for name in ("one", "two"):
        published(away, name)
    began = time.monotonic()
    away.api.delete("namespace", "going-away", "")
    until("the end of the namespace", lambda: away.api.get("namespace", "going-away", "") is None, 60)
    sys.stderr.write(f"the namespace took {time.monotonic() - began:.1f} s to go\n")


def test_a_deletion_waits_for_a_server_that_is_down_and_then_undoes_what_it_made(shop):
    _, secret = applied(shop, "down", accounts="Disable")
    shop.postgres.stop()
    try:
        shop.api.delete("credential", "down", shop.namespace)
        state = until(
            "the status",
            lambda: (shop.get("credential", "down") or {}).get("status", {}).get("state") == "PendingDeletion",
        )
        assert state
    finally:
        shop.postgres.start()
    until("the end", lambda: shop.get("credential", "down") is None, 60)
    assert refused(shop, secret) == NO_LOGIN
