"""The host with OpenSSH that tests get: users and files of its own, and nothing of it on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cluster import owned, process, remains
from tests.cluster.sshd import SshServer
from tests.cluster_tests.helpers import python

HELD = """
import signal
from tests.cluster.sshd import SshServer
with SshServer() as host:
    host.user("somebody", "a password")
    print(host.port, flush=True)
    signal.pause()
"""


def test_its_users_and_mounts_are_its_own_and_nothing_is_left():
    before = Path("/etc/passwd").read_bytes(), Path("/etc/shadow").read_bytes()
    with SshServer() as host:
        host.user("somebody", "a password")
        assert host.run("stat -c %U /home/somebody") == "somebody\n"
        assert (Path("/etc/passwd").read_bytes(), Path("/etc/shadow").read_bytes()) == before
        assert remains.mounts(host.folder) == []
        folder = host.folder
    assert not folder.exists()
    assert not process.accepts(host.port)


def test_its_users_are_as_useradd_makes_them():
    with SshServer() as host:
        host.run("useradd --badname -m -s /bin/sh theirs")
        host.user("ours")

        def of(name: str) -> str:
            files = ("passwd", "shadow", "group", "gshadow")
            lines = [line for file in files for line in host.path(f"/etc/{file}").read_text().splitlines()]
            number = host.run(f"id -u {name}").strip()
            found = [line for line in lines if line.startswith(f"{name}:")]
            found.append(host.run(f"stat -c '%a %u %g' /home/{name}; id {name}"))
            return "\n".join(found).replace(name, "NAME").replace(number, "NUMBER")

        assert of("ours") == of("theirs")
        before = host.run("cat /etc/passwd /etc/shadow /etc/group /etc/gshadow")
        host.user("gone")
        host.drop({"gone"})
        assert host.run("cat /etc/passwd /etc/shadow /etc/group /etc/gshadow; ls /home") == f"{before}ours\ntheirs\n"


def test_an_outage_ends_and_its_users_are_there():
    with SshServer() as host:
        host.user("somebody", "a password")
        host.stop()
        assert not process.accepts(host.port)
        host.start()
        assert host.shadow("somebody")[0] == "somebody"


def test_two_hosts_know_nothing_of_each_other():
    with SshServer() as one, SshServer() as other:
        one.user("somebody")
        with pytest.raises(process.ServerError):
            other.run("id somebody")


def test_what_a_killed_run_left_is_ended_by_the_next(own_runs: Path):
    child = python(HELD)
    assert child.stdout is not None
    port = int(child.stdout.readline())
    assert process.accepts(port)
    child.kill()
    child.communicate()
    assert len(owned.sweep()) == 1
    assert not process.accepts(port)
    assert list(owned.runs_folder().iterdir()) == []
