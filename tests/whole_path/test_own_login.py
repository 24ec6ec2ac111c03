"""On PostgreSQL 16 and newer an admin login may change itself, though not mark itself; and no two can change each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.cluster.postgres import PostgresServer
from tests.cluster.proxy import FaultProxy
from tests.whole_path.keeper import RETAINED, Keeper, keeping
from tests.whole_path.world import Json, until

ROTATIONS = 10


@pytest.fixture(scope="module")
def keeper(newest_postgres, control_plane) -> Iterator[Keeper]:
    with keeping(control_plane, newest_postgres) as keeper:
        yield keeper


def test_it_changes_itself_again_and_again_and_others_go_on_with_the_new_one(keeper):
    keeper.goes_on_alone(ROTATIONS)


def test_where_it_cannot_write_its_mark_the_records_tell_and_one_from_before_an_upgrade_holds_nothing_up(keeper):
    admin, beside = keeper.begin("older", "older_one", mode="Single", selfChange=True)
    lineage = keeper.shop.get("secret", admin)["metadata"]["labels"]["keyward.dev/lineage"]
    (imported,) = keeper.shop.versions(admin)
    # As PostgreSQL 15 left it: ours; then, as nobody can take it away either, somebody's of another cluster.
    for text in (f"keyward/1 5a11 {lineage} 1 01234567", f"keyward/1 5a11 {'f' * 32} 9 89abcdef"):
        keeper.sql(f"COMMENT ON ROLE older_one IS '{text}'")
        keeper.both_rotated((admin, beside), text[-8:])
        assert keeper.sql("SELECT shobj_description('older_one'::regrole, 'pg_authid')") == [(text,)]
    keeper.both_rotated((admin, beside), "leaked#force")
    records = [v["record"] for v in keeper.shop.versions(admin) if v["spec"]["sequence"] > imported["spec"]["sequence"]]
    assert records
    assert all("applying" in record for record in records)
    assert not keeper.refused(keeper.shop.secret(admin))


def test_a_mark_with_a_later_number_than_any_that_is_stored_stops_it_until_a_person_takes_over(keeper):
    """The store was restored: what the mark says was true, even though it will stay as it is."""
    admin, _ = keeper.begin("ahead", "ahead_one", mode="Single", selfChange=True)
    shop, before = keeper.shop, keeper.shop.secret(admin)
    lineage = shop.get("secret", admin)["metadata"]["labels"]["keyward.dev/lineage"]
    keeper.sql(f"COMMENT ON ROLE ahead_one IS 'keyward/1 5a11 {lineage} 7 01234567'")
    shop.annotate(admin, "rotate", "one")
    said = until("word of it", lambda: shop.told(admin, "Stalled", "Fenced"))
    assert shop.secret(admin) == before
    shop.annotate(admin, "takeover", said.rpartition("keyward.dev/takeover: ")[2].split()[0])
    # 8 by the takeover, 9 by what was asked for before.
    until("both", lambda: shop.get("secret", admin)["metadata"]["annotations"]["keyward.dev/sequence"] == "9")
    shop.rotated(admin, "two")


def test_what_it_cannot_change_of_itself_is_said_before_anything_is_reserved_and_goes_on_once_it_is_mended(keeper):
    admin, beside = keeper.begin("ends", "ends_one", mode="Single", selfChange=True)
    shop, before = keeper.shop, keeper.shop.secret(admin)
    keeper.sql("ALTER ROLE ends_one VALID UNTIL '2099-01-01'")
    shop.annotate(admin, "rotate", "one")
    said = until("word of it", lambda: shop.told(admin, "Rotated", "AccountDisabled"))
    assert (
        "account 'ends_one' has a VALID UNTIL, which it cannot move itself: set it to 'infinity' on the server" in said
    )
    assert len(shop.versions(admin)) == 1
    assert shop.secret(admin) == before
    shop.rotated(beside, "goes on")
    keeper.sql("ALTER ROLE ends_one VALID UNTIL 'infinity'")
    until("the rotation", lambda: shop.secret(admin) != before)


def test_a_pair_that_cannot_change_each_other_is_told_what_else_there_is_before_anything_is_stored(keeper):
    shop, admin = keeper.shop, "two-admin"
    for account in ("two_blue", "two_green"):
        keeper.make_admin(account, f"first-of-{account}")
    shop.apply(keeper.target("two", admin), *keeper.admins("two", "two_blue", "two_green"))
    said = until("word of it", lambda: shop.told(admin, "Ready", "AdminPrivilegeMissing"))
    assert "use accountManagement Single with spec.admin.selfChange of the Target" in said
    assert not shop.versions(admin)
    shop.api.delete("credential", admin, shop.namespace)
    until("its end", lambda: shop.get("credential", admin) is None)
    alone = keeper.admins("two", "two_blue", mode="Single")
    shop.apply(keeper.target("two", admin, selfChange=True), *alone)
    until("the import", lambda: shop.secret(admin))
    shop.rotated(admin, "one")


def test_a_password_that_a_person_set_instead_is_tried_once_and_a_person_is_called(keeper):
    admin, beside = keeper.begin("hand", "hand_one", mode="Single", selfChange=True)
    keeper.both_rotated((admin, beside), "one")
    shop, kept, works = keeper.shop, keeper.shop.secret(beside), keeper.shop.secret(admin)
    keeper.break_in("hand_one", "changed-by-hand")
    for name in (admin, beside):
        keeper.ask_in_vain(name, "two")
    assert shop.secret(admin) == works
    assert not keeper.refused(kept)
    keeper.break_in("hand_one", works["password"])
    until("both rotations", lambda: shop.secret(admin) != works and shop.secret(beside) != kept)


@dataclass(frozen=True, slots=True)
class Upgraded:
    """A server of 15 that becomes one of 18 behind the same address; roles keep what they have."""

    keeper: Keeper
    before: PostgresServer
    proxy: FaultProxy

    def kept(self, name: str, *accounts: str, mode: str, **admin: Any) -> list[Json]:
        """The Target and the Credential that keeps its login; the server is the one that it is by then."""
        target = self.keeper.target(name, f"{name}-admin", **admin)
        target["spec"]["allowedAccounts"] = ["up_*"]
        target["spec"]["rds"]["endpoints"][0]["port"] = self.proxy.port
        target["spec"]["rds"]["tls"]["ca"] = self.before.ca_pem + self.keeper.shop.postgres.ca_pem
        source, credential = self.keeper.admins(name, *accounts, mode=mode)
        credential["spec"]["rds"]["databaseName"] = "postgres"
        credential["spec"]["deletion"] = RETAINED | {"recoveryWindow": "0s"}
        return [target, source, credential]

    def upgrade(self) -> None:
        query = "SELECT rolname, rolpassword, shobj_description(oid, 'pg_authid') FROM pg_authid WHERE rolname ~ '^up_'"
        for name, verifier, comment in self.before.sql(query):
            self.keeper.sql(f"CREATE ROLE {name} LOGIN CREATEROLE PASSWORD '{verifier}'")
            self.keeper.sql(f"COMMENT ON ROLE {name} IS '{comment}'")
        self.keeper.sql("GRANT up_blue TO up_green")
        self.keeper.sql("ALTER ROLE up_green SET role = 'up_blue'")
        self.proxy.target = ("127.0.0.1", self.keeper.shop.postgres.port)
        self.proxy.cut()


@pytest.fixture
def upgraded(keeper, postgres) -> Iterator[Upgraded]:
    with FaultProxy(("127.0.0.1", postgres.port)) as proxy:
        yield Upgraded(keeper, postgres, proxy)
        # Nobody leads to a server from there any more.
        for name in ("up-pair-admin", "up-one-admin"):
            keeper.shop.api.delete("credential", name, keeper.shop.namespace)


def test_after_an_upgrade_one_goes_on_by_itself_and_a_pair_as_one_of_both_as_the_page_says(keeper, upgraded):
    shop, pair, one = keeper.shop, "up-pair-admin", "up-one-admin"
    for account in ("up_blue", "up_green", "up_alone"):
        upgraded.before.admin(account, password=f"first-of-{account}")
    shop.apply(*upgraded.kept("up-pair", "up_blue", "up_green", mode="Dual"))
    shop.apply(*upgraded.kept("up-one", "up_alone", mode="Single", selfChange=True))
    until("both Secrets", lambda: shop.secret(pair) and shop.secret(one))
    for token in ("one", "two"):
        keeper.both_rotated((pair, one), token)
    upgraded.upgrade()

    shop.rotated(one, "after")
    shop.annotate(pair, "rotate", "after")
    until("word of it", lambda: shop.told(pair, "Rotated", "AdminPrivilegeMissing"))
    works = shop.secret(pair)
    assert works["username"] == "up_blue"
    assert not keeper.refused(works)

    shop.api.delete("credential", pair, shop.namespace)
    until("its end", lambda: shop.get("credential", pair) is None and not shop.versions(pair))
    target, source, credential = upgraded.kept("up-pair", "up_blue", mode="Single", selfChange=True)
    source["stringData"] = {"up_blue": works["password"]}
    shop.apply(target, source, credential)
    shop.annotate(pair, "rotate", "as one")
    said = until("word of the mark", lambda: shop.told(pair, "Rotated", "LineageConflict"))
    shop.annotate(pair, "takeover", said.rpartition("keyward.dev/takeover: ")[2].split()[0])
    until("the rotation", lambda: shop.secret(pair) != works)
    shop.rotated(pair, "once more")
    assert not keeper.refused(shop.secret(pair))
