"""The arithmetic of the play: what counts as a login and a rotation, and how soon the next one may be asked for."""

from __future__ import annotations

import pytest
from demo.play import STEPS, Play
from tests.demo.sights import NAMES, NOON, empty_play, login, playing, rotate, status, stored, written


def waits(play: Play, name: str = NAMES[0]) -> float:
    """Seconds from NOON to the next rotation of this Credential."""
    at = play.next_at(play.rows[name])
    assert at is not None
    return at - NOON


def test_a_rotation_is_counted_when_a_client_has_logged_in_with_its_version_and_not_before():
    play = playing()
    play.see(stored("v2"), NOON + 5)
    play.see(written(NOON + 5, "v2"), NOON + 5)
    assert play.rotations == 0
    play.see(login(NOON + 7, "v2"), NOON + 7)
    play.see(login(NOON + 8, "v2"), NOON + 8)
    assert play.rotations == 1
    told = play.done[-1]
    assert (told.before, told.version, told.account_before, told.account) == ("v1", "v2", "orders", "orders_clone")
    assert told.to_file == pytest.approx(2)


def test_the_first_version_is_no_rotation_and_measures_nothing():
    play = playing()
    assert (play.logins, play.rotations, play.longest) == (3, 0, 0.0)


def test_lines_that_are_read_again_are_counted_once():
    play = playing()
    lines = [login(NOON + second, "v1") for second in range(1, 6)]
    for line in [*lines, *lines]:
        play.see(line, NOON + 9)
    assert play.rows[NAMES[0]].logins == 1 + 5


def test_a_refused_login_and_one_that_did_not_get_that_far_are_told_apart():
    play = playing()
    play.see(login(NOON + 1, refused=True), NOON + 1)
    play.see(login(NOON + 2, code="connect"), NOON + 2)
    assert (play.logins, play.refused, play.failed) == (3, 1, 1)
    assert play.rows[NAMES[0]].code == "connect"
    play.see(login(NOON + 3), NOON + 3)
    assert play.rows[NAMES[0]].code == ""


@pytest.mark.parametrize(("took", "pause"), [(0.5, 10.0), (3.0, 10.0), (5.5, 11.0), (40.0, 80.0)])
def test_the_next_rotation_is_never_sooner_than_twice_the_longest_way_from_secret_to_file(took, pause):
    play = playing()
    for name in NAMES:
        play.asked(play.rows[name], NOON + 2)
    rotate(play, "v2", NOON + 3, took=took)
    rotate(play, "v2", NOON + 3, took=0.1, name=NAMES[1])
    # The slowest file sets the pace of all.
    for name in NAMES[:2]:
        assert waits(play, name) == max(2 + pause, 3 + 2 * took)
    later = NOON + waits(play)
    assert play.due(later - 0.1) is None
    assert play.due(later) is not None


def test_none_is_asked_for_before_its_client_has_logged_in():
    play = empty_play()
    assert play.due(NOON) is None
    play.see(written(NOON, "v1"), NOON)
    assert play.due(NOON + 100) is None


def test_none_is_asked_for_while_one_is_on_its_way():
    play = playing()
    row = play.due(NOON + 2)
    assert row is not None
    play.asked(row, NOON + 2)
    assert play.next_at(row) is None
    rotate(play, "v2", NOON + 3, took=1, name=row.name)
    assert play.next_at(row) is not None
    play.see(stored("v3", name=row.name, promoted=False), NOON + 20)  # somebody else's
    assert play.next_at(row) is None


def test_a_rotation_that_somebody_else_asked_for_counts_for_the_pause():
    play = playing()
    play.asked(play.rows[NAMES[0]], NOON + 2)
    rotate(play, "v2", NOON + 2, took=6)
    rotate(play, "v3", NOON + 13, took=1)
    assert waits(play) == 13 + 12


def test_the_one_that_waits_longest_is_asked_first():
    play = playing()
    play.rows[NAMES[1]].not_before = NOON + 1
    row = play.due(NOON + 60)
    assert row is not None
    assert row.name == NAMES[1]


@pytest.mark.parametrize(("skew", "measured"), [(0.0, 2.0), (-60.0, 4.0), (60.0, 4.0)])
def test_a_clients_clock_is_believed_only_where_ours_does_not_contradict_it(skew, measured):
    play = playing()
    play.rows[NAMES[0]].last_at = 0.0
    play.see(written(NOON + 5, "v2"), NOON + 5)
    play.see(login(NOON + 7 + skew, "v2"), NOON + 9)
    assert play.longest == pytest.approx(measured)


def test_steps_light_up_only_as_they_are_proven():
    play = playing()
    seen = []
    for sight in (stored("v2", promoted=False), stored("v2"), written(NOON + 5, "v2"), login(NOON + 6, "v2")):
        play.see(sight, NOON + 6)
        latest = play.rows[NAMES[0]].latest
        assert latest is not None
        seen.append(STEPS[: latest.reached()][-1])
    assert seen == ["reserve", "promote", "project", "file"]


def test_versions_are_ordered_by_number_and_not_by_letters():
    play = playing()
    rotate(play, "v9", NOON + 5, took=1)
    rotate(play, "v10", NOON + 15, took=1)
    assert (play.rows[NAMES[0]].version, play.rotations) == ("v10", 2)


def test_what_is_long_past_is_forgotten_but_for_its_count():
    play = playing()
    for number in range(2, 300):
        rotate(play, f"v{number}", NOON + 10 * number, took=1)
    assert play.rotations == 298
    assert len(play.rows[NAMES[0]].rotations) < 10


def test_the_rate_is_of_the_last_five_seconds():
    play = playing()
    for tick in range(40):
        play.see(login(NOON + 1 + tick / 4), NOON + 1 + tick / 4)
    assert play.rate(NOON + 11) == pytest.approx(4, abs=0.2)
    assert play.rate(NOON + 30) == 0


def test_sights_of_what_is_not_ours_change_nothing():
    play = playing()
    for sight in (stored("v9", name="x-db"), written(NOON, "v9", name="x-db"), status(name="x-db")):
        play.see(sight, NOON)
    assert [row.version for row in play.rows.values()] == ["v1"] * 3
