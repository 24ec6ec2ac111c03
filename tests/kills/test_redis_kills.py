"""SIGKILL before and after every effect on a real Redis, and a new start.

It has no place for a mark: whose an account is, and whether a value was sent, stands in our records alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from tests.cluster import definitions
from tests.kills.api import Api
from tests.kills.lives import AGAIN, CREATION, DELETION, RETURN, ROTATION
from tests.kills.process import until_nothing_is_left
from tests.kills.redis import TALES, RedisConsumers, RedisStage
from tests.kills.sweep import Chronicle, discover, kill, swept

EVENTS = (CREATION, ROTATION, AGAIN, DELETION, RETURN)


@pytest.fixture(scope="module")
def stage(control_plane, redis_server) -> Iterator[RedisStage]:
    definitions.install(control_plane)
    with Api(control_plane.kubeconfig) as api:
        stage = RedisStage(api, redis_server)
        stage.prepare()
        yield stage
        stage.leave()


@pytest.fixture(scope="module")
def chronicle(stage, operator) -> Chronicle:
    found = discover(stage, operator, TALES)
    for record in found.records.values():
        # What a look at the servers adds to the status comes at a moment of its own, or with another of its writes.
        record.points = [point for point in record.points if point.step != "status" or point.nth == 1]
    points = sum(len(found.of(tale, event).points) for tale in TALES for event in tale.swept)
    sys.stderr.write(f"kills of Redis: {points} points\n")
    return found


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
        assert [role["login"] for role in accounts] == [True, True]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_killed_at_any_point_it_ends_as_if_nothing_had_come_between(stage, operator, chronicle, event):
    with swept(stage, operator, chronicle, [(tale, event) for tale in TALES if event in tale.swept]) as sweeps:
        lives = [life for sweep in sweeps for life in sweep.lives.values()]
        consumers = RedisConsumers(stage.api.kubeconfig, stage.server.ca_file)
        with consumers.at_work(lives if event.publishes else ()):
            kill(sweeps)
            operator.start()
            for sweep in sweeps:
                sweep.until_as_recorded(event)
            until_nothing_is_left("logins of everybody", consumers.without_a_login)
        consumers.never_refused()
        for sweep in sweeps:
            sweep.values_kept()
        for life in lives if event.publishes else ():
            stage.proves(life)


def test_the_effects_on_the_server_are_points(chronicle):
    names = {point.name for point in chronicle.of(TALES[0], CREATION).points}
    assert {"apply:before", "apply:send"} < names
    dropping = next(tale for tale in TALES if tale.kin.deletion == "Drop")
    assert "drop:send" in {point.name for point in chronicle.of(dropping, DELETION).points}
