"""`kubectl apply` → a user of a real host, changed through Cloud Assistant's API → a Secret that logs in → rotations.

The cloud is a stand-in on loopback that runs what it accepts on that host, a moment later: docs/types/ecs.md says what it proves.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from tests.cloud.standin import Fault
from tests.cloud.windows import Person
from tests.cluster.sshd import SshServer
from tests.engines.ssh_system import key_pair, public
from tests.whole_path.consumers import consumers, never_refused, program
from tests.whole_path.ecs_shop import EcsShop, ecs_shop, windows_shop
from tests.whole_path.world import until

CLIENTS, ROTATIONS = 4, 10


@pytest.fixture(scope="module")
def shop(control_plane, ssh_server, tmp_path_factory) -> Iterator[EcsShop]:
    with ecs_shop(control_plane, ssh_server, tmp_path_factory.mktemp("ecs"), "ecs") as found:
        found.ecs.delay = 0.1
        with found.operator():
            yield found


def key_lines(server: SshServer, user: str) -> str:
    return server.users.keys(user)


def test_a_key_pair_is_published_and_each_rotation_keeps_the_one_before_for_the_grace(shop, ssh_server):
    given = key_pair()
    ssh_server.user("cloud-one", None, f'from="127.0.0.1" {public(given)} laptop')
    shop.apply(*shop.user("one", "cloud-one", "SSHKey", given.reveal_text()))
    first = shop.published("one")
    assert first["ssh-publickey"].strip() == public(given)
    assert (first["username"], first["host"], first["port"]) == ("cloud-one", "127.0.0.1", str(ssh_server.port))
    second = shop.turned("one", "t1")
    assert ssh_server.lets_in("cloud-one", key=first["ssh-privatekey"].encode())
    assert ssh_server.lets_in("cloud-one", key=second["ssh-privatekey"].encode())
    ended = f'from="127.0.0.1" {second["ssh-publickey"].strip()} keyward\n'
    until("the end of the first key", lambda: key_lines(ssh_server, "cloud-one") == ended)
    assert until("the type", lambda: shop.get("credential", "one")["status"].get("type")) == "ecs/Linux"


def test_a_wrong_first_key_of_a_listed_user_is_mended_by_the_first_rotation(shop, ssh_server):
    theirs = key_pair()
    ssh_server.user("cloud-wrong", None, f"{public(theirs)} laptop")
    shop.apply(*shop.user("wrong", "cloud-wrong", "SSHKey", key_pair().reveal_text()))
    secret = until("a key that logs in", lambda: shop.secret("wrong"), 150)
    assert ssh_server.lets_in("cloud-wrong", key=secret["ssh-privatekey"].encode())
    assert (
        key_lines(ssh_server, "cloud-wrong") == f"{public(theirs)} laptop\n{secret['ssh-publickey'].strip()} keyward\n"
    )


def test_a_password_of_root_is_proven_on_the_host_and_the_condition_says_so(shop, ssh_server):
    ssh_server.run("chpasswd -c SHA512", "root:Of-a-person-1\n")
    shop.apply(*shop.user("root", "root", "Password", "Of-a-person-1"))
    assert shop.published("root")["password"] == "Of-a-person-1"
    after = shop.turned("root", "t1")
    assert after["password"] != "Of-a-person-1"
    told = until("by what it was proven", lambda: shop.condition("root", "VerifiedBy"))
    assert told["reason"] == "Shadow"
    assert after["password"] not in "".join(shop.ecs.commands)
    done = {request for action, request in shop.cloud.calls if action == "RunCommand"}
    told = until("the requests", lambda: shop.get("credential", "root")["status"].get("requests"))
    assert {line.removeprefix("RunCommand ") for line in told} <= done


def test_no_consumer_is_refused_one_login_while_answers_are_lost(shop, ssh_server, tmp_path):
    given = key_pair()
    ssh_server.user("cloud-busy", None, public(given))
    shop.apply(*shop.user("busy", "cloud-busy", "SSHKey", given.reveal_text()))
    shop.published("busy")
    shop.cloud.faults += [Fault("RunCommand", "AnswerLost"), Fault("DescribeInvocationResults", "Throttled")]
    with consumers(shop, "busy", tmp_path, CLIENTS, lambda file: program("ssh_client", file, "1")) as busy:
        tally = busy.through(ROTATIONS, 120)
    sys.stderr.write(f"ECS: {len(tally.logins)} logins in {ROTATIONS} rotations, {len(tally.refused)} refused\n")
    never_refused(tally, CLIENTS, ROTATIONS)
    until("the end of the last but one", lambda: len(key_lines(ssh_server, "cloud-busy").splitlines()) == 1)
    kept = "".join(shop.ecs.commands).encode() + b"".join(i.ran.output for i in shop.ecs.invocations.values() if i.ran)
    records = ssh_server.records() + shop.log.read_bytes() + kept
    for edition in busy.follower.editions:
        # The first lines hold the public half, which is no secret.
        for line in str(edition.document["ssh-privatekey"]).splitlines()[3:-1]:
            assert line.encode() not in records


def test_a_password_of_windows_is_proven_there_and_a_kill_in_mid_change_leaves_no_parameter(control_plane, tmp_path):
    with windows_shop(control_plane, tmp_path, "ecs-windows") as desk:
        person = Person("Of-a-person-1")
        desk.ecs.host.people["Administrator"] = person
        with desk.operator() as operator:
            desk.apply(*desk.user("desk", "Administrator", "Password", person.password, engine="Windows"))
            first = desk.published("desk")
            assert (first["password"], first["host"], first["port"]) == ("Of-a-person-1", "desk.example.com", "3389")
            assert "known_hosts" not in first
            second = desk.turned("desk", "t1")
            assert person.password == second["password"] != "Of-a-person-1"
            told = until("by what it was proven", lambda: desk.condition("desk", "VerifiedBy"))
            assert told["reason"] == "OnHost"
            until("the type", lambda: desk.get("credential", "desk")["status"].get("type") == "ecs/Windows")
            desk.ecs.held = lambda script: "Set-LocalUser" in script
            desk.annotate("desk", "rotate", "t2")
            until("a change that is not over", lambda: desk.ecs.waits() and desk.oos.secrets)
            operator.process.kill()
            operator.process.wait()
        assert person.password == second["password"]
        desk.ecs.release()
        with desk.operator():
            third = until("the end of it", lambda: (s := desk.secret("desk")) != second and s)
        assert person.password == third["password"]
        assert desk.oos.secrets == {}
        kept = "".join(desk.ecs.commands).encode() + desk.log.read_bytes()
        for value in (first, second, third):
            assert value["password"].encode() not in kept
