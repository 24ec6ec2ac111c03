"""`kubectl apply` → accounts of RDS and PolarDB through the official SDKs → Secrets that log in → rotations that nobody notices.

The cloud is a stand-in on loopback that checks each signature and does what it accepted to a real server, a moment later;
docs/types/rds-mysql.md says what that proves and what not.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from tests.cloud.standin import Fault
from tests.cluster.replica import Replica
from tests.whole_path.cloud_shop import CloudDatabaseShop, cloud_shop
from tests.whole_path.consumers import GRACE, consumers, never_refused, side_by_side
from tests.whole_path.world import until

CLIENTS, ROTATIONS = 4, 10
LATER, SOON = 0.1, 0.03  # seconds until the cloud has done what it accepted


RDS, POLARDB = ("rds", "mariadb", "ReadWrite"), ("polardb", "postgres", None)


@pytest.fixture(scope="module", params=[RDS, POLARDB], ids=lambda p: p[0])
def shop(request, control_plane, tmp_path_factory) -> Iterator[CloudDatabaseShop]:
    block, server, level = request.param
    folder = tmp_path_factory.mktemp(f"cloud-{block}")
    with cloud_shop(control_plane, request.getfixturevalue(server), folder, block) as found, found.operator():
        found.level, found.there.delay = level, LATER
        yield found


def test_a_pair_is_made_and_takes_turns_and_the_status_has_the_calls(shop):
    shop.apply(shop.credential("turns", shop.created("turns", shop.level)))
    first = shop.published("turns")
    assert (first["username"], shop.refused(first)) == ("turns", "")
    assert {one.type for one in shop.there.accounts.values()} == {"Normal"}
    names = [first["username"]]
    for number in range(2):
        before, after = shop.rotated("turns", f"t{number}")
        assert not shop.refused(before)
        assert not shop.refused(after)
        names.append(after["username"])
    assert names == ["turns", "turns_clone", "turns"]
    assert shop.refused(first)
    status = until("its calls", lambda: (s := shop.get("credential", "turns")["status"]).get("requests") and s)
    assert status["type"] == f"{shop.block}/{shop.there.engine}"
    assert {line.split()[1] for line in status["requests"]} <= {request for _, request in shop.cloud.calls}
    assert first["dsn"].startswith("postgresql://turns:" if shop.there.engine == "PostgreSQL" else "mysql://turns:")


def test_what_the_cloud_refuses_and_loses_stands_in_the_condition_and_is_gone_through(shop):
    shop.cloud.faults.append(Fault("CreateAccount", "Refused"))
    shop.apply(shop.credential("faults", shop.created("faults", shop.level)))
    said = until("what is said of it", lambda: shop.condition("faults", "Stalled"))
    assert said["reason"] == "AdminPrivilegeMissing"
    assert f"{shop.block}:CreateAccount on the instance" in said["message"]
    shop.cloud.faults += [Fault(action, "AnswerLost") for action in ("CreateAccount", "ResetAccountPassword")]
    shop.annotate("faults", "rotate", "t0")
    first = until("the first Secret", lambda: shop.secret("faults"))
    assert not shop.refused(first)
    made = [name for action, name in shop.there.done if action == "CreateAccount" and name.startswith("faults")]
    assert sorted(made) == ["faults", "faults_clone"]


def test_a_stranger_s_account_and_one_of_a_credential_on_another_target_are_left_alone(shop):
    store, lineage = "7f0f1b5c-0000-4000-8000-000000000000", "0123456789abcdef0123456789abcdef"
    shop.there.account("taken", "Theirs-1-theirs")
    shop.there.account("marked", "Theirs-1-theirs").description = f"keyward-1_{store}_{lineage}_3_abcdef01"
    shop.apply(*(shop.credential(name, shop.created(name, shop.level)) for name in ("taken", "marked")))
    for name, why in (
        ("taken", "is on the server already"),
        ("marked", "mark of another Credential (lineage 01234567)"),
    ):
        said = until(f"what is said of {name}", lambda name=name: shop.condition(name, "Stalled"))
        assert said["reason"] == "AccountExists"
        assert why in said["message"]
        assert f"{name}_clone" not in shop.there.accounts


def test_another_region_has_to_be_approved_as_another_endpoint_has(shop):
    shop.apply(shop.credential("moved", shop.created("moved", shop.level)))
    shop.published("moved")
    _in_region(shop, "cn-shanghai")
    try:
        shop.annotate("moved", "rotate", "t0")
        said = until("what is said of it", lambda: shop.condition("moved", "Stalled"))
        assert said["reason"] == "TargetNotApproved"
        assert f"spec.{shop.block}.endpoints, openApi or tls of ClusterTarget {shop.namespace}" in said["message"]
    finally:
        _in_region(shop, "cn-hangzhou")
    until("the rotation", lambda: shop.secret("moved")["username"] == "moved_clone")


def _in_region(shop: CloudDatabaseShop, region: str) -> None:
    patch = json.dumps({"spec": {shop.block: {"openApi": {"regionId": region}}}})
    shop.cluster.kubectl("patch", "clustertarget", shop.namespace, "--type=merge", "-p", patch)


@pytest.mark.parametrize("shop", [POLARDB], indirect=True, ids=lambda p: p[0])
def test_a_value_that_a_replica_does_not_know_yet_is_given_to_nobody(shop):
    with Replica(primary=shop.server) as replica, shop.beside(replica) as target:
        wanted = shop.credential("behind", shop.created("behind", shop.level))
        wanted["spec"][shop.block]["targetRef"]["name"] = target
        shop.apply(wanted)
        before = shop.published("behind")
        with replica.held_back():
            shop.annotate("behind", "rotate", "t0")
            # Before that, the cloud itself is at work on the account, which has the same reason.
            told = "a replica does not accept the new value yet"
            until(told, lambda: told in shop.condition("behind", "Rotated").get("message", ""))
            assert shop.condition("behind", "Rotated")["reason"] == "PropagationTimeout"
            assert shop.secret("behind") == before
        after = until("the rotation", lambda: (s := shop.secret("behind")) != before and s)
        with replica.connect(shop.database, after["username"], after["password"]) as session:
            assert session.execute("SELECT current_user").fetchone() == ("behind_clone",)


def test_no_consumer_of_a_pair_that_was_made_or_taken_over_is_refused_one_login(shop, tmp_path):
    rotation = {"interval": "24h", "gracePeriod": f"{GRACE}s"}
    pairs = {"busy": shop.created("busy", shop.level)}
    if shop.block == "rds":  # nothing is imported from PolarDB
        pairs["given"] = shop.existing("given", "given_blue", "given_green")
    for name, account in pairs.items():
        shop.apply(shop.credential(name, account, rotation=rotation))
        shop.published(name)
    shop.there.delay = SOON  # most are done at the first look, or ten rotations take a minute
    with ExitStack() as stack:
        crowds = [stack.enter_context(consumers(shop, name, tmp_path, CLIENTS, shop.client)) for name in pairs]
        tallies = side_by_side(crowds, ROTATIONS)
    shop.there.delay = LATER
    records = shop.log.read_bytes() + shop.cluster.kubectl("get", "events,credentials", "-A", "-o", "json").encode()
    for crowd, tally in zip(crowds, tallies, strict=True):
        name = f"{shop.block}/{shop.there.engine} through the cloud, {crowd.name}"
        sys.stderr.write(f"{name}: {len(tally.logins)} logins in {ROTATIONS} rotations, {len(tally.refused)} refused\n")
        never_refused(tally, CLIENTS, ROTATIONS)
        assert len({edition.document["username"] for edition in crowd.follower.editions}) == 2
        for edition in crowd.follower.editions:
            assert str(edition.document["password"]).encode() not in records
    assert shop.admin.secret.encode() not in records


@pytest.mark.parametrize("policy", ["Disable", "Drop"])
def test_deletion_locks_out_or_drops_both_accounts_and_a_return_sets_another_value(shop, policy):
    name, account = f"gone-{policy.lower()}", f"gone{policy[:2].lower()}"
    wanted = shop.credential(name, shop.created(account, shop.level), deletion={"accounts": policy})
    shop.apply(wanted)
    first = shop.published(name)
    shop.api.delete("credential", name, shop.namespace)
    until("its end", lambda: shop.get("credential", name) is None)
    pair = {account, f"{account}_clone"}
    left = pair if policy == "Disable" else set[str]()
    until("what is left", lambda: pair & shop.there.accounts.keys() == left and shop.refused(first))
    assert all(shop.there.accounts[one].description.endswith("_disabled") for one in left)
    shop.apply(wanted)
    again = until("a login that is let in", lambda: (s := shop.secret(name)) and not shop.refused(s) and s)
    assert again["password"] != first["password"]
    assert not any(shop.there.accounts[one].description.endswith("_disabled") for one in pair)
