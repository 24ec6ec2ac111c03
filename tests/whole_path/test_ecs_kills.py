"""The operator is killed while it rotates a key pair: what is published logs in all the time, and the same key goes on."""

from __future__ import annotations

import os
import signal

from tests.cluster.sshd import SshServer
from tests.engines.ssh_system import key_pair, public
from tests.whole_path.test_ecs import HostShop, openssh_lets_in
from tests.whole_path.world import Json, until

MOMENTS = ("applying", "promoted", "retired")


def recorded(shop: HostShop, sequence: int, moment: str) -> Json | None:
    """The version of this number once it, or for `retired` the one before it, has that record."""
    found = {v["spec"]["sequence"]: v for v in shop.versions("killed")}
    asked = found.get(sequence - (moment == "retired"), {})
    return found.get(sequence) if moment in (asked.get("record") or {}) else None


def test_killed_at_each_record_of_a_rotation_nobody_is_locked_out_and_the_same_key_goes_on(control_plane, tmp_path):
    given = key_pair()
    with SshServer() as server:
        server.user("deploy-killed", None, public(given))
        shop = HostShop(control_plane, server, "killed-hosts")
        shop.prepare()
        shop.apply(*shop.credential("killed", "deploy-killed", "SSHKey", given.reveal_text()))
        with shop.operator():
            shop.published("killed")
        for number, moment in enumerate(MOMENTS):
            with shop.operator() as operator:
                before = shop.versions("killed")[-1]["spec"]["sequence"]
                shop.annotate("killed", "rotate", f"t{number}")
                version = until(
                    f"the record {moment}", lambda n=before + 1, m=moment: recorded(shop, n, m), pause=0.005
                )
                os.kill(operator.pid, signal.SIGKILL)
                operator.process.wait(30)
            assert openssh_lets_in(shop.secret("killed"), tmp_path)
            with shop.operator():
                until("the new Secret", lambda n=before + 1: _sequence(shop) == n)
                until("the end of the key before", lambda: len(shop.keys("deploy-killed").splitlines()) == 1)
            assert openssh_lets_in(shop.secret("killed"), tmp_path)
            newest = shop.versions("killed")[-1]
            assert newest["spec"]["sequence"] == before + 1
            assert newest["envelope"] == version["envelope"]
        shop.close()


def _sequence(shop: HostShop) -> int:
    found = shop.get("secret", "killed")
    return int(found["metadata"]["annotations"]["keyward.dev/sequence"]) if found else 0
