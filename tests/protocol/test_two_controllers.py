"""Two controllers without a Lease: names and compare-and-swap, marks and sessions keep everything right."""

from __future__ import annotations

import random

import pytest
from tests.protocol.test_faults import DEEP, effects_of
from tests.world.faults import Outage, Side
from tests.world.scenario import EVERY, HOUR, INTERVAL, ISSUED, MINUTE, NAME, Interleaving, Scenario

MANAGED = [k for k in EVERY if k != "generic"]


def two(kind: str, *, created: bool) -> Scenario:
    s = Scenario(kind)
    s.apply()
    if created:
        s.settle(10 * MINUTE)
        if kind == "generic":
            s.world.source = b"source-1"
        else:
            s.world.clock.advance(INTERVAL)
    return s


@pytest.mark.parametrize("created", [False, True], ids=["creation", "rotation"])
@pytest.mark.parametrize("kind", EVERY)
def test_one_that_pauses_anywhere_while_the_other_goes_on_does_no_harm(kind, created):
    for away in (MINUTE, 2 * INTERVAL + HOUR):
        for steps in range(60):
            s = two(kind, created=created)
            sleeper = Interleaving(s, 1)
            ended = sleeper.step(0, steps)
            s.settle(away)
            sleeper.finish()
            s.rotate()
            s.finish()
            if ended:
                break


@pytest.mark.parametrize("created", [False, True], ids=["creation", "rotation"])
@pytest.mark.parametrize("kind", EVERY)
def test_two_that_run_at_once_in_any_order_do_no_harm(kind, created):
    for seed in range(40):
        rng = random.Random(seed)
        s = two(kind, created=created)
        race = Interleaving(s, 2)
        while not race.done:
            race.step(rng.randrange(2), rng.choice((1, 1, 2, 5)))
        s.settle(10 * MINUTE)
        expected = (2 if created else 1) + ("dual import" in kind)
        rotations = s.history.current.promoted.number if kind == ISSUED else s.history.highest.sequence
        assert rotations == expected, (seed, [v.name for v in s.history.versions])
        s.rotate()
        s.finish()


@pytest.mark.parametrize("kind", MANAGED)
def test_two_that_ran_at_once_both_say_that_what_is_published_logs_in(kind):
    for seed in range(40):
        rng = random.Random(seed)
        s = two(kind, created=True)
        race = Interleaving(s, 2)
        while not race.done:
            race.step(rng.randrange(2), rng.choice((1, 1, 2, 5)))
        for controller in race.controllers:
            controller.p.yields = False
            s.controllers = [controller]
            s.settle(MINUTE)
            assert "LoginRefused" not in s.state(s.world.api), seed


@pytest.mark.parametrize("kind", MANAGED)
def test_two_that_both_stay_alive_rotate_once_each_time(kind):
    s = two(kind, created=True)
    s.controllers.append(s.start(s.world.api))
    s.settle(10 * MINUTE)
    number = s.history.highest.sequence
    s.rotate()
    s.rotate()
    assert s.history.highest.sequence == number + 2
    s.finish()
    assert NAME in s.world.api.credentials


@pytest.mark.parametrize("kind", MANAGED)
def test_one_that_started_after_a_rotation_fell_due_tells_the_same_time_as_the_other(kind):
    s = two(kind, created=True)
    s.world.faults.outages = (Outage(Side.ENGINE, s.world.clock.real, s.world.clock.real + HOUR),)
    s.controllers.append(s.start(s.world.api))
    s.settle(5 * MINUTE)  # the world sees to it that there is rest
    s.finish()


@pytest.mark.parametrize("kind", EVERY)
def test_one_whose_streams_fell_silent_acts_on_what_was_and_does_no_harm(kind):
    for moment in range(0, len(effects_of(kind)), 1 if DEEP else 2):
        s = Scenario(kind)
        s.apply()
        stale = s.start(s.world.api)
        s.world.faults.at_index(moment, stale.p.freeze)
        s.settle(10 * MINUTE)
        for _ in range(3):
            s.rotate()
        s.controllers.append(stale)
        s.settle(5 * MINUTE)
        stale.p.thaw()
        s.rotate()
        s.finish()
