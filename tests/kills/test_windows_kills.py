"""SIGKILL before and after every effect on users of Windows hosts, between the calls of one effect too, and a new start.

One change is a parameter that is made, a command that reads it, and the parameter deleted. Wherever the operator dies, in the
end the password that was reserved is set once, no parameter is left, and the user logs in with what its Secret holds.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.kills.chronicle import Chronicle, everybodys, told
from tests.kills.journey import killed_at_each_point
from tests.kills.lives import CREATION, ROTATION
from tests.kills.process import until, until_nothing_is_left
from tests.kills.stage import led_on
from tests.kills.windows_hosts import TALE, WindowsStage, windows_cloud

MADE, RUN, DELETED = (
    f"call {what}:after" for what in ("create_secret_parameter", "run_command", "delete_secret_parameter")
)


@pytest.fixture(scope="module")
def stage(control_plane, tmp_path_factory) -> Iterator[WindowsStage]:
    with (
        windows_cloud(tmp_path_factory.mktemp("windows-kills")) as cloud,
        led_on(control_plane, lambda api: WindowsStage(api, cloud)) as stage,
    ):
        yield stage


@pytest.fixture(scope="module")
def chronicle(stage, operator) -> Chronicle:
    return told(stage, operator, (TALE,), "Windows hosts", everybodys)


def test_undisturbed_each_life_goes_as_promised(chronicle):
    """What all kills are compared with."""
    for number, event in enumerate(TALE.events):
        found = chronicle.of(TALE, event).end
        assert found["credential"]["conditions"] == {"Ready": "True Projected", "Rotated": "True UpToDate"}
        assert (found["set"], found["parameters"]) == (1 + number, 0)


def test_the_calls_of_each_effect_are_points(chronicle):
    creation, rotation = ([str(p) for p in chronicle.of(TALE, event).points] for event in (CREATION, ROTATION))
    assert {MADE, RUN, DELETED} <= set(creation)
    # The change, whose last call goes by the name of the step; then the proof.
    change = (MADE, "apply:send", RUN, "apply:after")
    wanted = (*change, *(f"{call} #2" for call in (MADE, RUN, DELETED)), "promote:after")
    assert [point for point in rotation if point in wanted] == list(wanted)


def test_killed_at_any_point_it_ends_as_if_nothing_had_come_between(stage, operator, chronicle):
    killed_at_each_point(stage, operator, chronicle, (TALE,))


@pytest.mark.parametrize("runs", ["while nobody is there", "for the next process"])
def test_a_command_that_waits_in_the_cloud_when_the_operator_is_killed_sets_the_value_that_was_reserved(
    stage, operator, runs
):
    life, ecs = stage.life(TALE.kin), stage.cloud.ecs
    person = stage.people[life.role]
    try:
        CREATION.act(stage, life)
        until("the first Secret", lambda: stage.secret(life))
        ecs.held, before = (lambda script: "Set-LocalUser" in script), len(ecs.commands)
        ROTATION.act(stage, life)
        until("a command that waits", lambda: any(map(ecs.held, ecs.commands[before:])))
        operator.kill()
        reserved, parameters = stage.versions(life)[-1], list(stage.cloud.oos.secrets)
        assert (person.set, person.password, len(parameters)) == (1, life.given, 1)
        if runs == "while nobody is there":
            ecs.release()
        since = operator.now()
        operator.start()
        if runs == "for the next process":
            until("a second look", lambda: any(p.name == "apply:send" for p in operator.passed(life.key, since)))
            ecs.release()
        until("the end of the rotation", lambda: stage.secret(life)["password"] != life.given)
        until_nothing_is_left("the end of the parameter", lambda: stage.cloud.oos.secrets)
        stage.proves(life)
        assert person.set == 2
        (current,) = (v for v in stage.versions(life) if v["metadata"]["uid"] == reserved["metadata"]["uid"])
        assert current["envelope"] == reserved["envelope"]
        assert "promoted" in current["record"]
    finally:
        ecs.release()
        operator.end()
        stage.clear([life])
        operator.start()
