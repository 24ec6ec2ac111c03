"""The admin login of a PolarDB cluster rotates, kept through a Target of type rds that describes the same servers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.whole_path.keeper import Keeper, keeping
from tests.whole_path.world import Json, until

from keyward.cli.target import approve

ROTATIONS = 5


@dataclass
class Cluster:
    """One cluster: a Target of type rds for its admin logins, one of type polardb for everything else."""

    keeper: Keeper
    name: str

    @property
    def admin(self) -> str:
        return f"{self.name}-admin"

    def everything(self) -> dict[str, Json]:
        """What a platform engineer and an application's team apply, by what it is."""
        keeper, name = self.keeper, self.name
        blue_and_green = [f"{name}_blue", f"{name}_green"]
        for account in blue_and_green:
            keeper.make_admin(account, f"first-of-{account}")
        first, kept = keeper.admins(name, *blue_and_green)
        return {
            "first passwords": first,
            "rds Target": self.admins_target(),
            "admin Credential": kept,
            "polardb Target": self.target(),
            "Credential": self.credential(),
        }

    def admins_target(self) -> Json:
        found = self.keeper.target(self.name, self.admin)
        found["spec"]["allowedAccounts"] = [f"{self.name}_blue", f"{self.name}_green"]
        return found

    def target(self) -> Json:
        spec = self.keeper.target(self.name, self.admin)["spec"]
        spec = {"polardb": spec.pop("rds")} | spec | {"allowedAccounts": ["p_*"]}
        return self.keeper.shop.made("Target", self.polar, spec)

    @property
    def polar(self) -> str:
        return f"{self.name}-polar"

    def credential(self) -> Json:
        block = self.keeper.made(f"p_{self.name}")
        found = self.keeper.credential(self.polar, self.polar, block)
        rds = found["spec"].pop("rds")
        found["spec"]["polardb"] = {key: rds[key] for key in ("targetRef", "engine", "create", "databaseName")}
        return found

    def ready(self) -> None:
        shop = self.keeper.shop
        until("both Secrets", lambda: shop.secret(self.admin) and shop.secret(self.polar), seconds=30)

    def says(self) -> str:
        return str([self.keeper.shop.get("credential", name) for name in (self.admin, self.polar)])


@pytest.fixture(scope="module", params=["postgres", "mysql"])
def keeper(request: pytest.FixtureRequest, control_plane) -> Iterator[Keeper]:
    with keeping(control_plane, request.getfixturevalue(request.param), "polardb-") as keeper:
        yield keeper


def test_it_rotates_while_the_accounts_of_the_cluster_rotate_through_it(keeper):
    cluster = Cluster(keeper, "duo")
    shop = keeper.shop
    shop.apply(*cluster.everything().values())
    cluster.ready()
    since, logins = keeper.now(), []
    with keeper.readers(cluster.admin, cluster.polar) as refused:
        for number in range(ROTATIONS):
            keeper.both_rotated((cluster.admin, cluster.polar), f"t{number}")
            logins.append((shop.secret(cluster.admin)["username"], shop.secret(cluster.polar)["username"]))
    green, clone = ("duo_green", "p_duo_clone"), ("duo_blue", "p_duo")
    assert logins == [green, clone, green, clone, green]
    assert not refused
    sys.stderr.write(
        f"polardb/{keeper.engine}: {sum(keeper.seen.values())} logins in {ROTATIONS} rotations of both, none refused\n"
    )
    assert min(keeper.seen[cluster.admin], keeper.seen[cluster.polar]) > ROTATIONS
    assert not keeper.troubles(since)
    assert "AdminCycle" not in cluster.says()
    approvals = shop.get("secret", cluster.admin)["metadata"]["annotations"]["keyward.dev/approved-digests"]
    for target in (cluster.name, cluster.polar):
        assert f'"Target/{target}"' in approvals, "one use approves both, as both lead to the same servers"


@pytest.mark.parametrize("first", ["first passwords", "rds Target", "admin Credential", "polardb Target", "Credential"])
def test_everything_may_be_applied_in_any_order(keeper, first: str):
    cluster = Cluster(keeper, f"o{first[0].lower()}{len(first)}")
    shop, items = keeper.shop, cluster.everything()
    shop.apply(items.pop(first))
    for item in reversed(items.values()):
        shop.apply(item)
    cluster.ready()
    assert not keeper.refused(shop.secret(cluster.polar))


def test_who_waits_for_the_login_is_told_who_makes_it_and_goes_on_as_soon_as_it_is_there(keeper):
    cluster = Cluster(keeper, "late")
    shop, items = keeper.shop, cluster.everything()
    last = items.pop("first passwords")
    shop.apply(*items.values())
    said = until("a word on it", lambda: shop.told(cluster.polar, "Ready", "AdminSecretInvalid"))
    assert f"Credential {cluster.admin} " in said
    assert "create it" not in said
    shop.apply(last)
    cluster.ready()


def test_where_the_cluster_has_more_endpoints_a_person_approves_it_and_the_login_rotates_meanwhile(keeper):
    cluster = Cluster(keeper, "more")
    shop, items = keeper.shop, cluster.everything()
    endpoints = items["polardb Target"]["spec"]["polardb"]["endpoints"]
    endpoints.append({"host": "localhost", "port": endpoints[0]["port"], "role": "Replica"})
    for item in reversed(items.values()):  # the Target that has to wait is there first
        shop.apply(item)
    until("a word on it", lambda: shop.told(cluster.polar, "Ready", "TargetNotApproved"))
    before = shop.secret(cluster.admin)
    shop.annotate(cluster.admin, "rotate", "now")
    until("a rotation of the login", lambda: shop.secret(cluster.admin) != before)
    assert not shop.secret(cluster.polar)
    approve([cluster.polar], shop.namespace, kubeconfig=shop.kubeconfig)
    shop.annotate(cluster.polar, "rotate", "now")
    cluster.ready()
    keeper.both_rotated((cluster.admin, cluster.polar), "after it")
