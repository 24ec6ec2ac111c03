"""One MySQL and one MariaDB for a whole session of tests; each test works with databases and accounts of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cluster.mariadb import MariadbServer
from tests.cluster.mysql import MysqlServer


@pytest.fixture(scope="session")
def mysql() -> Iterator[MysqlServer]:
    """A server that writes down every statement."""
    with MysqlServer(log_statements=True) as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariadbServer]:
    """A server that writes down every statement."""
    with MariadbServer(log_statements=True) as server:
        yield server
