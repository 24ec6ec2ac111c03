"""One host with OpenSSH for a whole session of tests; each test works with users of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cluster.sshd import SshServer


@pytest.fixture(scope="session")
def ssh_server() -> Iterator[SshServer]:
    """A host that lets users in by password and by key."""
    with SshServer() as server:
        yield server
