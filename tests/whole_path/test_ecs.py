"""`kubectl apply` → a user of a real host → a Secret that logs in → rotations that nobody notices."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.sshd import SshServer
from tests.engines.ssh_system import key_pair, public
from tests.whole_path.consumers import consumers, never_refused, program
from tests.whole_path.world import Json, Shop, until

CLIENTS, ROTATIONS, GRACE = 4, 11, 3
ADMIN = key_pair()


class HostShop(Shop):
    """A shop whose Target is a host."""

    def __init__(self, cluster: Any, server: SshServer, namespace: str = "hosts") -> None:
        super().__init__(cluster, server, namespace)  # type: ignore[arg-type]
        self.server = server

    def _prepare_server(self) -> None:
        self.server.admin("rotator", public(ADMIN))

    def target(self) -> Json:
        return {
            "ecs": {
                "endpoints": [{"host": self.host, "port": self.server.port}],
                "hostKeys": list(self.server.host_keys()),
            },
            "admin": {"secretRef": {"name": "host-admin"}},
            "allowedAccounts": ["deploy*", "root"],
            "allowUnverifiedImport": ["deploy-wrong"],
        }

    def prepare(self) -> None:
        super().prepare()
        self.apply(self.plain_secret("host-admin", {"username": "rotator", "ssh-privatekey": ADMIN.reveal_text()}))

    def credential(self, name: str, user: str, kind: str, value: str, **spec: Any) -> tuple[Json, Json]:
        """The Credential and the Secret that it takes its first value from."""
        key = "ssh-privatekey" if kind == "SSHKey" else "password"
        label = {"keyward.dev/source-for": name}
        account = {"name": user, "passwordFrom": {"secretName": f"{name}-given"}}
        wanted = {
            "ecs": {"targetRef": {"name": "pg"}, "secretType": kind, "import": {"accounts": [account]}},
            "rotation": {"interval": "1h", "gracePeriod": f"{GRACE}s"},
            "projections": [{"secretName": name}],
        }
        return self.plain_secret(f"{name}-given", {key: value}, labels=label), self.made(
            "Credential", name, wanted | spec
        )

    def keys(self, user: str) -> str:
        return self.server.users.keys(user)


@pytest.fixture(scope="module")
def hosts(control_plane, ssh_server) -> Iterator[HostShop]:
    found = HostShop(control_plane, ssh_server)
    found.prepare()
    with found.operator():
        yield found
    found.close()


def test_a_key_pair_is_published_as_it_is_and_each_rotation_keeps_the_one_before_for_the_grace(hosts, tmp_path):
    given = key_pair()
    hosts.server.user("deploy-one", None, f'from="127.0.0.1" {public(given)} laptop', public(ADMIN))
    hosts.apply(*hosts.credential("one", "deploy-one", "SSHKey", given.reveal_text(), projections=[
        {"secretName": "one", "type": "kubernetes.io/ssh-auth"}
    ]))  # fmt: skip
    first = hosts.published("one")
    assert first["ssh-publickey"].strip() == public(given)
    assert (first["username"], first["host"], first["port"]) == ("deploy-one", "127.0.0.1", str(hosts.server.port))
    assert openssh_lets_in(first, tmp_path)
    _, second = hosts.rotated("one", "t1")
    assert openssh_lets_in(second, tmp_path)
    ended = f'from="127.0.0.1" {second["ssh-publickey"].strip()} keyward\n{public(ADMIN)}\n'
    until("the end of the first key", lambda: hosts.keys("deploy-one") == ended)
    assert not openssh_lets_in(first, tmp_path)
    printed = hosts.cluster.kubectl("get", "credential,target", "-n", hosts.namespace)
    assert "ecs/Linux" in printed
    assert "Linux" in printed


def openssh_lets_in(secret: dict[str, str], folder: Path) -> bool:
    """Whether OpenSSH's own client, with nothing but what the Secret holds, is let in."""
    for name in ("ssh-privatekey", "known_hosts"):
        path = folder / name
        path.touch(0o600)
        path.write_text(secret[name], encoding="ascii")
    options = (
        "BatchMode=yes",
        f"UserKnownHostsFile={folder / 'known_hosts'}",
        "IdentitiesOnly=yes",
        "IdentityAgent=none",
    )
    argv = ["ssh", "-F", "none", "-i", str(folder / "ssh-privatekey"), "-p", secret["port"]]
    argv += [word for option in options for word in ("-o", option)]
    where = f"{secret['username']}@{secret['host']}"
    return subprocess.run([*argv, where, "exit 0"], check=False, stdin=subprocess.DEVNULL).returncode == 0


