"""SIGKILL around RETAIN CURRENT PASSWORD and DISCARD OLD PASSWORD on a real MySQL: done twice, they would end a value in use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cluster.mysql import MysqlServer
from tests.kills.chronicle import Chronicle, told
from tests.kills.family import MYSQL, OVERLAPS, FamilyStage
from tests.kills.journey import killed_at_each_point
from tests.kills.lives import BACK, LEAK, ROTATION
from tests.kills.stage import led_on


@pytest.fixture(scope="module")
def stage(control_plane) -> Iterator[FamilyStage]:
    with MysqlServer(settings=MYSQL) as server, led_on(control_plane, lambda api: FamilyStage(api, server)) as stage:
        yield stage


@pytest.fixture(scope="module")
def chronicle(stage, operator) -> Chronicle:
    return told(stage, operator, OVERLAPS, "overlaps")


def test_undisturbed_one_account_holds_two_values_until_the_grace_is_over(chronicle):
    for tale in OVERLAPS:
        long = tale.kin.kind.endswith("for long")
        for event in tale.events:
            assert chronicle.of(tale, event).end["two passwords"] is (long and event in (ROTATION, BACK))
    names = {point.name for point in chronicle.of(OVERLAPS[0], ROTATION).points}
    assert {"apply:send", "end:send", "end:after"} < names
    # The leak after going back: current changes places with the newer value, which is discarded then.
    assert "sql ALTER USER:after" in {point.name for point in chronicle.of(OVERLAPS[2], LEAK).points}


def test_killed_at_any_point_it_ends_as_if_nothing_had_come_between(stage, operator, chronicle):
    killed_at_each_point(stage, operator, chronicle, OVERLAPS)
