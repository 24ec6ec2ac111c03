"""SIGKILL before and after every effect on a real Redis Cluster of six nodes: an account that holds two values, and a pair.

What a kill leaves is the same everywhere, or the next start makes it so: no node refuses what another one takes.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cluster.redis_groups import clustered
from tests.kills.chronicle import Chronicle, told
from tests.kills.journey import killed_at_each_point
from tests.kills.lives import ROTATION
from tests.kills.redis import CLUSTERED, RedisClusterStage, is_everybodys
from tests.kills.stage import led_on


@pytest.fixture(scope="module")
def stage(control_plane) -> Iterator[RedisClusterStage]:
    with clustered() as group, led_on(control_plane, lambda api: RedisClusterStage(api, group)) as stage:
        yield stage


@pytest.fixture(scope="module")
def chronicle(stage, operator) -> Chronicle:
    return told(stage, operator, CLUSTERED, "a Redis Cluster", is_everybodys)


def test_killed_at_any_point_it_ends_as_if_nothing_had_come_between(stage, operator, chronicle):
    ended = {True: {"apply:send", "apply:after"}, False: {"apply:send", "end:send", "end:after"}}
    for tale in CLUSTERED:
        assert not any(chronicle.of(tale, event).end["two passwords"] for event in tale.events)
        assert ended[tale.kin.is_dual] < {p.name for p in chronicle.of(tale, ROTATION).points}
    killed_at_each_point(stage, operator, chronicle, CLUSTERED)