def test_a_password_is_published_as_it_is_and_replaced_by_each_rotation(hosts):
    hosts.server.user("deploy-two", "as-it-was")
    hosts.apply(*hosts.credential("two", "deploy-two", "Password", "as-it-was"))
    assert hosts.published("two")["password"] == "as-it-was"
    _, after = hosts.rotated("two", "t1")
    assert hosts.server.shadow("deploy-two")[1].startswith("$6$")
    assert after["password"] != "as-it-was"
    assert "ssh-privatekey" not in after


def test_a_password_of_root_is_proven_by_shadow_and_the_condition_says_so(hosts):
    hosts.server.run(
        "usermod -p '$6$saltsalt$aTOROfPRCy6HBsfZlcHtx4sUJ.ugEQTrCoAYdyoWvqSDVbD/AXx62qFKSHQ2cX44VRiQ8ruZB1GTAd.ow8YmZ1' root"
    )
    hosts.apply(*hosts.credential("root", "root", "Password", "not-known"))
    said = until("what is said of it", lambda: hosts.condition("root", "Stalled"))
    assert said["reason"] == "ImportedValueUnverified"
    hosts.server.run("cat > /tmp/line && chpasswd -c SHA512 < /tmp/line && rm /tmp/line", "root:of-a-person\n")
    hosts.apply(hosts.credential("root", "root", "Password", "of-a-person")[0])
    assert hosts.published("root")["password"] == "of-a-person"
    _, after = hosts.rotated("root", "t1")
    assert after["password"] != "of-a-person"
    told = until("by what it was proven", lambda: hosts.condition("root", "VerifiedBy"))
    assert told["reason"] == "Shadow"
    assert "VerifiedBy=Shadow" in told["message"]


def test_changed_host_keys_have_to_be_approved(hosts):
    hosts.server.user("deploy-known", "as-it-was")
    hosts.apply(*hosts.credential("known", "deploy-known", "Password", "as-it-was"))
    hosts.published("known")  # the admin Secret vouches for the host by now
    target = hosts.target()
    target["ecs"]["hostKeys"] = target["ecs"]["hostKeys"][:1]
    hosts.apply(hosts.made("Target", "changed", target))
    given, wanted = hosts.credential("three", "deploy-three", "Password", "as-it-was")
    wanted["spec"]["ecs"]["targetRef"]["name"] = "changed"
    hosts.server.user("deploy-three", "as-it-was")
    hosts.apply(given, wanted)
    said = until("what is said of it", lambda: hosts.condition("three", "Stalled"))
    assert said["reason"] == "TargetNotApproved"
    assert "spec.ecs.endpoints or hostKeys of Target changed" in said["message"]
    assert b"deploy-three from" not in hosts.server.log.read_bytes()


def test_a_wrong_first_key_of_a_listed_user_is_mended_by_the_first_rotation(hosts, tmp_path):
    theirs = key_pair()
    hosts.server.user("deploy-wrong", None, f"{public(theirs)} laptop")
    hosts.apply(*hosts.credential("wrong", "deploy-wrong", "SSHKey", key_pair().reveal_text()))
    secret = until("a key that logs in", lambda: hosts.secret("wrong"), 150)
    assert openssh_lets_in(secret, tmp_path)
    assert hosts.keys("deploy-wrong") == f"{public(theirs)} laptop\n{secret['ssh-publickey'].strip()} keyward\n"


