"""A real API server with the CRDs of this tree, and a namespace of our own."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.api import objects
from tests.api.server import Server, install, unique, wait_until_served

CRDS = sorted((Path(__file__).parents[2] / "crds").glob("*.yaml"))


@pytest.fixture(scope="session")
def server(control_plane):
    install(control_plane.kubeconfig, CRDS)
    wait_until_served(control_plane)
    namespace = unique("api")
    control_plane.kubectl("create", "namespace", namespace)
    found = Server(control_plane.kubeconfig, namespace)
    yield found
    found.close()
    control_plane.kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.fixture
def stored(server):
    """Creates objects under names of their own and removes them again."""
    made = []

    def create(item):
        named = objects.named(item, unique("t"))
        found = server.create(named)
        made.append(found)
        return found

    yield create
    for item in made:
        server.delete(item)
