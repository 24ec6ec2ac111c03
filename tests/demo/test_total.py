"""The sum of a play and its exit status."""

from __future__ import annotations

import pytest
from demo.total import fault, total
from tests.demo.sights import NOON, empty_play, login, playing, rotate


def test_the_sum_names_logins_rotations_and_refusals():
    play = playing()
    assert total(play).plain == "3 logins, 0 rotations, 0 refused"
    rotate(play, "v2", NOON + 1, took=1)
    play.see(login(NOON + 3, refused=True), NOON + 3)
    assert total(play).plain == "4 logins, 1 rotation, 1 refused"


def test_the_sum_tells_how_long_after_the_start_the_first_rotation_was_through():
    play = playing()
    play.opened = NOON - 20
    assert "first" not in total(play).plain
    rotate(play, "v2", NOON + 1, took=1)
    rotate(play, "v3", NOON + 5, took=1)
    assert total(play).plain == "5 logins, 2 rotations, 0 refused; first rotation after 22 s"


def test_a_login_that_failed_without_a_refusal_is_said_too():
    play = playing()
    play.see(login(NOON + 3, code="timeout"), NOON + 3)
    assert total(play).plain == "3 logins, 0 rotations, 0 refused, 1 failed"


def test_it_was_a_success_when_all_logged_in_through_a_rotation():
    play = playing()
    rotate(play, "v2", NOON + 1, took=1)
    assert fault(play, interrupted=False) == ""


@pytest.mark.parametrize("bad", [login(NOON + 9, refused=True), login(NOON + 9, code="connect")])
@pytest.mark.parametrize("interrupted", [True, False])
def test_one_refused_or_failed_login_is_a_fault(bad, interrupted):
    play = playing()
    rotate(play, "v2", NOON + 1, took=1)
    play.see(bad, NOON + 9)
    assert "refused or failed" in fault(play, interrupted=interrupted)


def test_a_play_without_logins_or_without_a_rotation_has_shown_nothing():
    assert "Nobody" in fault(empty_play(), interrupted=True)
    assert "No rotation" in fault(playing(), interrupted=False)
    assert fault(playing(), interrupted=True) == ""
