"""`kubectl apply` → a RAM user's AccessKey through the official SDK → a Secret → rotations that nobody notices.

The cloud is a stand-in on loopback that checks each signature and keeps RAM's documented rules; docs/types/ram.md says what that
proves and what not.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from tests.cloud.standin import HOST, Fault
from tests.cluster import process
from tests.whole_path.clients import Follower, Tally, logins
from tests.whole_path.ram_shop import CloudShop, cloud_shop, pair
from tests.whole_path.world import OPERATOR_NAMESPACE, until

CLIENTS, ROTATIONS = 4, 10


@pytest.fixture(scope="module")
def shop(control_plane, tmp_path_factory) -> Iterator[CloudShop]:
    with cloud_shop(control_plane, tmp_path_factory.mktemp("ram"), "ram") as found, found.operator():
        yield found


def test_a_key_is_published_as_it_is_and_rotations_keep_the_one_before_for_the_grace(shop):
    first = shop.ram.user("orders-one").keys[0]
    shop.apply(*shop.credential("one", "orders-one", pair(first)))
    secret = shop.published("one")
    assert (secret["AccessKeyId"], secret["AccessKeySecret"], secret["UserName"]) == (*pair(first), "orders-one")
    second = shop.rotated("one", "t1")
    assert second["AccessKeyId"] != first.id
    assert second["GenerateTimestamp"].endswith("Z")
    assert json.loads(second["credential.json"])["AccessKeySecret"] == second["AccessKeySecret"]
    assert shop.keys("orders-one")[first.id] == "Active"
    until("the end of the first key", lambda: shop.keys("orders-one")[first.id] == "Inactive")
    third = shop.rotated("one", "t2")
    assert first.id not in shop.keys("orders-one")
    until("the end of the second key", lambda: shop.keys("orders-one")[second["AccessKeyId"]] == "Inactive")
    assert shop.keys("orders-one")[third["AccessKeyId"]] == "Active"
    status = until("the status", lambda: shop.get("credential", "one")["status"])
    assert status["credentialName"] == "acs/ram/user/orders-one"
    assert status["type"] == "ram/AlibabaCloud"
    made = [line.split()[1] for line in status["requests"] if line.startswith("CreateAccessKey ")]
    assert set(made) <= {request for action, request in shop.cloud.calls if action == "CreateAccessKey"}
    assert made


def test_a_new_key_that_is_not_known_everywhere_yet_is_waited_for_and_never_published_early(shop):
    shop.apply(*shop.credential("slow", "orders-slow", pair(shop.ram.user("orders-slow").keys[0])))
    shop.published("slow")
    shop.ram.propagation = 4.0
    try:
        shop.annotate("slow", "rotate", "t1")
        said = until(
            "what is said of it", lambda: (c := shop.condition("slow", "Rotated")).get("status") == "False" and c
        )
        assert said["reason"] == "PropagationTimeout"
        assert "is not known everywhere yet" in said["message"]
        assert shop.condition("slow", "Ready")["status"] == "True"
        shop.rotated("slow", "t1")
    finally:
        shop.ram.propagation = 0.0
    assert len(shop.keys("orders-slow")) == 2


def test_the_second_key_that_was_given_makes_room_for_the_first_rotation_and_a_stranger_s_stops_it(shop):
    user = shop.ram.user("orders-two", keys=2)
    first, second = user.keys
    shop.apply(*shop.credential("two", "orders-two", pair(first), pair(second)))
    assert shop.published("two")["AccessKeyId"] == first.id
    new = shop.rotated("two", "t1")["AccessKeyId"]
    assert set(shop.keys("orders-two")) == {first.id, new}
    until("the end of the first", lambda: shop.keys("orders-two")[first.id] == "Inactive")
    user.keys.remove(first)
    theirs = shop.ram.key("orders-two")
    shop.annotate("two", "rotate", "t2")
    said = until("what is said of it", lambda: shop.condition("two", "Stalled"))
    assert said["reason"] == "UnknownAccessKey"
    assert "spec.ram.userName" in said["message"]
    assert shop.keys("orders-two") == {new: "Active", theirs.id: "Active"}
    assert shop.secret("two")["AccessKeyId"] == new
    user.keys.remove(theirs)
    shop.rotated("two", "t3")


def test_every_key_of_the_user_has_to_be_given(shop):
    first, second = shop.ram.user("orders-half", keys=2).keys
    shop.apply(*shop.credential("half", "orders-half", pair(first)))
    said = until("what is said of it", lambda: shop.condition("half", "Stalled"))
    assert said["reason"] == "UnknownAccessKey"
    assert "spec.ram.accessKeysFrom" in said["message"]
    assert not shop.versions("half")
    assert shop.keys("orders-half") == {first.id: "Active", second.id: "Active"}


def test_a_wrong_secret_is_told_and_mended_by_the_first_rotation_where_the_target_lists_the_user(shop):
    key = shop.ram.user("orders-liar").keys[0]
    shop.apply(*shop.credential("liar", "orders-liar", (key.id, "not-the-secret")))
    said = until("what is said of it", lambda: shop.condition("liar", "Stalled"))
    assert said["reason"] == "ImportedValueUnverified"
    assert "allowUnverifiedImport: [orders-liar]" in said["message"]
    assert not shop.secret("liar")
    shop.apply(shop.credential("liar", "orders-liar", pair(key))[0])
    assert shop.published("liar")["AccessKeySecret"] == key.secret
    other = shop.ram.user("orders-wrong").keys[0]
    shop.apply(*shop.credential("wrong", "orders-wrong", (other.id, "not-the-secret")))
    new = shop.published("wrong")
    assert new["AccessKeyId"] != other.id
    assert shop.keys("orders-wrong") == {other.id: "Active", new["AccessKeyId"]: "Active"}


def test_an_admin_s_key_that_a_credential_keeps_rotates_and_the_work_goes_on_with_the_new_one(shop):
    admin = shop.ram.user("orders-keeper", admin=True)
    (first,) = admin.keys
    with shop.kept("orders-keeper", first) as kept:
        wanted = shop.credential("by-kept", "orders-by-kept", pair(shop.ram.user("orders-by-kept").keys[0]))
        wanted[-1]["spec"]["ram"]["targetRef"]["name"] = kept
        shop.apply(*wanted)
        shop.published("by-kept")
        told = {"metadata": {"annotations": {"keyward.dev/rotate": "t1"}}}
        shop.api.merge("credential", kept, OPERATOR_NAMESPACE, told)
        until("the end of the first key", lambda: shop.keys("orders-keeper")[first.id] == "Inactive")
        before = first.last_used
        new = shop.rotated("by-kept", "t1")["AccessKeyId"]
        until("the end of the one before", lambda: list(shop.keys("orders-by-kept").values()) == ["Inactive", "Active"])
        assert shop.keys("orders-by-kept")[new] == "Active"
        assert first.last_used == before
        assert "AdminLoginRefused" not in shop.log.read_text()


def test_a_second_credential_of_one_user_waits_for_the_first(shop):
    key = shop.ram.user("orders-shared").keys[0]
    shop.apply(*shop.credential("mine", "orders-shared", pair(key)))
    first = shop.published("mine")
    made = datetime.fromisoformat(shop.get("credential", "mine")["metadata"]["creationTimestamp"]).timestamp()
    until("a second that is later", lambda: time.time() > made + 1)  # two of one second are told by chance
    shop.apply(*shop.credential("theirs", "orders-shared", pair(key)))
    said = until("what is said of it", lambda: shop.condition("theirs", "Stalled"))
    assert said["reason"] == "AccountClaimed"
    assert not shop.versions("theirs")
    assert shop.secret("mine") == first
    shop.rotated("mine", "t1")


def test_through_another_target_too_a_user_has_one_credential_and_the_next_inherits_him(shop):
    key = shop.ram.user("orders-twice").keys[0]
    shop.apply(*shop.credential("eldest", "orders-twice", pair(key)))
    shop.published("eldest")
    made = datetime.fromisoformat(shop.get("credential", "eldest")["metadata"]["creationTimestamp"]).timestamp()
    until("a second that is later", lambda: time.time() > made + 1)
    with shop.other_target() as target:
        given, second = shop.credential("youngest", "orders-twice", pair(key))
        second["spec"]["ram"]["targetRef"]["name"] = target
        shop.apply(given, second)
        said = until("what is said of it", lambda: shop.condition("youngest", "Stalled"))
        assert said["reason"] == "AccountClaimed"
        assert "eldest" in said["message"]
        assert "youngest" not in shop.named("secret")
        shop.api.delete("credential", "eldest", shop.namespace)
        assert shop.published("youngest")["AccessKeyId"] == key.id
        shop.api.delete("credential", "youngest", shop.namespace)


def test_a_lost_answer_leaves_one_key_and_no_orphan(shop):
    shop.apply(*shop.credential("lost", "orders-lost", pair(shop.ram.user("orders-lost").keys[0])))
    first = shop.published("lost")["AccessKeyId"]
    shop.cloud.faults.append(Fault("CreateAccessKey", "AnswerLost"))
    new = shop.rotated("lost", "t1")["AccessKeyId"]
    until("the end of the first", lambda: shop.keys("orders-lost") == {first: "Inactive", new: "Active"})
    assert shop.ram.most_ever["orders-lost"] == 2


def test_no_consumer_is_refused_one_call(shop, tmp_path):
    shop.apply(*shop.credential("busy", "orders-busy", pair(shop.ram.user("orders-busy").keys[0])))
    shop.published("busy")
    files = [tmp_path / f"busy-{n}.json" for n in range(CLIENTS)]
    behind = {file: 1.0 * (n % 2) for n, file in enumerate(files)}
    follower = Follower(shop.cluster.kubectl_program, shop.cluster.kubeconfig, behind)
    with contextlib.ExitStack() as stack:
        stack.enter_context(follower.following(shop.namespace, "busy"))
        until("the files", lambda: all(file.exists() for file in files))
        logs = [stack.enter_context(_client(file, shop)) for file in files]
        version = follower.after("", 60).version
        for number in range(ROTATIONS):
            shop.annotate("busy", "rotate", f"t{number}")
            version = follower.after(version, 120).version
        until("all clients' last version", lambda: all(version in _counted([log]).versions for log in logs))
        tally = _counted(logs)
    sys.stderr.write(f"RAM: {len(tally.logins)} calls in {ROTATIONS} rotations, {len(tally.refused)} refused\n")
    assert not tally.refused
    assert not tally.failed
    assert len(tally.clients) == CLIENTS
    assert len(tally.versions) == ROTATIONS + 1
    assert shop.ram.most_ever["orders-busy"] == 2
    records = shop.log.read_bytes() + shop.cluster.kubectl("get", "events,credentials", "-A", "-o", "json").encode()
    for edition in follower.editions:
        assert edition.document["AccessKeySecret"].encode() not in records
    assert shop.admin.secret.encode() not in records


@contextlib.contextmanager
def _client(file: Path, shop: CloudShop) -> Iterator[Path]:
    log = file.with_suffix(".log")
    where = [f"{HOST}:{shop.cloud.port}", str(shop.cloud.authority.ca_file)]
    argv = [sys.executable, "-m", "tests.whole_path.ram_client", str(file), "0.5", *where]
    cwd = Path(__file__).parents[2]
    with process.serving(
        process.Server(name="client", argv=argv, ready=lambda: log.stat().st_size > 0, log=log, cwd=cwd)
    ):
        yield log


def _counted(logs: list[Path]) -> Tally:
    return Tally([one for log in logs for one in logins(log.stem, log.read_text().splitlines())])
