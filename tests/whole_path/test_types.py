"""Each mode of a database account once, on a real API server and a real PostgreSQL: made or taken over, published, rotated."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from psycopg.errors import InsufficientPrivilege
from tests.whole_path.accounts import created, existing, hand_over, mark, published, rds, refused, rotated
from tests.whole_path.clients import outside
from tests.whole_path.consumers import GRACE, consumers, never_refused
from tests.whole_path.world import Json, Shop, until

WRONG = "password authentication failed"
CLIENTS, ROTATIONS = 4, 10


@pytest.fixture(scope="module")
def shop(control_plane, postgres) -> Iterator[Shop]:
    shop = Shop(control_plane, postgres, "types")
    shop.prepare()
    with shop.operator():
        yield shop
    shop.close()


def test_an_imported_pair_is_published_as_it_is_and_then_takes_turns(shop):
    old = (("orders_pair_a", "first-of-the-pair"), ("orders_pair_b", "second-of-the-pair"))
    shop.apply(rds(shop, "pair", existing(shop, "pair", *old)))
    first = published(shop, "pair")
    assert (first["username"], first["password"]) == old[0]
    assert shop.logs_in(first) == "orders_pair_a"
    imported, second = rotated(shop, "pair", "one")
    assert second["username"] == "orders_pair_b"
    assert shop.logs_in(second) == "orders_pair_a"  # what it makes belongs to the first-named, as before
    assert not refused(shop, imported)
    _, third = rotated(shop, "pair", "two")
    assert third["username"] == "orders_pair_a"
    assert shop.logs_in(third) == shop.logs_in(second) == "orders_pair_a"
    assert refused(shop, imported) == WRONG


def test_going_back_to_a_value_that_somebody_changed_on_the_server_is_refused_in_words(shop):
    shop.apply(rds(shop, "back", created("orders_back")))
    published(shop, "back")
    before, after = rotated(shop, "back", "one")
    shop.postgres.sql("ALTER ROLE orders_back PASSWORD 'by-hand'")
    assert refused(shop, before) == WRONG
    shop.annotate("back", "promote", "v1")
    said = until("a refusal", lambda: (c := shop.condition("back", "Rotated")).get("status") == "False" and c)
    assert said["reason"] == "VersionDead"
    assert shop.condition("back", "Ready")["status"] == "True"
    assert shop.secret("back") == after
    assert not refused(shop, after)


def test_a_pair_that_somebody_made_unequal_is_told_so_and_takes_turns_once_it_is_equal(shop):
    shop.apply(rds(shop, "unequal", created("orders_unequal")))
    first = published(shop, "unequal")
    shop.postgres.sql("ALTER ROLE orders_unequal_clone CONNECTION LIMIT 1")
    shop.annotate("unequal", "rotate", "one")
    said = until("a word on it", lambda: shop.told("unequal", "Rotated", "PrivilegeMissing"))
    assert "CONNECTION LIMIT ('orders_unequal' has -1, 'orders_unequal_clone' has 1)" in said
    assert shop.secret("unequal") == first
    assert not refused(shop, first)
    shop.postgres.sql("ALTER ROLE orders_unequal_clone CONNECTION LIMIT -1")
    until("its turn", lambda: shop.secret("unequal")["username"] == "orders_unequal_clone")


def test_no_consumer_of_an_imported_pair_is_refused_one_login(shop, tmp_path):
    pair = existing(shop, "busy", ("orders_busy_a", "was-of-a"), ("orders_busy_b", "was-of-b"))
    shop.apply(rds(shop, "busy", pair, rotation={"interval": "24h", "gracePeriod": f"{GRACE}s"}))
    published(shop, "busy")
    ca = shop.postgres.authority.ca_file
    with consumers(shop, "busy", tmp_path, CLIENTS, lambda file: outside(file.stem, file, ca)) as busy:
        tally = busy.through(ROTATIONS)
    sys.stderr.write(
        f"imported pair: {len(tally.logins)} logins in {ROTATIONS} rotations, {len(tally.refused)} refused\n"
    )
    never_refused(tally, CLIENTS, ROTATIONS)
    assert {edition.document["username"] for edition in busy.follower.editions} == {"orders_busy_a", "orders_busy_b"}


def test_a_single_account_is_made_with_its_rights_and_keeps_its_name(shop):
    shop.apply(rds(shop, "single", created("orders_single"), mode="Single"))
    published(shop, "single")
    before, after = rotated(shop, "single", "one")
    assert before["username"] == after["username"] == "orders_single"
    assert shop.logs_in(after) == "orders_single_rights"
    assert refused(shop, before) == WRONG


def test_a_spec_that_says_less_or_more_is_followed_at_the_next_rotation_by_both_accounts(shop):
    with shop.postgres.connect("orders", "rotator", "rotators-password") as session:
        session.execute("CREATE SCHEMA ledger CREATE TABLE entries (n int)")

    def spec(level: str) -> Json:
        privilege = {"database": "orders", "level": level, "schemas": ["ledger"]}
        return rds(shop, "follows", created("orders_follows", privileges=[privilege]))

    for number, (level, writes) in enumerate([("ReadWrite", True), ("ReadOnly", False), ("ReadWrite", True)]):
        shop.apply(spec(level))
        published(shop, "follows")
        for secret in rotated(shop, "follows", f"t{number}"):
            with shop.postgres.connect("orders", secret["username"], secret["password"]) as session:
                session.execute("SELECT * FROM ledger.entries")
                with nullcontext() if writes else pytest.raises(InsufficientPrivilege):
                    session.execute("INSERT INTO ledger.entries VALUES (1)")


def test_a_privileged_account_gets_the_role_that_its_target_names(shop):
    with shop.postgres.connect("orders", "rotator", "rotators-password") as session:
        session.execute("CREATE ROLE platform_admins NOLOGIN")
    target = shop.target()
    target["rds"]["privilegedRole"] = "platform_admins"
    shop.apply(shop.made("Target", "pg-privileged", target))
    create = {"create": {"name": "orders_boss", "privileged": True}}
    shop.apply(rds(shop, "boss", create, target="pg-privileged", mode="Single"))
    secret = published(shop, "boss")
    with shop.postgres.connect("orders", secret["username"], secret["password"]) as session:
        row = session.execute("SELECT pg_has_role(current_user, 'platform_admins', 'USAGE')").fetchone()
    assert row == (True,)
    before, after = rotated(shop, "boss", "one")
    assert not refused(shop, after)
    assert refused(shop, before) == WRONG


def test_another_role_that_the_target_names_takes_the_place_of_the_former_at_the_next_rotation(shop):
    roles, target = ("platform_auditors", "platform_keepers"), shop.target()
    with shop.postgres.connect("orders", "rotator", "rotators-password") as session:
        for role in roles:
            session.execute(f"CREATE ROLE {role} NOLOGIN")

    def held(secret: dict[str, str]) -> list[str]:
        asked = "SELECT pg_has_role(current_user, %s, 'MEMBER')"
        with shop.postgres.connect("orders", secret["username"], secret["password"]) as session:
            return [role for role in roles if session.execute(asked, [role]).fetchone() == (True,)]

    def named(role: str) -> None:
        target["rds"]["privilegedRole"] = role
        shop.apply(shop.made("Target", "pg-changing", target))

    named("platform_auditors")
    create = {"create": {"name": "orders_chief", "privileged": True}}
    shop.apply(rds(shop, "chief", create, target="pg-changing", mode="Single"))
    assert held(published(shop, "chief")) == ["platform_auditors"]
    named("platform_keepers")
    assert held(rotated(shop, "chief", "one")[1]) == ["platform_keepers"]


def test_an_imported_single_account_keeps_its_value_until_the_first_rotation(shop):
    old = ("orders_legacy", "as-old-as-the-hills")
    shop.apply(rds(shop, "legacy", existing(shop, "legacy", old), mode="Single"))
    secret = published(shop, "legacy")
    assert (secret["username"], secret["password"]) == old
    before, after = rotated(shop, "legacy", "one")
    assert after["username"] == "orders_legacy"
    assert shop.logs_in(after) == "orders_legacy"
    assert refused(shop, before) == WRONG


def test_the_first_credentials_of_a_target_do_not_hold_each_other_up(shop):
    login = {"username": "rotator", "password": "rotators-password"}
    shop.apply(shop.plain_secret("pg-fresh-admin", login))
    target = shop.target() | {"admin": {"secretRef": {"name": "pg-fresh-admin"}}}
    names = [f"first-{number}" for number in range(4)]
    together = [rds(shop, name, created(f"orders_{name}".replace("-", "_")), target="pg-fresh") for name in names]
    shop.apply(*together, shop.made("Target", "pg-fresh", target))
    until("all of them", lambda: all(shop.secret(name) for name in names), seconds=15)


def stalled(shop: Shop, name: str) -> str:
    """What a person has to do, once the Credential says that it waits for one."""
    return str(until("Stalled", lambda: shop.condition(name, "Stalled"))["message"])


def test_a_wrong_imported_password_is_never_published_and_taken_once_it_is_corrected(shop):
    account = ("orders_wrong", "the-real-one")
    importing = existing(shop, "wrong", account)
    hand_over(shop, "wrong", ("orders_wrong", "a-guess"))
    shop.apply(rds(shop, "wrong", importing, mode="Single"))
    said = stalled(shop, "wrong")
    assert "allowUnverifiedImport: [orders_wrong]" in said
    assert shop.condition("wrong", "Ready")["status"] == "False"
    assert not shop.secret("wrong")
    assert not mark(shop, "orders_wrong"), "an account that nobody proved to hold was written to"
    assert not refused(shop, {"username": account[0], "password": account[1]})

    hand_over(shop, "wrong", account)
    secret = published(shop, "wrong")
    assert (secret["username"], secret["password"]) == account
    until("a status that complains no more", lambda: not shop.condition("wrong", "Stalled"))


def test_a_wrong_imported_password_is_reset_by_the_first_rotation_where_the_target_allows_it(shop):
    account = ("orders_lost", "nobody-knows-it-any-more")
    importing = existing(shop, "lost", account)
    hand_over(shop, "lost", ("orders_lost", "a-guess"))
    target = shop.target() | {"allowUnverifiedImport": ["orders_lost"]}
    shop.apply(shop.made("Target", "pg-lenient", target))
    shop.apply(rds(shop, "lost", importing, target="pg-lenient", mode="Single"))
    secret = published(shop, "lost")
    assert secret["username"] == "orders_lost"
    assert secret["password"] not in ("a-guess", account[1]), "who imports must never choose the new password"
    assert shop.logs_in(secret) == "orders_lost"
    assert refused(shop, {"username": account[0], "password": account[1]}) == WRONG


@pytest.mark.parametrize("wrong", [0, 1], ids=["the first", "the second"])
def test_of_a_half_wrong_pair_nothing_is_published_and_nothing_touched_before_it_is_corrected(shop, wrong):
    name = f"half-{wrong}"
    pair = [(f"orders_half_{wrong}_a", "known-a"), (f"orders_half_{wrong}_b", "known-b")]
    importing = existing(shop, name, *pair)
    given = list(pair)
    given[wrong] = (pair[wrong][0], "a-guess")
    hand_over(shop, name, *given)
    shop.apply(rds(shop, name, importing))
    assert pair[wrong][0] in stalled(shop, name)
    assert shop.condition(name, "Ready")["status"] == "False"
    shop.annotate(name, "rotate", "one")
    with pytest.raises(AssertionError):
        until("a Secret", lambda: shop.secret(name), seconds=2)
    for account, password in pair:
        assert not mark(shop, account)
        assert not refused(shop, {"username": account, "password": password})

    hand_over(shop, name, *pair)
    until("the import, and the rotation that was asked for", lambda: shop.secret(name).get("username") == pair[1][0])
    until("Ready", lambda: shop.condition(name, "Ready")["status"] == "True")
