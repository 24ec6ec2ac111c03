"""When rotations are due: jitter, cron, windows, daylight saving, downtime and back-off."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyward.domain import schedule
from keyward.domain.model import Failures, ScheduleWish, Window
from keyward.errors import Blocked, Reason

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

times = st.integers(0, 20 * 366 * 24 * 60).map(lambda minutes: NOW + timedelta(minutes=minutes))
uids = st.uuids().map(str)
intervals = st.timedeltas(6 * HOUR, 365 * DAY)
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
windows = st.builds(
    Window,
    start_minute=st.integers(0, 24 * 60 - 1),
    duration=st.timedeltas(timedelta(minutes=1), 2 * DAY),
    days=st.lists(st.integers(0, 6), unique=True).map(tuple),
    time_zone=zones,
)


def every(interval: timedelta, *open_in: Window) -> ScheduleWish:
    return ScheduleWish(automatic=True, interval=interval, windows=open_in)


def cron(expression: str, zone: str = "UTC", *open_in: Window) -> ScheduleWish:
    return ScheduleWish(automatic=True, cron=expression, time_zone=zone, windows=open_in)


@given(intervals, times, uids)
def test_no_value_gets_older_than_its_interval_and_jitter_takes_a_twentieth_at_most(interval, promoted, uid):
    due = schedule.due_at(every(interval), promoted, uid)
    assert promoted + interval - min(0.05 * interval, HOUR) <= due <= promoted + interval
    assert due == schedule.due_at(every(interval), promoted, uid)


def test_credentials_that_were_made_together_are_not_due_together():
    due = {schedule.due_at(every(24 * HOUR), NOW, f"uid-{n}") for n in range(200)}
    assert len(due) == 200
    assert max(due) - min(due) > timedelta(minutes=50)


@given(times, zones)
def test_a_cron_time_is_the_first_one_after_the_promotion_in_its_zone(promoted, zone):
    due = schedule.due_at(cron("30 3 * * *", zone), promoted, "uid")
    assert promoted < due <= promoted + timedelta(hours=26)
    assert due.utcoffset() == timedelta(0)


def test_cron_keeps_its_hour_by_the_wall_clock_when_summer_begins():
    berlin = ZoneInfo("Europe/Berlin")
    due = schedule.due_at(cron("0 5 * * *", "Europe/Berlin"), datetime(2026, 3, 28, 5, tzinfo=berlin), "uid")
    assert due == datetime(2026, 3, 29, 3, tzinfo=UTC)


@given(st.lists(windows, min_size=1, max_size=3), times, uids)
def test_a_rotation_begins_only_within_a_window_and_never_before_it_was_asked_for(open_in, at, uid):
    opening = schedule.next_window_opening(open_in, at, uid)
    assert at <= opening <= at + 9 * DAY
    assert schedule.next_window_opening(open_in, opening, uid) == opening


@given(st.lists(windows, min_size=1, max_size=2), times, uids, st.timedeltas(timedelta(0), 30 * DAY))
def test_a_window_that_closed_meanwhile_moves_the_due_time_to_the_next_one(open_in, promoted, uid, late):
    due = schedule.due_at(every(6 * HOUR, *open_in), promoted, uid)
    now = due + late
    again = schedule.due_at(every(6 * HOUR, *open_in), promoted, uid, now)
    inside = schedule.next_window_opening(open_in, now, uid) == now
    assert (again <= now) == inside


def test_a_window_that_opens_in_the_missing_hour_opens_right_after_it():
    night = Window(start_minute=150, duration=HOUR, time_zone="Europe/Berlin")
    opening = schedule.next_window_opening([night], datetime(2026, 3, 29, 0, tzinfo=UTC))
    assert datetime(2026, 3, 29, 1, tzinfo=UTC) <= opening < datetime(2026, 3, 29, 2, tzinfo=UTC)


def test_a_window_whose_hour_comes_twice_opens_once():
    night = Window(start_minute=150, duration=HOUR, time_zone="Europe/Berlin")
    first = schedule.next_window_opening([night], datetime(2026, 10, 25, 0, tzinfo=UTC))
    after = schedule.next_window_opening([night], first + HOUR)
    assert after.date() == first.date() + DAY


def test_a_window_that_spans_midnight_is_open_on_the_next_morning():
    late = Window(start_minute=23 * 60, duration=3 * HOUR, days=(0,))
    tuesday = datetime(2026, 3, 3, 1, tzinfo=UTC)
    assert schedule.next_window_opening([late], tuesday) == tuesday
    assert schedule.next_window_opening([late], tuesday + DAY) > tuesday + 5 * DAY


def test_what_is_moved_to_an_opening_is_spread_over_its_first_tenth():
    night = Window(start_minute=0, duration=2 * HOUR)
    openings = {schedule.next_window_opening([night], NOW, f"uid-{n}") for n in range(100)}
    assert len(openings) == 100
    assert max(openings) - min(openings) <= timedelta(minutes=10)


@given(intervals, uids, st.timedeltas(timedelta(0), 365 * DAY))
def test_what_was_missed_while_nobody_was_awake_is_done_once_and_spread_over_ten_minutes(interval, uid, slept):
    due = schedule.due_at(every(interval), NOW, uid)
    awake = due + slept
    begins = schedule.caught_up_at(every(interval), due, awake, uid)
    assert (begins == due) if not slept else (awake <= begins <= awake + min(0.1 * interval, timedelta(minutes=10)))
    assert schedule.due_at(every(interval), begins, uid) > begins


def test_credentials_that_missed_their_time_together_do_not_begin_together():
    due = NOW - DAY
    begins = {schedule.caught_up_at(cron("0 3 * * *"), due, NOW, f"uid-{n}") for n in range(100)}
    assert len(begins) == 100


@given(intervals, uids, st.timedeltas(timedelta(0), 365 * DAY))
def test_a_clock_that_is_set_back_makes_nothing_due_early(interval, uid, back):
    assert schedule.due_at(every(interval), NOW, uid, NOW - back) == schedule.due_at(every(interval), NOW, uid)


@given(st.integers(0, 10_000), uids)
def test_back_off_is_bounded_and_no_failure_means_none(count, uid):
    wait = schedule.backoff(Failures(count), uid)
    assert wait == timedelta(0) if count == 0 else timedelta(seconds=5) <= wait <= timedelta(minutes=15)


@given(st.integers(1, 50), uids)
def test_back_off_never_shrinks_by_more_than_its_jitter_as_failures_go_on(count, uid):
    assert schedule.backoff(Failures(count + 1), uid) >= 0.8 * schedule.backoff(Failures(count), uid)


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (cron("0 3 * *"), "spec.rotation.cron"),
        (cron("0 25 * * *"), "spec.rotation.cron"),
        (cron("0 3 30 2 *"), "spec.rotation.cron"),
        (cron("0 0 3 * * *"), "spec.rotation.cron"),
        (cron("", "UTC"), "spec.rotation.cron"),
        (cron("0 3 * * *", "Europe/Nowhere"), "spec.rotation.timeZone"),
        (cron("0 3 * * *", "../etc/passwd"), "spec.rotation.timeZone"),
        (every(HOUR, Window(0, HOUR, time_zone="Nowhere")), "spec.rotation.windows[].timeZone"),
        (every(HOUR, Window(1440, HOUR)), "spec.rotation.windows"),
        (every(HOUR, Window(0, timedelta(0))), "spec.rotation.windows"),
        (every(HOUR, Window(0, HOUR, days=(7,))), "spec.rotation.windows"),
        (every(timedelta(0)), "spec.rotation.interval"),
    ],
)
def test_a_schedule_that_can_never_be_kept_is_refused_with_the_name_of_its_field(wish, field):
    with pytest.raises(Blocked) as refused:
        schedule.check(wish)
    assert refused.value.reason is Reason.INVALID_SPEC
    assert refused.value.message.startswith(field)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_a_credential_that_is_not_rotated_has_nothing_to_check():
    schedule.check(ScheduleWish(automatic=False))
