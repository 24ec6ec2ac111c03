"""The cluster as pytest fixtures, one of each kind for a whole session.

Tests share them: each works in namespaces of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cluster import Cluster, acquire


@pytest.fixture(scope="session")
def control_plane() -> Iterator[Cluster]:
    """A cluster that needs no pods."""
    with acquire(need_pods=False) as cluster:
        yield cluster


@pytest.fixture(scope="module")  # an idle node costs as much again, and few files want one
def cluster() -> Iterator[Cluster]:
    """A cluster that runs pods."""
    with acquire(need_pods=True) as cluster:
        cluster.require_pods()
        yield cluster


@pytest.fixture
def target_address(cluster: Cluster) -> str:
    """Where the cluster's pods, and we, reach a server that a test starts."""
    return cluster.require_target_address()
