"""One account that holds two values: the older one ends after the grace, never the only one that logs in (protocol §5, §6)."""

from __future__ import annotations

import pytest
from tests.world.scenario import HOUR, INTERVAL, MINUTE, OVERLAPS, Scenario
from tests.world.world import GRACE

from keyward.domain.version import RetiredAs


def ran(kind: str = "overlap create", rotations: int = 1) -> Scenario:
    s = Scenario(kind)
    s.apply()
    s.settle(10 * MINUTE)
    for _ in range(rotations):
        s.rotate()
        s.settle(10 * MINUTE)
    return s


def lets_in(s: Scenario, value: bytes) -> bool:
    return s.world.server.would_let_in(s.wish.accounts[0], value)


def test_the_previous_value_logs_in_for_the_grace_and_no_longer():
    s = ran()
    before = s.value()
    s.apply(rotate="now")
    s.settle(GRACE - MINUTE)
    assert s.value() != before
    assert lets_in(s, before)
    s.settle(2 * MINUTE)
    assert not lets_in(s, before)
    s.finish()


def test_between_two_rotations_the_value_before_current_is_ended():
    """A third value would throw the first one away, within its grace or not."""
    s = ran()
    for text in ("a", "b", "c"):
        s.apply(rotate=text)
        s.settle(MINUTE)
    s.settle(HOUR)
    s.finish()
    assert s.history.highest.sequence == 4  # "b" was replaced before it was acted on


def test_while_a_secret_is_not_written_its_value_is_not_ended():
    s = ran()
    held = s.value()
    for controller in s.controllers:
        controller.p.refuses_secrets = True
    s.settle(4 * INTERVAL)
    assert s.value() == held
    assert lets_in(s, held)
    s.world.check()


def test_nothing_is_ended_while_rotation_is_suspended():
    s = ran()
    before = s.value()
    s.apply(rotate="now")
    s.settle(MINUTE)
    s.edit(suspended=True)
    s.settle(HOUR)
    assert lets_in(s, before)
    s.edit(suspended=False)
    s.settle(HOUR)
    assert not lets_in(s, before)
    s.finish()


def test_going_back_within_the_grace_ends_the_newer_value_and_the_next_rotation_goes_on():
    s = ran()
    first = s.value()
    s.apply(rotate="now")
    s.settle(MINUTE)
    second = s.value()
    s.apply(promote=s.history.previous.version_id)
    s.settle(MINUTE)
    assert s.value() == first
    assert lets_in(s, second)
    s.settle(2 * GRACE)
    assert s.value() == first
    assert lets_in(s, first)
    assert not lets_in(s, second)
    s.rotate()
    s.settle(HOUR)
    s.finish()
    assert not lets_in(s, first)


def test_going_back_to_a_value_that_was_ended_is_refused_in_words():
    s = ran()
    s.apply(rotate="now")
    s.settle(2 * MINUTE)
    ended = s.history.previous.version_id
    s.settle(HOUR)
    held = s.value()
    s.apply(promote=ended)
    s.settle(HOUR)
    assert s.value() == held
    assert "UnknownVersion" in s.state(s.world.api)


def test_a_leaked_value_ends_at_once_by_one_rotation():
    s = ran()
    leaked = s.value()
    s.world.excused = set(s.wish.accounts)  # asked for: the leak is worse than a refused login
    s.apply(rotate="leak#force")
    s.settle(MINUTE)
    assert not lets_in(s, leaked)
    assert s.history.highest.sequence == 3
    s.finish()


def test_a_value_that_leaks_within_the_grace_of_the_one_before_it_ends_both():
    s = ran()
    before = s.value()
    s.apply(rotate="now")
    s.settle(MINUTE)
    leaked = s.value()
    s.world.excused = set(s.wish.accounts)
    s.apply(rotate="leak#force")
    s.settle(MINUTE)
    assert not lets_in(s, before)
    assert not lets_in(s, leaked)
    s.finish()


@pytest.mark.parametrize("kind", OVERLAPS)
def test_somebody_elses_second_password_is_never_ended_and_stops_the_rotation(kind):
    s = ran(kind)
    held, (name,) = s.value(), s.wish.accounts
    s.world.server.accounts[name].second = b"theirs"
    s.settle(2 * INTERVAL)
    assert lets_in(s, b"theirs")
    assert s.value() == held
    assert lets_in(s, held)
    assert "SecondPassword" in s.state(s.world.api)
    s.world.server.accounts[name].second = None
    s.settle(HOUR)
    assert s.value() != held
    s.finish()


def test_a_rotation_of_somebody_else_within_our_grace_is_seen_and_nothing_of_theirs_ends():
    s = ran()
    s.apply(rotate="now")
    s.settle(MINUTE)
    s.world.excused = set(s.wish.accounts)
    account = s.world.server.accounts["x"]
    account.second, account.password = account.password, b"theirs"
    s.settle(HOUR)
    assert lets_in(s, b"theirs")
    assert lets_in(s, s.value())
    assert "SecondPassword" in s.state(s.world.api)


def test_a_password_that_was_changed_by_hand_within_the_grace_is_replaced_and_logs_in_no_more():
    s = ran()
    s.apply(rotate="now")
    s.settle(MINUTE)
    s.world.excused = set(s.wish.accounts)
    s.world.server.accounts["x"].password = b"by hand"
    s.settle(3 * HOUR)
    assert not lets_in(s, b"by hand")
    assert lets_in(s, s.value())
    s.finish()


def test_what_was_ended_is_told_by_its_record():
    s = ran("overlap create", 0)
    s.apply(rotate="now")
    ended = []
    s.at("prune v1", lambda: ended.append(s.history.versions[0].retired))
    s.settle(HOUR)
    assert ended == [RetiredAs.ENDED]
