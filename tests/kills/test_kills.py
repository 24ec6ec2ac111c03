"""SIGKILL before and after every effect, on a real cluster and a real PostgreSQL, and a new start.

The points are found by a run that nobody disturbs, so an effect that is added tomorrow is swept as well. One kill serves
many Credentials: each of them stands at another point when the process dies.
"""

from __future__ import annotations

import random
import sys
import time
from functools import partial

import pytest
from tests.kills.journey import killed_at_each_point
from tests.kills.lives import AGAIN, CREATION, DELETION, RETURN, ROTATION, TALES, Kin, apply, delete
from tests.kills.points import NOBODY
from tests.kills.process import until_nothing_is_left
from tests.kills.sweep import differences, kill, swept

TURNS = (ROTATION, AGAIN)
ROTATED = {tale.kin: tale for tale in TALES if ROTATION in tale.events}


@pytest.mark.parametrize("tale", TALES, ids=[f"{tale}, {len(tale.events)} events" for tale in TALES])
def test_undisturbed_each_life_goes_as_promised(chronicle, tale):
    """What all kills are compared with: one version per rotation, no role too many, and the end that was wished."""
    reserved = 0
    for event in tale.events:
        found = chronicle.of(tale, event).end
        anew = event is RETURN and tale.kin.deletion == "Drop"
        reserved = (
            1 if anew else reserved + {CREATION: 2 if tale.kin.kind == "dual import" else 1}.get(event, event in TURNS)
        )
        live = [v for v in found["versions"] if v["live"] or event is DELETION]
        if not (event is DELETION and tale.kin.deletion == "at once"):
            assert live[-1]["sequence"] == reserved
            assert not any(v["retired"] for v in live)
        accounts = [role for name, role in found["roles"].items() if name != "_rights"]
        logins = [role["login"] for role in accounts]
        if event is DELETION:
            assert found["credential"] is None
            assert found["secret"] is None
            assert bool(logins) == (tale.kin.logs_in and tale.kin.deletion != "Drop")
            # What we never wrote to carries no mark, and is left as it was imported.
            assert all(role["login"] == (tale.kin.deletion == "Retain" or role["mark"] is None) for role in accounts)
        else:
            assert found["credential"]["conditions"] == {"Ready": "True Projected", "Rotated": "True UpToDate"}
            promoted = max(live, key=lambda v: v["promoted"])
            assert found["secret"]["sequence"] == str(promoted["sequence"])
            assert len(logins) == (0 if not tale.kin.logs_in else 2 if tale.kin.is_dual else 1)
            assert all(logins)


def test_killed_at_any_point_it_ends_as_if_nothing_had_come_between(stage, operator, chronicle):
    killed_at_each_point(stage, operator, chronicle, TALES)


def test_killed_in_what_it_does_beside_it_misses_nothing(stage, operator, chronicle):
    tale = next(tale for tale in TALES if tale.kin == Kin("dual create", "Disable"))
    assert chronicle.beside
    for point in chronicle.beside:
        life = stage.life(tale.kin)
        operator.stand_at({NOBODY: point})
        stage.lose_our_part_of_a_key()
        for event in tale.events:
            event.act(stage, life)
            left = partial(_differs, stage, operator, life, chronicle.of(tale, event).end)
            until_nothing_is_left(f"{event.name} of one who is killed at {point}", left)
        assert not operator.ordered, f"{point} was not passed"
        operator.end()
        stage.clear([life])
        operator.start()


def _differs(stage, operator, life, end) -> list[str]:
    """What is not as recorded; and whoever stands is killed."""
    if operator.ordered and operator.standing(operator.ordered_at):
        operator.kill()
        operator.go_on()
        operator.start()
    return differences(end, stage.looks([life])[life.name])


def test_killed_again_and_again_at_any_moment_of_a_rotation(stage, operator, chronicle):
    seed = random.randrange(2**32)
    sys.stderr.write(f"seed {seed}\n")
    moments = random.Random(seed)
    rotations = [(ROTATED[kin], ROTATION) for kin in (Kin("dual create"), Kin("single create"))]
    with swept(stage, operator, chronicle, rotations) as sweeps:
        lives = [life for sweep in sweeps for life in sweep.lives.values()]
        consumers = stage.consumers()
        with consumers.at_work(lives):
            for sweep in sweeps:
                sweep.begin()
            for _ in range(8):
                time.sleep(moments.uniform(0.1, 1.5))  # any moment is meant
                operator.kill()
                operator.start()
            for sweep in sweeps:
                sweep.until_as_recorded(ROTATION)
        consumers.never_refused()
        for life in lives:
            stage.proves(life)


RETURNS = (
    Kin("dual create", "Retain"),
    Kin("dual create", "Disable"),
    Kin("dual create", "Drop"),
    Kin("single create", "Disable"),
)


def test_deleted_after_a_kill_and_made_again_it_goes_on_with_what_was_reserved(stage, operator, chronicle):
    with swept(stage, operator, chronicle, [(ROTATED[kin], ROTATION) for kin in RETURNS]) as sweeps:
        kill(sweeps)
        lives = [life for sweep in sweeps for life in sweep.lives.values()]
        for life in lives:
            delete(stage, life)
        operator.start()
        until_nothing_is_left(
            "deletion", lambda: [name for name, look in stage.looks(lives).items() if look["credential"]]
        )
        for life in lives:
            apply(stage, life)
        until_nothing_is_left("the return", lambda: {k: v for sweep in sweeps for k, v in sweep.unready().items()})
        for sweep in sweeps:
            sweep.values_kept()
            for point, life in sweep.lives.items():
                _goes_on_with_what_was_reserved(stage, chronicle, sweep, point, life)


def _goes_on_with_what_was_reserved(stage, chronicle, sweep, point, life) -> None:
    stage.proves(life)
    look = stage.looks([life])[life.name]
    reserved = max(v["spec"]["sequence"] for v in sweep.stored[life.name])
    sequences = [v["sequence"] for v in look["versions"] if v["live"]]
    anew = life.kin.deletion == "Drop"
    assert max(sequences) == (1 if anew else reserved), f"killed at {point}: {look}"
    assert set(look["roles"]) == set(chronicle.of(sweep.tale, ROTATION).end["roles"])
