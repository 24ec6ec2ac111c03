"""One Redis for a whole session of tests; each test works with accounts of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cluster.redis import RedisServer


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A server that writes down everything that it can."""
    with RedisServer(log_statements=True) as server:
        yield server
