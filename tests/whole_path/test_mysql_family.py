"""`kubectl apply` → accounts on a real MySQL and a real MariaDB → a Secret that logs in → rotations that nobody notices."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from tests.cluster.mysql_replica import held_back, replica_of
from tests.whole_path.consumers import GRACE, consumers, never_refused, side_by_side
from tests.whole_path.mysql_shop import FamilyShop, client, created
from tests.whole_path.world import Json, until

ROTATIONS, SINGLE_ROTATIONS, CLIENTS = 12, 3, 5
IMPORTED = {"orders_old": "was-the-old-one", "orders_older": "was-the-older-one"}


@pytest.fixture(scope="module", params=["mysql", "mariadb"])
def shop(request: pytest.FixtureRequest, control_plane) -> Iterator[FamilyShop]:
    server = request.getfixturevalue(request.param)
    shop = FamilyShop(control_plane, server)
    shop.prepare()
    with shop.operator():
        yield shop
    shop.close()
    server.sql("DROP DATABASE orders")
    server.sql("DROP USER rotator")


def test_an_applied_credential_becomes_a_secret_and_each_rotation_takes_the_other_account(shop):
    shop.apply(shop.credential("dual", created("orders_dual")))
    first = shop.published("dual")
    assert shop.logs_in(first) == "orders_dual@%"
    assert first["engine"] == shop.server.name
    assert first["dsn"].startswith("mysql://orders_dual:")
    names = [first["username"]]
    for number in range(3):
        before, after = shop.rotated("dual", f"t{number}")
        assert not shop.refused(before)
        assert not shop.refused(after)
        names.append(after["username"])
    assert names == ["orders_dual", "orders_dual_clone", "orders_dual", "orders_dual_clone"]
    printed = shop.cluster.kubectl("get", "credential", "dual", "-n", shop.namespace)
    assert f"rds/{shop.server.name}" in printed


def test_an_imported_pair_is_published_as_it_is_and_then_takes_turns(shop):
    shop.apply(shop.credential("pair", shop.existing("pair", orders_blue="was-blue", orders_green="was-green")))
    first = shop.published("pair")
    assert (first["username"], first["password"]) == ("orders_blue", "was-blue")
    shop.server.sql("GRANT INSERT ON orders.* TO orders_blue")  # on the one in use: the other one follows
    _, second = shop.rotated("pair", "one")
    assert shop.logs_in(second) == "orders_green@%"
    assert any("INSERT" in row[0] for row in shop.server.sql("SHOW GRANTS FOR orders_green"))
    _, third = shop.rotated("pair", "two")
    assert shop.logs_in(third) == "orders_blue@%"
    assert shop.refused(first) == 1045


def test_a_single_account_needs_no_database_and_is_changed_in_place(shop):
    account = created("orders_single", "DMLOnly") | {"hosts": ["127.0.0.1", "10.99.%"]}
    del account["databaseName"]
    shop.apply(shop.credential("single", account, mode="Single"))
    first = shop.published("single")
    assert "database" not in first
    before, after = shop.rotated("single", "one")
    assert shop.logs_in(after) == "orders_single@127.0.0.1"
    assert shop.refused(before) == 1045
    stored = shop.server.sql(
        "SELECT COUNT(DISTINCT authentication_string) FROM mysql.user WHERE user = 'orders_single'"
    )
    assert stored[0][0] in (1, 2)  # a salt of its own for each row, where there is one


def test_an_account_of_somebody_elses_is_never_touched(shop):
    shop.server.sql("CREATE USER orders_taken IDENTIFIED BY 'theirs'")
    shop.apply(shop.credential("taken", created("orders_taken")))
    until("AccountExists", lambda: "AccountExists" in str(shop.get("credential", "taken").get("status")))
    theirs = {"username": "orders_taken", "password": "theirs"}
    shop.server.sql("GRANT SELECT ON orders.* TO orders_taken")
    assert not shop.refused(theirs)
    assert shop.server.sql("SELECT 1 FROM mysql.user WHERE user = 'orders_taken_clone'") == []


def test_an_account_is_not_taken_from_its_credential_through_another_target(shop):
    shop.apply(shop.credential("first-way", created("orders_twice")))
    theirs = shop.published("first-way")
    shop.apply(shop.made("Target", "other", shop.target()), _through_other(shop, "second-way", created("orders_twice")))
    said = until("AccountExists", lambda: shop.told("second-way", "Ready", "AccountExists"))
    # MariaDB has no place for a mark: there it is only known that this Credential did not make it.
    marked = shop.server.name == "MySQL"
    assert ("carries the mark of another Credential" if marked else "was not made by this Credential") in said
    if marked:
        shop.api.delete("credential", "second-way", shop.namespace)
        until("its end", lambda: shop.get("credential", "second-way") is None)
        old = shop.plain_secret("old", {"password": theirs["password"]}, labels={"keyward.dev/source-for": "third-way"})
        account = {"import": {"accounts": [{"name": "orders_twice", "passwordFrom": {"secretName": "old"}}]}}
        shop.apply(old, _through_other(shop, "third-way", account, mode="Single"))
        shop.published("third-way")
        shop.annotate("third-way", "rotate", "now")
        said = until("AccountClaimed", lambda: shop.told("third-way", "Rotated", "AccountClaimed"))
        assert "'orders_twice' is managed by another Credential" in said
    assert not shop.refused(theirs)


def _through_other(shop: FamilyShop, name: str, account: Json, **spec: str) -> Json:
    found = shop.credential(name, account, **spec)
    found["spec"]["rds"]["targetRef"] = {"name": "other"}
    return found


def test_a_target_of_another_kind_is_named(shop):
    other = "MariaDB" if shop.server.name == "MySQL" else "MySQL"
    wrong = shop.credential("other", created("orders_other"))
    wrong["spec"]["rds"]["engine"] = other
    shop.apply(wrong)
    said = until("its state", lambda: (shop.get("credential", "other") or {}).get("status", {}).get("conditions"))
    assert f"spec.rds.engine says {other}" in str(said)


@pytest.mark.parametrize("policy", ["Disable", "Drop"])
def test_deletion_disables_or_drops_both_accounts_and_a_return_gives_them_back(shop, policy):
    name = f"gone-{policy.lower()}"
    account = created(f"orders_gone_{policy.lower()}")
    wanted = shop.credential(name, account, deletion={"accounts": policy})
    shop.apply(wanted)
    first = shop.published(name)
    shop.api.delete("credential", name, shop.namespace)
    until("its end", lambda: shop.get("credential", name) is None)
    assert shop.refused(first) in (1045, 3118, 4151)
    shop.apply(wanted)
    # The garbage collector takes the first life's Secret when it comes to it: there may be none for a moment.
    again = until("a login that is let in", lambda: (s := shop.secret(name)) and not shop.refused(s) and s)
    assert (again["password"] == first["password"]) is (policy == "Disable")


def test_an_account_that_defines_a_view_is_locked_and_not_dropped(shop):
    shop.apply(shop.credential("author", created("orders_author"), deletion={"accounts": "Drop"}))
    secret = shop.published("author")
    with (
        shop.server.connect("orders", secret["username"], secret["password"].encode()) as conn,
        conn.cursor() as cursor,
    ):
        cursor.execute("CREATE VIEW written AS SELECT 1 AS one")
    shop.api.delete("credential", "author", shop.namespace)
    until("its end", lambda: shop.get("credential", "author") is None)
    assert shop.refused(secret) in (3118, 4151)
    assert shop.server.sql("SELECT one FROM orders.written") == [(1,)]


def test_a_value_that_a_replica_does_not_know_yet_is_given_to_nobody(shop):
    with replica_of(shop.server, "orders") as replica:
        target = shop.target() | {"admin": {"secretRef": {"name": "both-admin"}}}
        target["rds"]["endpoints"].append({"host": shop.host, "port": replica.port, "role": "Replica"})
        target["rds"]["tls"]["ca"] += replica.ca_pem
        login = {"username": "rotator", "password": "rotators-password"}
        shop.apply(shop.plain_secret("both-admin", login), shop.made("Target", "both", target))
        wanted = shop.credential("behind", created("orders_behind"))
        wanted["spec"]["rds"]["targetRef"]["name"] = "both"
        shop.apply(wanted)
        before = shop.published("behind")
        with held_back(replica):
            shop.annotate("behind", "rotate", "one")
            until("a complaint", lambda: shop.condition("behind", "Rotated").get("reason") == "PropagationTimeout")
            assert shop.secret("behind") == before
            assert shop.condition("behind", "Ready")["status"] == "True", "what is published still logs in"
        after = until("the rotation", lambda: (s := shop.secret("behind")) != before and s)
        with replica.connect("orders", after["username"], after["password"].encode()) as conn, conn.cursor() as cursor:
            cursor.execute("SELECT CURRENT_USER()")
            assert cursor.fetchone() == ("orders_behind_clone@%",)


# --- nobody is refused ---


def test_no_consumer_of_a_pair_that_was_made_or_taken_over_is_refused_one_login(shop, tmp_path):
    rotation = {"interval": "24h", "gracePeriod": f"{GRACE}s"}
    pairs = {"busy": created("orders_busy"), "given": shop.existing("given", **IMPORTED)}
    for name, account in pairs.items():
        shop.apply(shop.credential(name, account, rotation=rotation))
        shop.published(name)
    with ExitStack() as stack:
        crowds = [stack.enter_context(consumers(shop, name, tmp_path, CLIENTS, client(shop))) for name in pairs]
        tallies = side_by_side(crowds, ROTATIONS)
    written = shop.server.records()
    assert b"orders_busy_clone" in written
    for crowd, tally in zip(crowds, tallies, strict=True):
        made_here = [
            edition for edition in crowd.follower.editions if edition.document["password"] not in IMPORTED.values()
        ]
        assert not [e.version for e in made_here if str(e.document["password"]).encode() in written]
        name = f"{shop.server.name}, {crowd.name}"
        sys.stderr.write(f"{name}: {len(tally.logins)} logins in {ROTATIONS} rotations, {len(tally.refused)} refused\n")
        never_refused(tally, CLIENTS, ROTATIONS)
    users = [{one.user for one in tally.logins} for tally in tallies]
    assert users == [{"orders_busy", "orders_busy_clone"}, {"orders_old", "orders_older"}]


def test_no_consumer_of_one_account_that_holds_two_passwords_is_refused_one_login(shop, tmp_path):
    if shop.server.name != "MySQL":
        refused = shop.credential("overlap", created("orders_overlap"), mode="Overlap")
        with pytest.raises(AssertionError, match="PostgreSQL and MariaDB do not have: use Dual"):
            shop.apply(refused)
        return
    rotation = {"interval": "24h", "gracePeriod": f"{GRACE}s"}
    ways = {"overlap": created("orders_overlap"), "held": shop.existing("held", orders_held="held-before")}
    for name, account in ways.items():
        shop.apply(shop.credential(name, account, mode="Overlap", rotation=rotation))
        shop.published(name)
    with ExitStack() as stack:
        crowds = [stack.enter_context(consumers(shop, name, tmp_path, CLIENTS, client(shop))) for name in ways]
        tallies = side_by_side(crowds, ROTATIONS)
    for crowd, tally in zip(crowds, tallies, strict=True):
        user = f"orders_{crowd.name}"
        sys.stderr.write(f"{user}: {len(tally.logins)} logins in {ROTATIONS} rotations, {len(tally.refused)} refused\n")
        never_refused(tally, CLIENTS, ROTATIONS)
        assert {one.user for one in tally.logins} == {user}
        _left(shop, user, [str(e.document["password"]) for e in crowd.follower.editions])


def _left(shop, user, passwords):
    """Of one account's passwords the last one logs in, and the server has written down none."""
    until("the end of the last but one", lambda: shop.refused(_login(user, passwords[-2])) == 1045)
    assert [p for p in passwords if not shop.refused(_login(user, p))] == passwords[-1:]
    written = shop.server.records()
    assert not [p for p in passwords if p != "held-before" and p.encode() in written]


def _login(name: str, password: str) -> dict[str, str]:
    return {"username": name, "password": password}


def test_consumers_of_a_single_account_are_refused_so_the_count_can_count(shop, tmp_path):
    shop.apply(shop.credential("alone", created("orders_alone"), mode="Single"))
    shop.published("alone")
    with consumers(shop, "alone", tmp_path, CLIENTS, client(shop)) as alone:
        tally = alone.through(SINGLE_ROTATIONS)
    assert tally.refused
    assert not tally.failed
