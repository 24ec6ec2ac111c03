"""Each type and mode once, on a real API server and a real PostgreSQL: made or taken over, published, rotated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal
from tests.whole_path.world import Shop, until


@pytest.fixture(scope="module")
def shop(control_plane, postgres) -> Iterator[Shop]:
    shop = Shop(control_plane, postgres, "types")
    shop.prepare()
    with shop.operator():
        yield shop
    shop.close()


def rds(shop: Shop, name: str, account: dict[str, Any], *, target: str = "pg", mode: str = "Dual") -> None:
    """Apply a Credential that projects to a Secret of its own name."""
    spec = {
        "rds": {"targetRef": {"name": target}, "accountManagement": mode, "databaseName": "orders"} | account,
        "rotation": {"interval": "24h", "gracePeriod": "0s"},
        "projections": [{"secretName": name}],
    }
    shop.apply(shop.made("Credential", name, spec))


def existing(shop: Shop, credential: str, *logins: tuple[str, str]) -> dict[str, Any]:
    """Accounts that are on the server already, a Secret that holds a password of each, and the import of them.

    The administrator made them, as PostgreSQL 16 lets nobody else but a superuser change them.
    """
    with shop.postgres.connect("orders", "rotator", "rotators-password") as session:
        for name, password in logins:
            session.execute(SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(Identifier(name), Literal(password)))
    hand_over(shop, credential, *logins)
    accounts = [{"name": name, "passwordFrom": {"secretName": f"{credential}-old", "key": name}} for name, _ in logins]
    return {"import": {"accounts": accounts}}


def hand_over(shop: Shop, credential: str, *logins: tuple[str, str]) -> None:
    labels = {"keyward.dev/source-for": credential}
    shop.apply(shop.plain_secret(f"{credential}-old", dict(logins), labels=labels))


def rotated(shop: Shop, name: str, token: str) -> tuple[dict[str, str], dict[str, str]]:
    """Ask for a rotation; the Secret before and after it."""
    before = shop.secret(name)
    shop.annotate(name, "rotate", token)
    after = until("a rotation", lambda: (found := shop.secret(name)) != before and found)
    return before, after


def refused(shop: Shop, secret: dict[str, str]) -> bool:
    try:
        shop.logs_in(secret)
    except psycopg.OperationalError as error:
        return "password authentication failed" in str(error)
    return False


def test_an_imported_pair_is_published_as_it_is_and_then_takes_turns(shop):
    old = (("orders_pair_a", "first-of-the-pair"), ("orders_pair_b", "second-of-the-pair"))
    rds(shop, "pair", existing(shop, "pair", *old))
    first = until("the first Secret", lambda: shop.secret("pair"))
    assert (first["username"], first["password"]) == old[0]
    assert shop.logs_in(first) == "orders_pair_a"
    imported, second = rotated(shop, "pair", "one")
    assert second["username"] == "orders_pair_b"
    assert shop.logs_in(second) == "orders_pair_a"  # what it makes belongs to the first-named, as before
    assert not refused(shop, imported)
    _, third = rotated(shop, "pair", "two")
    assert third["username"] == "orders_pair_a"
    assert shop.logs_in(third) == shop.logs_in(second) == "orders_pair_a"
    assert refused(shop, imported)


def test_a_single_account_is_made_with_its_rights_and_keeps_its_name(shop):
    create = {"name": "orders_single", "privileges": [{"database": "orders", "level": "ReadWrite"}]}
    rds(shop, "single", {"create": create}, mode="Single")
    until("the first Secret", lambda: shop.secret("single"))
    before, after = rotated(shop, "single", "one")
    assert before["username"] == after["username"] == "orders_single"
    assert shop.logs_in(after) == "orders_single_rights"
    assert refused(shop, before)


def test_a_privileged_account_gets_the_role_that_its_target_names(shop):
    with shop.postgres.connect("orders", "rotator", "rotators-password") as session:
        session.execute("CREATE ROLE platform_admins NOLOGIN")
    target = shop.target()
    target["rds"]["privilegedRole"] = "platform_admins"
    shop.apply(shop.made("Target", "pg-privileged", target))
    create = {"name": "orders_boss", "privileged": True}
    rds(shop, "boss", {"create": create}, target="pg-privileged", mode="Single")
    secret = until("the first Secret", lambda: shop.secret("boss"))
    with shop.postgres.connect("orders", secret["username"], secret["password"]) as session:
        row = session.execute("SELECT pg_has_role(current_user, 'platform_admins', 'USAGE')").fetchone()
    assert row == (True,)
    before, after = rotated(shop, "boss", "one")
    assert not refused(shop, after)
    assert refused(shop, before)


def test_an_imported_single_account_keeps_its_value_until_the_first_rotation(shop):
    old = ("orders_legacy", "as-old-as-the-hills")
    rds(shop, "legacy", existing(shop, "legacy", old), mode="Single")
    secret = until("the first Secret", lambda: shop.secret("legacy"))
    assert (secret["username"], secret["password"]) == old
    before, after = rotated(shop, "legacy", "one")
    assert after["username"] == "orders_legacy"
    assert shop.logs_in(after) == "orders_legacy"
    assert refused(shop, before)
