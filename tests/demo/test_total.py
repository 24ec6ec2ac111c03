"""The sum of a play and its exit status."""

from __future__ import annotations

import pytest
from demo.total import status, total
from tests.demo.sights import NOON, empty_play, login, playing, rotate


def test_the_sum_names_logins_rotations_and_refusals():
    play = playing()
    assert total(play).plain == "3 logins, 0 rotations, 0 refused"
    rotate(play, "v2", NOON + 1, took=1)
    play.see(login(NOON + 3, refused=True), NOON + 3)
    assert total(play).plain == "4 logins, 1 rotation, 1 refused"


def test_a_login_that_failed_without_a_refusal_is_said_too():
    play = playing()
    play.see(login(NOON + 3, code="timeout"), NOON + 3)
    assert total(play).plain == "3 logins, 0 rotations, 0 refused, 1 failed"


def test_the_status_is_0_when_all_logged_in_through_a_rotation():
    play = playing()
    rotate(play, "v2", NOON + 1, took=1)
    assert status(play, interrupted=False) == 0


@pytest.mark.parametrize("bad", [login(NOON + 9, refused=True), login(NOON + 9, code="connect")])
def test_one_refused_or_failed_login_makes_the_status_1(bad):
    play = playing()
    rotate(play, "v2", NOON + 1, took=1)
    play.see(bad, NOON + 9)
    assert status(play, interrupted=False) == status(play, interrupted=True) == 1


def test_a_play_without_logins_or_without_a_rotation_has_shown_nothing():
    assert status(empty_play(), interrupted=True) == 1
    assert status(playing(), interrupted=False) == 1
    assert status(playing(), interrupted=True) == 0
