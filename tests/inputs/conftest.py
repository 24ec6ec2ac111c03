"""The server of these tests: it writes down every connection."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cluster.postgres import PostgresServer


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """Beside the session's own: what is counted here is nobody else's."""
    settings = {"log_connections": "on", "log_line_prefix": "%m user=%u "}
    with PostgresServer(log_statements=True, settings=settings) as server:
        yield server
