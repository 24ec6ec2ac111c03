"""Every single fault at every effect, pairs of them, and outages of any start and length (protocol §13).

`KEYWARD_DEEP=1` walks all pairs and a finer grid of outages; the ordinary run takes a fixed part of them.
"""

from __future__ import annotations

import functools
import itertools
import os
from datetime import timedelta

import pytest
from tests.world.clock import START
from tests.world.faults import Hit, Kind, Outage, Side
from tests.world.scenario import EVERY, INTERVAL, ISSUED, KINDS, MINUTE, UNMARKED, Scenario

DEEP = os.environ.get("KEYWARD_DEEP") == "1"


def life(kind: str, *hits: Hit, outages: tuple[Outage, ...] = ()) -> Scenario:
    """Creation and three rotations."""
    s = Scenario(kind, *hits, outages=outages)
    s.apply()
    s.settle(10 * MINUTE)
    for _ in range(3):
        s.rotate()
    s.finish()
    return s


@functools.cache
def effects_of(kind: str) -> tuple[str, ...]:
    """Of creation and two rotations: those of the third are the second's again, and it is led to tell what a fault left."""
    s = Scenario(kind)
    s.apply()
    s.settle(10 * MINUTE)
    for _ in range(2):
        s.rotate()
    return tuple(s.world.faults.trace)


@pytest.mark.parametrize("fault", list(Kind))
@pytest.mark.parametrize("kind", [*KINDS, *UNMARKED])
def test_any_single_fault_at_any_effect_is_survived(kind, fault):
    for index in range(len(effects_of(kind))):
        s = life(kind, Hit(fault, index))
        assert one_version_per_rotation(s), (index, effects_of(kind)[index])


@pytest.mark.parametrize("delay", [timedelta(seconds=4), timedelta(minutes=2), timedelta(hours=7)], ids=str)
@pytest.mark.parametrize("kind", [*KINDS, *UNMARKED])
def test_a_request_that_arrives_long_after_its_answer_was_given_up_does_no_harm(kind, delay):
    for index in range(len(effects_of(kind))):
        life(kind, Hit(Kind.LATE, index, delay))


@pytest.mark.parametrize("kind", ["dual create", "overlap create", ISSUED])
def test_a_secret_that_is_written_late_and_whose_writer_died_gives_its_readers_the_whole_grace(kind):
    for index in [i for i, name in enumerate(effects_of(kind)) if name.startswith("put secret")]:
        for seconds, death in itertools.product((1, 4, 30), (1, 2, 3)):
            late = Hit(Kind.LATE, index, timedelta(seconds=seconds))
            life(kind, late, Hit(Kind.KILL_BEFORE, index + death))


def one_version_per_rotation(s: Scenario) -> bool:
    """Each rotation ended with the value that was reserved for it, and reserved no second one."""
    if s.kind == ISSUED:  # an intent that is lost has a successor: what counts is what became current
        return s.history.current.promoted.number == 4
    imported = 1 if "dual import" in s.kind else 0
    return s.history.highest.sequence == 4 + imported


@pytest.mark.parametrize("kind", EVERY)
def test_any_two_faults_are_survived(kind):
    hits = [Hit(fault, index) for index in range(len(effects_of(kind)) + 2) for fault in Kind]
    pairs = [pair for pair in itertools.combinations(hits, 2) if pair[0].index < pair[1].index]
    for pair in pairs if DEEP else pairs[7 :: max(1, len(pairs) // 120)]:
        life(kind, *pair)


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("kind", EVERY)
def test_an_outage_of_any_start_and_length_is_survived(kind, side):
    step = 0.02 if DEEP else 0.08
    creation = [step * n for n in range(int(0.6 / step))]
    due = INTERVAL.total_seconds()
    rotations = [base + offset for base in (due, 2 * due) for offset in range(-1000, 700, 100 if DEEP else 400)]
    lives: list[Scenario] = []
    for start in (*creation, *rotations):
        for length in (0.03, 2, 400, 3600, 8 * 3600) if DEEP else (0.03, 400, 8 * 3600):
            begins = START + timedelta(seconds=start)
            outage = Outage(side, begins, begins + timedelta(seconds=length))
            if not any(_was_led(outage, s) for s in lives):
                lives.append(life(kind, outages=(outage,)))


def _was_led(outage: Outage, s: Scenario) -> bool:
    """Whether a life was this one, to the letter: nothing in it can tell the outage that it had from this one.

    Lives differ by nothing but what their calls are answered, and by when their end is waited for.
    """
    ends = [max(s.ended, o.end) for o in (outage, *s.world.faults.outages)]
    return len(set(ends)) == 1 and all(outage.hits(side, now) is hit for side, now, hit in s.world.faults.asked)


@pytest.mark.parametrize("kind", [k for k in EVERY if k != "generic"])
def test_an_outage_right_at_the_moment_of_an_effect_is_survived(kind):
    for side, length, name in itertools.product(
        Side, (1, 900, 5 * 3600), ("create v", "apply", "record", "put secret")
    ):
        s = Scenario(kind)
        s.apply()
        s.settle(10 * MINUTE)
        s.at(name, functools.partial(_break_now, s, side, length))
        for _ in range(3):
            s.rotate()
        s.finish()


def _break_now(s: Scenario, side: Side, seconds: int) -> None:
    now = s.world.clock.real
    s.world.faults.outages = (Outage(side, now, now + timedelta(seconds=seconds)),)


@pytest.mark.parametrize(
    ("kind", "first", "rotation"),
    [
        ("generic", 3, 3),
        ("dual create", 5, 5),
        ("dual import", 7, 5),
        ("single create", 5, 5),
        ("single import", 5, 5),
        ("overlap create", 5, 6),  # the previous value is ended by itself, and that is recorded
        (
            ISSUED,
            5,
            8,
        ),  # the intent, that it is sent, its value, promotion, Secret, the end of the one before, pruning, status
        ("dual create unmarked", 6, 6),  # what no mark can tell is recorded right before it is sent
        ("single import unmarked", 5, 6),
    ],
)
def test_each_write_earns_its_place(kind, first, rotation):
    """First creation of a generic credential: version, Secret, status. A rotation: reserve, promote, project, prune, status."""
    s = Scenario(kind)
    s.apply()
    s.settle(10 * MINUTE)
    assert len(s.world.api.writes) == first, s.world.api.writes
    s.rotate()
    s.rotate()
    before = len(s.world.api.writes)
    s.rotate()
    assert len(s.world.api.writes) - before == rotation, s.world.api.writes[before:]
