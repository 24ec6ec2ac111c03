"""A MySQL and a MariaDB in turn, for what is their own beside the conformance suite; files on others have a `server` too."""

from __future__ import annotations

import pytest
from tests.cluster.mysql_family import FamilyServer
from tests.engines.conformance.mysql_family import FamilyStage, MariadbStage, MysqlStage


@pytest.fixture(params=["mysql", "mariadb"])
def server(request: pytest.FixtureRequest) -> FamilyServer:
    return request.getfixturevalue(request.param)


@pytest.fixture
def stage(server: FamilyServer) -> FamilyStage:
    return MysqlStage(server) if server.name == "MySQL" else MariadbStage(server)
