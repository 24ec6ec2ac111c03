"""One PostgreSQL for a whole session of tests; each test works with databases and roles of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cluster.newest_postgres import NewestPostgresServer
from tests.cluster.postgres import PostgresServer


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server that logs every statement."""
    with PostgresServer(log_statements=True) as server:
        yield server


@pytest.fixture(scope="session")
def newest_postgres() -> Iterator[PostgresServer]:
    """One of Debian's newest suite, that logs every statement too."""
    with NewestPostgresServer(log_statements=True) as server:
        yield server
