"""Tales whose rotations are disturbed, and where they are led."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cluster import Cluster
from tests.cluster.postgres import PostgresServer
from tests.kills import process
from tests.kills.chronicle import Chronicle, discover
from tests.kills.lives import CREATION, ROTATION, Kin, Tale
from tests.kills.process import Operator
from tests.kills.stage import Stage, led_on

DUAL, DROPPED, SINGLE, GENERIC = TALES = tuple(
    Tale(kin, (CREATION, ROTATION), (ROTATION,))
    for kin in (Kin("dual create"), Kin("dual create", "Drop"), Kin("single create"), Kin("generic"))
)


@pytest.fixture(scope="module")
def plane(control_plane) -> Cluster:
    """The one that all share; whoever stops it has one of its own."""
    return control_plane


@pytest.fixture(scope="module")
def server(postgres) -> PostgresServer:
    """As `plane`."""
    return postgres


@pytest.fixture(scope="module")
def stage(plane, server) -> Iterator[Stage]:
    with led_on(plane, lambda api: Stage(api, server)) as stage:
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
