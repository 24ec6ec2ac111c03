"""SIGKILL before and after every effect on users whom Cloud Assistant's API changes, and a new start: nobody is locked out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.kills.chronicle import Chronicle, told
from tests.kills.cloud_hosts import CloudStage, cloud_host
from tests.kills.journey import killed_at_each_point
from tests.kills.lives import CREATION, ROTATION, Kin, Tale
from tests.kills.stage import led_on

# A first creation proves what is given, and changes nothing through the cloud.
TALES = tuple(
    Tale(Kin(kind, "Retain"), (CREATION, ROTATION), (ROTATION,))
    for kind in ("overlap, key import", "single, password import")
)


@pytest.fixture(scope="module")
def stage(control_plane, tmp_path_factory) -> Iterator[CloudStage]:
    with (
        cloud_host(tmp_path_factory.mktemp("ecs-kills")) as (server, cloud),
        led_on(control_plane, lambda api: CloudStage(api, server, cloud)) as stage,
    ):
        yield stage


@pytest.fixture(scope="module")
def chronicle(stage, operator) -> Chronicle:
    return told(stage, operator, TALES, "hosts of the cloud")


def test_the_effects_on_the_host_are_points(chronicle):
    names = {point.name for point in chronicle.of(TALES[0], ROTATION).points}
    assert {"apply:send", "apply:after", "end:send", "end:after"} < names
    assert {"apply:send", "apply:after"} < {point.name for point in chronicle.of(TALES[1], ROTATION).points}


def test_killed_at_any_point_it_ends_as_if_nothing_had_come_between(stage, operator, chronicle):
    killed_at_each_point(stage, operator, chronicle, TALES)
    # Whatever was sent twice was one run, or changed nothing the second time.
    assert all(i.ran is not None for i in stage.cloud.ecs.invocations.values())
