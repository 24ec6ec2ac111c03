"""SIGKILL before and after every effect on users whom Cloud Assistant's API changes, and a new start: nobody is locked out."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from tests.cloud.ecs import changes
from tests.kills.chronicle import Chronicle, told
from tests.kills.cloud_hosts import CloudStage, cloud_host
from tests.kills.journey import killed_at_each_point
from tests.kills.lives import CREATION, ROTATION, Kin, Life, Tale
from tests.kills.points import Point
from tests.kills.process import Operator, until_nothing_is_left
from tests.kills.stage import led_on
from tests.kills.sweep import all_as_recorded, swept

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


def test_killed_while_a_command_is_running_the_next_one_finds_that_very_run(stage, operator, chronicle):
    """What is set, and the end of the key before: neither is sent a second time while the first is not over."""
    ecs = stage.cloud.ecs
    less = chronicle.only(lambda point: point == Point("apply:send"))
    with swept(stage, operator, less, [(tale, ROTATION) for tale in less.tales]) as sweeps:
        lives = [life for sweep in sweeps for life in sweep.lives.values()]
        keys = [life for life in lives if life.has_keys]
        consumers = stage.consumers()
        with consumers.at_work(lives):
            ecs.held, since = changes, operator.now()
            for sweep in sweeps:
                sweep.since = since
                sweep.begin()
            found_again(stage, operator, lives)
            ecs.held = changes
            found_again(stage, operator, keys)
            all_as_recorded([(sweep, ROTATION) for sweep in sweeps])
        for life in lives:
            stage.proves(life)
        assert all(one.ended - one.read > life.grace for life in keys for one in consumers.refused(life))


def found_again(stage: CloudStage, operator: Operator, lives: list[Life]) -> None:
    """Killed when a command of each of these is running; it is over once the next operator has asked for it."""
    ecs = stage.cloud.ecs
    until_nothing_is_left("a command of each", lambda: [x.name for x in lives if not runs(running(stage), x)])
    operator.kill()
    before = running(stage)
    ecs.found.clear()
    operator.start()
    until_nothing_is_left("a question for each", lambda: [x.name for x in lives if not ecs.found[runs(before, x)]])
    assert running(stage) == before
    ecs.release()


def running(stage: CloudStage) -> dict[str, str]:
    """Commands that change something and are not over."""
    return {id_: script for id_, script in stage.cloud.ecs.running().items() if changes(script)}


def runs(commands: dict[str, str], life: Life) -> str:
    """Which of these is this life's; empty if none is."""
    found = [id_ for id_, script in commands.items() if re.search(rf"\b{life.role}\b", script)]
    assert len(found) <= 1, found
    return found[0] if found else ""
