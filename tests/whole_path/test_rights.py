"""What a person changed at an account's rights is aligned by the next rotation, or stops it, as the Credential says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cluster.mysql_family import FamilyServer
from tests.whole_path.mysql_shop import FamilyShop, created
from tests.whole_path.world import Json, until

CLONE = "orders_kept_clone"


@pytest.fixture(scope="module")
def shop(mysql: FamilyServer, control_plane) -> Iterator[FamilyShop]:
    shop = FamilyShop(control_plane, mysql)
    shop.namespace = "rights"
    shop.prepare()
    with shop.operator():
        yield shop
    shop.close()
    mysql.sql("DROP DATABASE orders")
    mysql.sql("DROP USER rotator")


def _refusing(shop: FamilyShop, name: str, account: Json) -> Json:
    rotation = {"interval": "24h", "gracePeriod": "0s", "onRightsDrift": "Refuse"}
    return shop.credential(name, account, rotation=rotation)


def _grants(shop: FamilyShop, account: str) -> set[str]:
    return {row[0] for row in shop.server.sql(f"SHOW GRANTS FOR {account}")}


def _refusal(shop: FamilyShop, name: str) -> str:
    return until("RightsDiffer", lambda: shop.told(name, "Rotated", "RightsDiffer"))


def test_a_rotation_waits_for_a_person_where_the_rights_differ_and_then_goes_on(shop):
    shop.apply(_refusing(shop, "kept", created("orders_kept")))
    first = shop.published("kept")
    wanted = _grants(shop, CLONE)
    shop.server.sql(f"REVOKE UPDATE ON orders.* FROM {CLONE}")
    shop.server.sql(f"GRANT SHOW VIEW ON mysql.* TO {CLONE}")
    changed = _grants(shop, CLONE)
    shop.annotate("kept", "rotate", "one")
    said = _refusal(shop, "kept")
    assert said.startswith("spec.rotation.onRightsDrift: compared with the spec")
    assert f"account '{CLONE}' lacks UPDATE on `orders`.*, and has SHOW VIEW on `mysql`.*" in said
    assert shop.condition("kept", "Ready")["status"] == "True"
    assert shop.secret("kept") == first
    assert not shop.refused(first)
    assert _grants(shop, CLONE) == changed
    assert len(shop.versions("kept")) == 1
    shop.server.sql(f"GRANT UPDATE ON orders.* TO {CLONE}")
    shop.server.sql(f"REVOKE SHOW VIEW ON mysql.* FROM {CLONE}")
    shop.annotate("kept", "rotate", "two")
    second = until("the other account", lambda: (s := shop.secret("kept")) != first and s)
    assert shop.logs_in(second) == f"{CLONE}@%"
    assert _grants(shop, CLONE) == wanted


def test_switching_the_field_mends_it_at_once_and_aligns(shop):
    shop.apply(_refusing(shop, "switched", created("orders_switched")))
    first = shop.published("switched")
    wanted = _grants(shop, "orders_switched_clone")
    shop.server.sql("REVOKE UPDATE ON orders.* FROM orders_switched_clone")
    shop.annotate("switched", "rotate", "one")
    _refusal(shop, "switched")
    shop.apply(shop.credential("switched", created("orders_switched")))
    until("the other account", lambda: shop.secret("switched") != first, 5)
    assert _grants(shop, "orders_switched_clone") == wanted


def test_a_level_that_was_edited_is_for_a_person_to_give_and_a_leak_ends_all_the_same(shop):
    shop.apply(_refusing(shop, "edited", created("orders_edited", "ReadOnly")))
    first = shop.published("edited")
    shop.apply(_refusing(shop, "edited", created("orders_edited", "DMLOnly")))
    shop.annotate("edited", "rotate", "one")
    assert "'orders_edited_clone' lacks " in _refusal(shop, "edited")
    shop.annotate("edited", "rotate", "leak#force")
    until("both are replaced", lambda: shop.refused(first) == 1045)
    assert any("INSERT" in line for line in _grants(shop, "orders_edited"))


def test_of_an_imported_pair_the_one_that_is_set_is_compared_with_the_one_in_use(shop):
    shop.apply(_refusing(shop, "pair", shop.existing("pair", orders_left="was-left", orders_right="was-right")))
    first = shop.published("pair")
    shop.server.sql("GRANT INSERT ON orders.* TO orders_left")
    shop.annotate("pair", "rotate", "one")
    said = _refusal(shop, "pair")
    assert "compared with account 'orders_left', which is in use, account 'orders_right' lacks INSERT on" in said
    assert not any("INSERT" in line for line in _grants(shop, "orders_right"))
    assert shop.secret("pair") == first


# --- what the Target allows ---


def _limited(shop: FamilyShop, *levels: str) -> Json:
    target = shop.target()
    target["rds"]["allowedPrivileges"] = [{"databases": ["ord*"], "levels": list(levels)}]
    target["admin"] = {"secretRef": {"name": "limited-admin"}}
    return shop.made("Target", "limited", target)


def _on_limited(shop: FamilyShop, name: str, account: Json) -> Json:
    found = shop.credential(name, account)
    found["spec"]["rds"]["targetRef"] = {"name": "limited"}
    return found


@pytest.fixture(scope="module")
def limited(shop: FamilyShop) -> FamilyShop:
    login = {"username": "rotator", "password": "rotators-password"}
    shop.apply(shop.plain_secret("limited-admin", login), _limited(shop, "ReadOnly"))
    return shop


def test_who_asks_for_more_than_the_target_allows_gets_nothing_made_and_either_side_mends_it_at_once(limited):
    shop = limited
    shop.apply(_limited(shop, "ReadOnly"))
    for name in ("greedy-one", "greedy-two"):
        shop.apply(_on_limited(shop, name, created(f"orders_{name[-3:]}")))
        said = until("PrivilegeNotAllowed", lambda of=name: shop.told(of, "Stalled", "PrivilegeNotAllowed"))
        assert "spec.rds.allowedPrivileges of Target limited does not allow ReadWrite on database 'orders'" in said
        assert not shop.versions(name)
    assert shop.server.sql("SELECT 1 FROM mysql.user WHERE User IN ('orders_one', 'orders_two')") == []
    shop.apply(_on_limited(shop, "greedy-one", created("orders_one", "ReadOnly")))
    until("its Secret", lambda: shop.secret("greedy-one"), 10)
    shop.apply(_limited(shop, "ReadOnly", "ReadWrite"))
    until("its Secret", lambda: shop.secret("greedy-two"), 10)
    assert not shop.refused(shop.secret("greedy-two"))


def test_a_narrower_limit_leaves_what_is_in_use_and_stops_the_next_rotation(limited):
    shop = limited
    shop.apply(_limited(shop, "ReadWrite"))
    shop.apply(_on_limited(shop, "narrowed", created("orders_narrowed")))
    first, wanted = shop.published("narrowed"), _grants(shop, "orders_narrowed")
    shop.apply(_limited(shop, "ReadOnly"))
    shop.annotate("narrowed", "rotate", "one")
    until("PrivilegeNotAllowed", lambda: shop.told("narrowed", "Rotated", "PrivilegeNotAllowed"))
    assert shop.condition("narrowed", "Ready")["status"] == "True"
    assert shop.secret("narrowed") == first
    assert _grants(shop, "orders_narrowed") == wanted
    assert (
        shop.get("target", "limited")["status"]["digest"] == shop.get("target", "limited")["status"]["approvedDigest"]
    )
    shop.apply(_on_limited(shop, "narrowed", created("orders_narrowed", "ReadOnly")))
    until("the other account", lambda: shop.secret("narrowed") != first, 10)


def test_what_an_imported_account_has_beyond_the_limit_is_not_copied(limited):
    shop = limited
    shop.apply(_limited(shop, "ReadOnly"))
    pair = shop.existing("bound", orders_north="was-north", orders_south="was-south")
    shop.apply(_on_limited(shop, "bound", pair))
    first = shop.published("bound")
    shop.server.sql("GRANT DELETE ON orders.* TO orders_north")
    shop.annotate("bound", "rotate", "one")
    said = until("PrivilegeNotAllowed", lambda: shop.told("bound", "Rotated", "PrivilegeNotAllowed"))
    assert said.startswith(
        "spec.rds.allowedPrivileges of Target limited: account 'orders_south' would be given DELETE on"
    )
    assert shop.secret("bound") == first
    assert not any("DELETE" in line for line in _grants(shop, "orders_south"))
    shop.apply(_limited(shop, "DMLOnly"))
    until("the other account", lambda: shop.secret("bound") != first, 10)
    assert any("DELETE" in line for line in _grants(shop, "orders_south"))
