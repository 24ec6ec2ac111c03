"""The admin login of a Target, kept by a Credential of that very Target, rotates while others rotate through it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.docs.pages import page
from tests.docs.test_operations_work import Terminal
from tests.whole_path.keeper import Keeper, keeping
from tests.whole_path.world import until

ROTATIONS = 5


@pytest.fixture(scope="module", params=["postgres", "mysql", "mariadb"])
def keeper(request: pytest.FixtureRequest, control_plane) -> Iterator[Keeper]:
    with keeping(control_plane, request.getfixturevalue(request.param)) as keeper:
        yield keeper


def test_a_pair_of_admins_changes_each_other_while_another_credential_rotates_through_them(keeper):
    admin, beside = keeper.begin("pair", "pair_blue", "pair_green")
    since, names = keeper.now(), []
    with keeper.readers(admin, beside) as refused:
        for number in range(ROTATIONS):
            keeper.both_rotated((admin, beside), f"t{number}")
            names.append(keeper.shop.secret(admin)["username"])
    assert names == ["pair_green", "pair_blue", "pair_green", "pair_blue", "pair_green"]
    assert not refused
    assert min(keeper.seen[admin], keeper.seen[beside]) > ROTATIONS
    assert not keeper.troubles(since, admin, beside)
    approvals = keeper.shop.get("secret", admin)["metadata"]["annotations"]["keyward.dev/approved-digests"]
    assert "Target/pair" in approvals, "the approval stays on the Secret through its rotations"


def test_a_login_that_changes_itself_does_so_alone_and_others_go_on_with_the_new_one(keeper):
    keeper.goes_on_alone(ROTATIONS)


@pytest.mark.parametrize("keeper", ["postgres"], indirect=True)
def test_what_would_lock_itself_out_is_refused_in_words_before_anything_is_stored(keeper):
    """One that would change itself, and two ways that lead from one login to another and back."""
    shop = keeper.shop
    keeper.make_admin("lone_one", "first-of-lone_one")
    shop.apply(keeper.target("lone", "lone-admin"), *keeper.admins("lone", "lone_one", mode="Single"))
    sources = []
    for name, other in (("round", "trip"), ("trip", "round")):
        old, credential = keeper.admins(name, f"{name}_blue", f"{name}_green")
        credential["spec"]["rds"]["targetRef"]["name"] = other
        target = keeper.target(name, f"{name}-admin")
        target["spec"]["allowedAccounts"] = [f"{other}_*"]
        # These admin Secrets will never be made by Keyward: somebody writes them.
        keeper.make_admin(f"{name}_root", "by-hand")
        by_hand = shop.plain_secret(f"{name}-admin", {"username": f"{name}_root", "password": "by-hand"})
        shop.apply(target, by_hand, credential)
        sources.append(old)
    assert "spec.admin.selfChange" in _stalled(shop, "lone-admin", "AdminCycle")
    for name in ("round", "trip"):
        said = _stalled(shop, f"{name}-admin", "AdminCycle")
        assert "Target round" in said
        assert "Target trip" in said
    # With one way alone there is no way back yet: what is imported is given when both are known.
    shop.apply(*sources)
    for name in ("round", "trip"):
        shop.annotate(f"{name}-admin", "rotate", "now")
        _stalled(shop, f"{name}-admin", "AdminCycle")
    assert not [v for name in ("lone", "round", "trip") for v in shop.versions(f"{name}-admin")]


@pytest.mark.parametrize("keeper", ["postgres"], indirect=True)
def test_a_target_goes_over_to_the_login_that_is_kept_by_one_edit_and_nothing_of_it_rotates_before(keeper):
    shop = keeper.shop
    for account in ("over_blue", "over_green"):
        keeper.make_admin(account, f"first-of-{account}")
    by_hand = {"username": "over_blue", "password": "first-of-over_blue"}
    shop.apply(shop.plain_secret("over-by-hand", by_hand), keeper.target("over", "over-by-hand"))
    shop.apply(*keeper.admins("over", "over_blue", "over_green"))
    first = until("the import", lambda: shop.secret("over-admin"))
    shop.annotate("over-admin", "rotate", "too early")
    assert "over-admin" in _stalled(shop, "over-admin", "AdminCycle")
    assert shop.secret("over-admin") == first
    assert not keeper.refused(by_hand)
    shop.apply(keeper.target("over", "over-admin"))
    until("the rotation", lambda: shop.secret("over-admin")["username"] == "over_green")


@pytest.mark.parametrize("keeper", ["postgres", "mariadb"], indirect=True)
def test_when_nobody_gets_in_any_more_the_words_of_the_page_let_somebody_in(keeper, tmp_path):
    admin, beside = keeper.begin("glass", "glass_blue", "glass_green")
    shop, terminal = keeper.shop, Terminal(keeper.shop, tmp_path)
    since, kept = keeper.now(), shop.secret(beside)
    for account in ("glass_blue", "glass_green"):
        keeper.break_in(account, "changed-by-hand")
    keeper.ask_in_vain(beside, "one")
    assert keeper.troubles(since, beside), "what is not in this log would prove nothing in the other tests"
    assert not keeper.refused(kept)

    look, other_look, rotate, *another = words_of_the_page(shop.namespace, "glass")
    terminal.run(look, other_look)
    keeper.break_in((tmp_path / "username").read_text(), (tmp_path / "password").read_text())
    before = shop.secret(admin)
    terminal.run(rotate)
    until("a new login", lambda: shop.secret(admin) != before)
    until("the rotation that was asked for", lambda: shop.secret(beside) != kept)

    kept, works = shop.secret(beside), shop.secret(admin)
    keeper.break_in(works["username"], "changed-by-hand")
    keeper.ask_in_vain(beside, "two")
    (tmp_path / "password").write_text("by-a-superuser")
    of_postgres, of_family = page("docs/operations.md").fences("sql")
    for statement in (of_postgres if keeper.engine == "PostgreSQL" else of_family).splitlines():
        keeper.sql(statement.replace("…", "by-a-superuser"))
    create, use, back, drop = another
    terminal.run(create, use)
    until("a rotation by the other login", lambda: shop.secret(beside) != kept)
    keeper.break_in(works["username"], works["password"])
    terminal.run(back, drop)
    keeper.both_rotated((admin, beside), "three")
    keeper.sql(f"DROP {'ROLE' if keeper.engine == 'PostgreSQL' else 'USER'} break_glass")


def words_of_the_page(namespace: str, target: str) -> list[str]:
    """The lines of the page, for this namespace and Target."""
    lines = [line for line in page("docs/operations.md").commands if "break-glass" in line or "orders-pg-admin" in line]
    return [line.replace("-n shop", f"-n {namespace}").replace("orders-pg", target) for line in lines]


def _stalled(shop: Any, name: str, reason: str) -> str:
    found = until(f"{reason} of {name}", lambda: (c := shop.condition(name, "Stalled")).get("reason") == reason and c)
    return str(found["message"])
