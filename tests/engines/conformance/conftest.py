"""The stages of the suite: each test runs once on each."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.engines.conformance.mysql_family import MariadbStage, MysqlStage
from tests.engines.conformance.postgresql import PostgresStage
from tests.engines.conformance.redis import RedisStage
from tests.engines.conformance.stage import Stage

STAGES: dict[str, tuple[str, Callable[..., Stage]]] = {
    "PostgreSQL": ("postgres", PostgresStage),
    "MySQL": ("mysql", MysqlStage),
    "MariaDB": ("mariadb", MariadbStage),
    "Redis": ("redis_server", RedisStage),
}


@pytest.fixture(params=STAGES)
def stage(request: pytest.FixtureRequest) -> Stage:
    """A real server of one kind."""
    server, kind = STAGES[request.param]
    return kind(request.getfixturevalue(server))
