"""A control plane and a PostgreSQL of these tests' own: they are stopped, and nobody else may notice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cluster import Cluster, acquire, definitions
from tests.cluster.postgres import PostgresServer
from tests.kills import process
from tests.kills.api import Api
from tests.kills.lives import CREATION, ROTATION, Kin, Tale
from tests.kills.process import Operator
from tests.kills.stage import Stage
from tests.kills.sweep import Chronicle, discover

DUAL, DROPPED, SINGLE, GENERIC = TALES = tuple(
    Tale(kin, (CREATION, ROTATION), (ROTATION,))
    for kin in (Kin("dual create"), Kin("dual create", "Drop"), Kin("single create"), Kin("generic"))
)


@pytest.fixture(scope="module")
def plane() -> Iterator[Cluster]:
    with acquire(need_pods=False) as cluster:
        definitions.install(cluster)
        yield cluster


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="module")
def stage(plane, server) -> Iterator[Stage]:
    with Api(plane.kubeconfig) as api:
        stage = Stage(api, server)
        stage.prepare()
        yield stage


@pytest.fixture(scope="module")
def operator(plane, tmp_path_factory) -> Iterator[Operator]:
    process.environment()
    operator = Operator(plane.kubeconfig, tmp_path_factory.mktemp("operator"))
    with operator.running():
        yield operator


@pytest.fixture(scope="module")
def chronicle(stage, operator) -> Chronicle:
    return discover(stage, operator, TALES)
