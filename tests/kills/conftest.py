"""One stage, one operator and one chronicle for all kills."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cluster import definitions
from tests.kills import process
from tests.kills.api import Api
from tests.kills.chronicle import Chronicle, told
from tests.kills.lives import TALES
from tests.kills.process import Operator
from tests.kills.stage import Stage, led_on, named


@pytest.fixture(scope="module")
def stage(control_plane, postgres) -> Iterator[Stage]:
    with led_on(control_plane, lambda api: Stage(api, postgres)) as stage:
        yield stage


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
    return told(stage, operator, TALES, "PostgreSQL")
