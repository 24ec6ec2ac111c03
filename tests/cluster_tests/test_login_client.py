"""The login client on a real host: whom it is let in as, and why it is not; the other servers are its everyday in other tests."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.cluster import binaries
from tests.cluster.process import free_port
from tests.cluster.sshd import SshServer
from tests.engines.ssh_system import key_pair, public

USERS, STRANGERS = key_pair(), key_pair()


@dataclass(slots=True)
class Mounted:
    """A folder as a pod has it from a Secret."""

    server: SshServer
    folder: Path

    def logs_in(self, **other: Any) -> dict[str, Any]:
        """The line of one login."""
        port = other.pop("port", self.server.port)
        said = {
            "version": "v3",
            "username": "loginclient",
            "ssh-privatekey": USERS.reveal_text(),
            "host": "127.0.0.1",
            "port": port,
        }
        known = other.pop("host_keys", self.server.host_keys())
        (self.folder / "credential.json").write_text(json.dumps(said | other))
        (self.folder / "known_hosts").write_text("".join(f"[127.0.0.1]:{port} {key}\n" for key in known))
        program = binaries.ensure(binaries.CLIENT) / "loginclient"
        argv = [program, "-credential", self.folder, "-count", "1", "-interval", "1ms"]
        answer = subprocess.run(argv, capture_output=True, text=True, check=True)
        found: dict[str, Any] = json.loads(answer.stdout)
        return found


@pytest.fixture(scope="module")
def host() -> Iterator[SshServer]:
    with SshServer() as server:
        server.user("loginclient", None, public(USERS))
        yield server


@pytest.fixture
def mounted(host: SshServer, tmp_path: Path) -> Mounted:
    return Mounted(host, tmp_path)


def test_it_is_let_in_with_the_key_of_the_file(mounted: Mounted) -> None:
    line = mounted.logs_in()
    assert (line["ok"], line["user"], line["version"]) == (True, "loginclient", "v3")


def test_another_key_is_a_refusal(mounted: Mounted) -> None:
    line = mounted.logs_in(**{"ssh-privatekey": STRANGERS.reveal_text()})
    assert (line["ok"], line["refused"], line["code"]) == (False, True, "publickey")


def test_a_host_with_another_key_gets_no_login_and_that_is_no_refusal(mounted: Mounted) -> None:
    before = mounted.server.log.read_bytes().count(b"Accepted")
    line = mounted.logs_in(host_keys=(public(STRANGERS),))
    assert (line["ok"], line["refused"], line["code"]) == (False, False, "host_key")
    assert mounted.server.log.read_bytes().count(b"Accepted") == before


def test_a_host_that_is_down_and_a_file_with_no_key_are_told_apart(mounted: Mounted) -> None:
    assert mounted.logs_in(port=free_port())["code"] == "connect"
    assert mounted.logs_in(**{"ssh-privatekey": "none"})["code"] == "key"
