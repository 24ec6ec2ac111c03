"""A clock that is set back: what was recorded in the future holds nothing back for longer than it would have."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.world.faults import Outage, Side
from tests.world.scenario import EVERY, HOUR, INTERVAL, KINDS, MINUTE, NAME, ran

MANAGED = [kind for kind in KINDS if kind != "generic"]
BACK = timedelta(days=2)


@pytest.mark.parametrize("kind", EVERY)
def test_a_clock_that_is_set_back_rotates_late_at_worst(kind):
    s = ran(kind)
    number = s.history.highest.sequence
    s.world.clock.skew = -timedelta(days=2)
    s.settle(HOUR)
    assert s.history.highest.sequence == number
    s.settle(timedelta(days=2) + 2 * INTERVAL)
    s.finish()


@pytest.mark.parametrize("kind", MANAGED)
def test_a_rotation_that_is_asked_for_waits_the_grace_and_not_until_the_clock_has_caught_up(kind):
    s = ran(kind, 2)
    s.apply(rotate="first")
    s.settle(10 * MINUTE)
    value = s.value()
    s.world.clock.skew -= BACK
    s.apply(rotate="second")
    s.settle(20 * MINUTE)  # the world sees to it that no reader was refused within the grace
    assert s.value() != value


def test_two_that_noticed_it_at_different_times_do_not_rewrite_the_status_by_turns():
    s = ran("dual create", 2)
    value = s.value()
    s.world.clock.skew -= BACK
    s.settle(2 * MINUTE)
    s.controllers.append(s.start(s.world.api))
    s.apply(rotate="now")
    s.settle(MINUTE)  # the world sees to it that there is rest
    assert s.world.api.credentials[NAME].status["waiting"]["reason"] == "Grace"
    s.settle(20 * MINUTE)
    assert s.value() != value


def test_the_grace_after_a_write_of_the_future_is_kept_whole():
    s = ran("dual create", 2)
    s.apply(rotate="first")
    s.settle(HOUR)
    s.apply(rotate="second")
    s.at("status", lambda: setattr(s.world.clock, "skew", -BACK))
    s.settle(HOUR)
    value, set_at = s.value(), s.world.clock.real
    s.apply(rotate="third")
    while s.value() == value:
        s.settle(timedelta(seconds=20))
    assert s.world.clock.real - set_at < 6 * MINUTE


@pytest.mark.parametrize("kind", MANAGED)
def test_a_failure_of_the_future_is_tried_again_at_once(kind):
    s = ran(kind, 2)
    value = s.value()
    s.world.faults.outages = (Outage(Side.ENGINE, s.world.clock.real, s.world.clock.real + 3 * HOUR),)
    s.apply(rotate="now")
    s.settle(2 * HOUR)
    s.world.clock.skew -= BACK
    s.settle(HOUR)
    assert s.value() == value
    s.settle(20 * MINUTE)
    assert s.value() != value


def test_a_drift_login_of_the_future_is_followed_by_the_next_one():
    s = ran("single create", 2)
    s.settle(3 * HOUR)
    s.world.clock.skew -= BACK
    s.world.excused = set(s.wish.accounts)
    current = s.history.current
    s.world.server.accounts[current.account].password = b"by hand"
    s.settle(HOUR)
    assert s.history.current.sequence > current.sequence
