"""A CredentialSet on a real API server: Credentials come with Targets, follow the template, and go as the policy says."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.whole_path.accounts import existing, hand_over, rds
from tests.whole_path.world import Shop, until

FLEET = {"fleet": "reports"}


@pytest.fixture(scope="module")
def shop(control_plane, postgres) -> Iterator[Shop]:
    shop = Shop(control_plane, postgres, "sets")
    shop.prepare()
    with shop.operator():
        yield shop
    shop.close()


def target(shop: Shop, name: str, labels: dict[str, str]) -> None:
    item = shop.made("Target", name, shop.target())
    item["metadata"]["labels"] = labels
    shop.apply(item)


def a_set(shop: Shop, name: str, account: str, label: str, **spec: object) -> None:
    template = {
        "rds": {
            "create": {"name": account, "privileges": [{"database": "orders", "level": "ReadOnly"}]},
            "databaseName": "orders",
        },
        "rotation": {"interval": "24h", "gracePeriod": "0s"},
        "projections": [{"secretName": name}],
    }
    wish = {"targets": {"matchLabels": {"fleet": label}}, "template": {"spec": template}} | spec
    shop.apply(shop.made("CredentialSet", name, wish))


def counted(shop: Shop, name: str, **figures: int) -> dict[str, object]:
    seen: dict[str, object] = {}

    def holds() -> bool:
        seen.update((shop.get("credentialsets", name) or {}).get("status") or {})
        return all(seen.get(key) == figure for key, figure in figures.items())

    try:
        until(f"{figures} of set {name}", holds)
    except AssertionError as error:
        raise AssertionError(f"{error}; its status is {seen}") from None
    return seen


def test_credentials_come_with_their_targets_follow_the_template_and_outlive_the_set(shop):
    target(shop, "pg-one", {"fleet": "reports"})
    a_set(shop, "reports", "orders_reports", "reports")
    counted(shop, "reports", desired=1, created=1, ready=1, failed=0)
    secret = shop.secret("reports-pg-one")
    assert shop.logs_in(secret) == "orders_reports_rights"

    # A second Target of the same server: the account's mark says that it is taken, and the set goes on saying so.
    target(shop, "pg-two", {"fleet": "reports"})
    counted(shop, "reports", desired=2, created=2)
    said = until("AccountExists", lambda: shop.told("reports-pg-two", "Ready", "AccountExists"))
    assert "'orders_reports' carries the mark of another Credential" in said

    a_set(shop, "reports", "orders_reports", "reports", template={"spec": changed()})
    until("the template's change", lambda: (shop.get("credential", "reports-pg-one") or {})["spec"].get("description"))
    assert shop.secret("reports-pg-one")["password"] == secret["password"]

    target(shop, "pg-two", {"fleet": "elsewhere"})
    counted(shop, "reports", desired=1, ready=1)
    left = shop.get("credential", "reports-pg-two")
    assert left is not None
    assert "keyward.dev/set" not in left["metadata"].get("labels", {})

    # A label that was wrong for a while: it is of the set again, as it was.
    target(shop, "pg-two", {"fleet": "reports"})
    counted(shop, "reports", desired=2, created=2, failed=0)
    again = shop.get("credential", "reports-pg-two")
    assert again["metadata"]["uid"] == left["metadata"]["uid"]
    assert again["metadata"]["labels"]["keyward.dev/set"] == "reports"
    target(shop, "pg-two", {"fleet": "elsewhere"})
    counted(shop, "reports", desired=1, ready=1)

    shop.api.delete("credentialsets", "reports", shop.namespace)
    until("the set's end", lambda: shop.get("credentialsets", "reports") is None)
    kept = shop.get("credential", "reports-pg-one")
    assert kept is not None
    assert not kept["metadata"].get("deletionTimestamp")


def changed() -> dict[str, object]:
    return {
        "description": "reporting",
        "rds": {
            "create": {"name": "orders_reports", "privileges": [{"database": "orders", "level": "ReadOnly"}]},
            "databaseName": "orders",
        },
        "rotation": {"interval": "12h", "gracePeriod": "0s"},
        "projections": [{"secretName": "reports"}],
    }


def test_what_the_api_server_refuses_is_a_failure_by_name_and_a_stranger_is_not_touched(shop):
    target(shop, "pg-three", {"fleet": "strict"})
    target(shop, "pg-four", {"fleet": "strict"})
    theirs = {"generic": {"generate": {}}, "projections": [{"secretName": "theirs"}]}
    shop.apply(shop.made("Credential", "strict-pg-three", theirs))
    a_set(shop, "strict", "orders_strict", "strict")
    status = counted(shop, "strict", desired=2, created=1, failed=1)
    (failure,) = status["failures"]
    assert (failure["target"], failure["reason"]) == ("pg-three", "CredentialConflict")
    assert "generic" in shop.get("credential", "strict-pg-three")["spec"]
    # The account's name is immutable: the API server refuses the change of the one, and it is said.
    a_set(shop, "strict", "orders_other", "strict")
    status = counted(shop, "strict", failed=2)
    assert {f["target"] for f in status["failures"]} == {"pg-three", "pg-four"}


def test_under_delete_the_credentials_are_owned_by_the_set(shop):
    target(shop, "pg-five", {"fleet": "short"})
    a_set(shop, "short", "orders_short", "short", removalPolicy="Delete")
    counted(shop, "short", ready=1)
    # What follows is the garbage collector's, which a control plane alone does not run.
    owner = shop.get("credential", "short-pg-five")["metadata"]["ownerReferences"][0]
    assert (owner["uid"], owner["controller"]) == (shop.get("credentialsets", "short")["metadata"]["uid"], True)


def test_under_delete_a_target_that_leaves_takes_its_credential_along(shop):
    target(shop, "pg-six", {"fleet": "leaving"})
    a_set(shop, "leaving", "orders_leaving", "leaving", removalPolicy="Delete")
    counted(shop, "leaving", ready=1)
    target(shop, "pg-six", {})
    counted(shop, "leaving", desired=0)
    until("the Credential's end", lambda: shop.get("credential", "leaving-pg-six") is None)


def test_an_account_is_not_imported_from_its_credential_through_another_target(shop):
    account = existing(shop, "first-way", ("orders_taken_twice", "before"))
    shop.apply(rds(shop, "first-way", account, mode="Single"))
    shop.published("first-way")
    _, theirs = shop.rotated("first-way", "marked")
    target(shop, "second-way", {})
    hand_over(shop, "second-way", ("orders_taken_twice", theirs["password"]))
    account["import"]["accounts"][0]["passwordFrom"]["secretName"] = "second-way-old"
    shop.apply(rds(shop, "second-way", account, target="second-way", mode="Single"))
    assert shop.published("second-way")["password"] == theirs["password"]
    shop.annotate("second-way", "rotate", "now")
    said = until("AccountClaimed", lambda: shop.told("second-way", "Rotated", "AccountClaimed"))
    assert "'orders_taken_twice' is managed by another Credential" in said
    assert shop.logs_in(theirs) == "orders_taken_twice"


def test_nor_from_one_whose_versions_are_lost(shop):
    """Its Credential lives, and waits for a restore: the mark on the account is somebody's."""
    account = existing(shop, "lost-way", ("orders_lost_twice", "before"))
    shop.apply(rds(shop, "lost-way", account, mode="Single"))
    shop.published("lost-way")
    _, theirs = shop.rotated("lost-way", "marked")
    for version in shop.versions("lost-way"):
        shop.api.delete("credentialversions", version["metadata"]["name"], shop.namespace)
    until("RestoreIncomplete", lambda: shop.told("lost-way", "Stalled", "RestoreIncomplete"))
    target(shop, "found-way", {})
    hand_over(shop, "found-way", ("orders_lost_twice", theirs["password"]))
    account["import"]["accounts"][0]["passwordFrom"]["secretName"] = "found-way-old"
    shop.apply(rds(shop, "found-way", account, target="found-way", mode="Single"))
    shop.published("found-way")
    shop.annotate("found-way", "rotate", "now")
    until("AccountClaimed", lambda: shop.told("found-way", "Rotated", "AccountClaimed"))
    assert shop.logs_in(theirs) == "orders_lost_twice"