def test_a_key_in_another_format_is_kept_in_openssh_s(hosts, tmp_path):
    path = tmp_path / "given"
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-t", "rsa", "-b", "2048", "-m", "PEM", "-f", path], check=True)
    line = (tmp_path / "given.pub").read_text(encoding="ascii")
    hosts.server.user("deploy-pem", None, line.strip())
    hosts.apply(*hosts.credential("pem", "deploy-pem", "SSHKey", path.read_text(encoding="ascii")))
    secret = hosts.published("pem")
    assert secret["ssh-privatekey"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    assert secret["ssh-publickey"].split() == line.split()[:2]


def test_the_admins_own_key_rotates_while_others_rotate_by_it(hosts):
    first, theirs = key_pair(), key_pair()
    hosts.server.admin("deploy-boss", public(first))
    hosts.server.user("deploy-beside", None, public(theirs))
    target = hosts.target() | {"admin": {"secretRef": {"name": "boss"}}, "allowedAccounts": ["deploy-b*"]}
    boss = hosts.credential(
        "boss", "deploy-boss", "SSHKey", first.reveal_text(), deletion={"accounts": "Retain", "secrets": "Retain"}
    )
    beside = hosts.credential("beside", "deploy-beside", "SSHKey", theirs.reveal_text())
    for _, credential in (boss, beside):
        credential["spec"]["ecs"]["targetRef"]["name"] = "own"
    hosts.apply(hosts.made("Target", "own", target), *boss, *beside)
    hosts.published("boss")
    hosts.published("beside")
    log = len(hosts.server.log.read_bytes())
    for number in range(3):
        before = {name: hosts.secret(name) for name in ("boss", "beside")}
        for name in before:
            hosts.annotate(name, "rotate", f"t{number}")
        for name, secret in before.items():
            until(f"a rotation of {name}", lambda name=name, secret=secret: hosts.secret(name) != secret)
    until("the end of the last but one", lambda: hosts.keys("deploy-boss").count("\n") == 1)
    assert hosts.keys("deploy-boss") == f"{hosts.secret('boss')['ssh-publickey'].strip()} keyward\n"
    assert hosts.server.lets_in("deploy-boss", key=hosts.secret("boss")["ssh-privatekey"].encode())
    said = hosts.server.log.read_bytes()[log:]
    # Who holds the key before within a pass is refused at most once for each end of a key, and reads the Secret again.
    assert said.count(b"Connection closed by authenticating user deploy-boss") <= 3


def test_a_password_of_the_admin_s_own_is_not_changed_by_itself(hosts):
    hosts.server.user("deploy-self", "as-it-was")
    target = hosts.target() | {"admin": {"secretRef": {"name": "self"}}}
    given, wanted = hosts.credential("self", "deploy-self", "Password", "as-it-was")
    wanted["spec"]["ecs"]["targetRef"]["name"] = "self"
    hosts.apply(hosts.made("Target", "self", target), given, wanted)
    said = until("what is said of it", lambda: hosts.condition("self", "Stalled"))
    assert said["reason"] == "AdminCycle"
    assert "use secretType SSHKey" in said["message"]
    assert hosts.server.shadow("deploy-self")[1].startswith("$y$")


def test_no_consumer_is_refused_one_login(hosts, tmp_path):
    given = key_pair()
    hosts.server.user("deploy-busy", None, public(given))
    hosts.apply(*hosts.credential("busy", "deploy-busy", "SSHKey", given.reveal_text()))
    hosts.published("busy")
    with consumers(hosts, "busy", tmp_path, CLIENTS, lambda file: program("ssh_client", file, "1")) as busy:
        tally = busy.through(ROTATIONS, 120)
    sys.stderr.write(f"SSH: {len(tally.logins)} logins in {ROTATIONS} rotations, {len(tally.refused)} refused\n")
    never_refused(tally, CLIENTS, ROTATIONS)
    until("the end of the last but one", lambda: len(hosts.keys("deploy-busy").splitlines()) == 1)
    records = hosts.server.records() + hosts.log.read_bytes()
    for edition in busy.follower.editions:
        # The first lines hold the public half, which is no secret.
        for line in str(edition.document["ssh-privatekey"]).splitlines()[3:-1]:
            assert line.encode() not in records
