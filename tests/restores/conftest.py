"""Lives that have rotated once, and a second control plane for those that are restored elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cluster import acquire, definitions
from tests.kills import process
from tests.kills.api import Api
from tests.kills.process import Operator
from tests.kills.stage import Stage, led_on


@pytest.fixture(scope="module")
def stage(control_plane, postgres) -> Iterator[Stage]:
    with led_on(control_plane, lambda api: Stage(api, postgres)) as stage:
        yield stage


@pytest.fixture(scope="module")
def operator(control_plane, tmp_path_factory) -> Iterator[Operator]:
    process.environment()
    operator = Operator(control_plane.kubeconfig, tmp_path_factory.mktemp("operator"))
    with operator.running():
        yield operator


@pytest.fixture(scope="module")
def elsewhere(stage, tmp_path_factory) -> Iterator[tuple[Stage, Operator]]:
    """Another cluster: the same namespace, the same PostgreSQL, and an operator that is not started yet."""
    with acquire(need_pods=False) as cluster:
        definitions.install(cluster)
        operator = Operator(cluster.kubeconfig, tmp_path_factory.mktemp("elsewhere"))
        with Api(cluster.kubeconfig) as api:
            other = Stage(api, stage.postgres, stage.namespace)
            other.prepare()
            yield other, operator
        operator.end()
