"""One stage, one operator and one chronicle for all kills."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from tests.cluster import definitions
from tests.kills import process
from tests.kills.api import Api
from tests.kills.lives import TALES
from tests.kills.process import Operator
from tests.kills.stage import Stage, named
from tests.kills.sweep import Chronicle, discover


@pytest.fixture(scope="module")
def stage(control_plane, postgres) -> Iterator[Stage]:
    definitions.install(control_plane)
    with Api(control_plane.kubeconfig) as api:
        stage = Stage(api, postgres)
        stage.prepare()
        yield stage
        stage.leave()


@pytest.fixture(scope="module")
def operator(control_plane, tmp_path_factory) -> Iterator[Operator]:
    process.environment()
    definitions.install(control_plane)
    with Api(control_plane.kubeconfig) as api:
        api.create(named("Namespace", "keyward-system"))
    operator = Operator(control_plane.kubeconfig, tmp_path_factory.mktemp("operator"))
    with operator.running():
        yield operator


@pytest.fixture(scope="module")
def chronicle(stage, operator) -> Chronicle:
    found = discover(stage, operator, TALES)
    points = sum(len(found.of(tale, event).points) for tale in TALES for event in tale.swept)
    sys.stderr.write(f"kills: {points} points of {sum(len(tale.swept) for tale in TALES)} events\n")
    return found
