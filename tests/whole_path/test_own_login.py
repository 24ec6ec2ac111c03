"""On PostgreSQL 16 and newer an admin login may change itself, though not mark itself; and no two can change each other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.whole_path.keeper import Keeper, keeping
from tests.whole_path.world import until

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
