"""SIGKILL before and after every effect on users of a real host, and a new start: nobody is locked out, no key is left over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cluster.sshd import SshServer
from tests.kills.chronicle import Chronicle, told
from tests.kills.hosts import TALES, HostStage
from tests.kills.journey import killed_at_each_point
from tests.kills.lives import ROTATION
from tests.kills.stage import led_on


@pytest.fixture(scope="module")
def stage(control_plane) -> Iterator[HostStage]:
    with SshServer() as server, led_on(control_plane, lambda api: HostStage(api, server)) as stage:
        yield stage


@pytest.fixture(scope="module")
def chronicle(stage, operator) -> Chronicle:
    return told(stage, operator, TALES, "hosts")


@pytest.mark.parametrize("tale", TALES, ids=str)
def test_undisturbed_each_life_goes_as_promised(chronicle, tale):
    """What all kills are compared with."""
    for event in tale.events:
        found = chronicle.of(tale, event).end
        assert found["credential"]["conditions"] == {"Ready": "True Projected", "Rotated": "True UpToDate"}
        assert found["keys"] == (0 if "password" in tale.kin.kind else 1)


def test_the_effects_on_the_host_are_points(chronicle):
    names = {point.name for point in chronicle.of(TALES[0], ROTATION).points}
    assert {"apply:send", "apply:after", "end:send", "end:after"} < names
    assert {"apply:send", "apply:after"} < {point.name for point in chronicle.of(TALES[1], ROTATION).points}


def test_killed_at_any_point_it_ends_as_if_nothing_had_come_between(stage, operator, chronicle):
    killed_at_each_point(stage, operator, chronicle, TALES)
