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
