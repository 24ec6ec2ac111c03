"""SIGKILL before and after every effect on a real Redis, and a new start.

It has no place for a mark: whose an account is, and whether a value was sent, stands in our records alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.kills.chronicle import Chronicle, told
from tests.kills.journey import killed_at_each_point
from tests.kills.lives import CREATION, DELETION, ROTATION
from tests.kills.redis import TALES, RedisStage, is_everybodys
from tests.kills.stage import led_on


@pytest.fixture(scope="module")
def stage(control_plane, redis_server) -> Iterator[RedisStage]:
    with led_on(control_plane, lambda api: RedisStage(api, redis_server)) as stage:
        yield stage


@pytest.fixture(scope="module")
def chronicle(stage, operator) -> Chronicle:
    return told(stage, operator, TALES, "Redis", is_everybodys)


@pytest.mark.parametrize("tale", TALES, ids=str)
def test_undisturbed_each_life_goes_as_promised(chronicle, tale):
    """What all kills are compared with."""
    for event in tale.events:
        found = chronicle.of(tale, event).end
        accounts = list(found["roles"].values())
        if event is DELETION:
            assert found["credential"] is None
            assert len(accounts) == (0 if tale.kin.deletion == "Drop" else 2)
            assert not any(role["login"] for role in accounts)
            continue
        assert found["credential"]["conditions"] == {"Ready": "True Projected", "Rotated": "True UpToDate"}
        assert [role["login"] for role in accounts] == [True] * (2 if tale.kin.is_dual else 1)
        assert not found["two passwords"]


def test_killed_at_any_point_it_ends_as_if_nothing_had_come_between(stage, operator, chronicle):
    killed_at_each_point(stage, operator, chronicle, TALES)


def test_the_effects_on_the_server_are_points(chronicle):
    names = {point.name for point in chronicle.of(TALES[0], CREATION).points}
    assert {"apply:send", "apply:after"} < names
    holder = next(tale for tale in TALES if tale.kin.kind == "overlap create")
    assert {"apply:send", "end:send", "end:after"} < {point.name for point in chronicle.of(holder, ROTATION).points}
    dropping = next(tale for tale in TALES if tale.kin.deletion == "Drop")
    assert "drop:send" in {point.name for point in chronicle.of(dropping, DELETION).points}
