"""When a rotation is due, and how long to hold back after failures. Pure: the caller says what time it is.

Jitter makes an interval shorter, never longer, by at most 5 % and one hour: no value gets older than its interval,
unless windows are set. Cron times are kept to the minute. Windows move a due time to the next opening, spread by uid.

Catch-up after downtime: runs that were missed coalesce into one, since the due time follows from the last promotion
alone. What fell due while nobody was awake is spread over min(10 % of the interval, 10 minutes) by the uid.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from keyward.domain.model import Failures, ScheduleWish, Window
from keyward.errors import Blocked, Reason

JITTER_SHARE, JITTER_LIMIT = 0.05, timedelta(hours=1)
SPREAD_SHARE, SPREAD_LIMIT = 0.10, timedelta(minutes=10)
BACKOFF_FIRST, BACKOFF_LIMIT = timedelta(seconds=5), timedelta(minutes=15)
DAY = timedelta(days=1)


def check(schedule: ScheduleWish) -> None:
    """Refuse what can never be scheduled.

    Raises:
        Blocked: INVALID_SPEC, naming the field.
    """
    if schedule.automatic:
        due_at(schedule, datetime(2000, 1, 1, tzinfo=UTC), "")


def due_at(schedule: ScheduleWish, promoted_at: datetime, seed: str, now: datetime | None = None) -> datetime:
    """When the value that was promoted at `promoted_at` is to be replaced; UTC, aware.

    `seed` is the Credential's uid. With `now`, a due time that has passed is moved to the next opening if the window
    that it fell into has closed; a clock that was set back only delays, it never makes anything due early.

    Raises:
        Blocked: INVALID_SPEC, naming the field.
    """
    due = (
        _cron_time(schedule, promoted_at) if schedule.cron is not None else _interval_time(schedule, promoted_at, seed)
    )
    moved = next_window_opening(schedule.windows, due, seed)
    if now is not None and moved < now:
        reopened = next_window_opening(schedule.windows, now, seed)
        return moved if reopened == now else reopened
    return moved


def caught_up_at(schedule: ScheduleWish, due: datetime, awake_since: datetime, seed: str) -> datetime:
    """When to begin what was due at `due`, given that nobody was awake before `awake_since`."""
    if due >= awake_since:
        return due
    interval = schedule.interval if schedule.cron is None else timedelta.max
    late = awake_since + _fraction("catch-up", seed) * min(SPREAD_SHARE * min(interval, DAY), SPREAD_LIMIT)
    return next_window_opening(schedule.windows, late, seed)


def next_window_opening(windows: Iterable[Window], at: datetime, seed: str = "") -> datetime:
    """`at` itself within a window or without windows; otherwise the next opening, spread over its first tenth.

    Raises:
        Blocked: INVALID_SPEC, naming the field.
    """
    windows = tuple(windows)
    if not windows:
        return at
    spans = [span for window in windows for span in _spans(window, at)]
    if any(opens <= at < closes for opens, closes in spans):
        return at
    opens, closes = min(span for span in spans if span[0] > at)
    return opens + _fraction("window", seed) * min(SPREAD_SHARE * (closes - opens), SPREAD_LIMIT)


def backoff(failures: Failures, seed: str) -> timedelta:
    """How long to hold back after so many failures in a row: doubled each time from 5 seconds, at most 15 minutes.

    A deterministic part of up to 20 % is taken off, so that what failed together does not come back together.
    """
    if failures.count <= 0:
        return timedelta(0)
    full = min(BACKOFF_FIRST * (1 << min(failures.count - 1, 20)), BACKOFF_LIMIT)
    return max(BACKOFF_FIRST, full * (1 - 0.2 * _fraction(f"backoff {failures.count}", seed)))


def retry_at(failures: Failures, seed: str, now: datetime) -> datetime | None:
    """When the back-off after the last failure ends; None if there is none.

    A failure in the future was recorded before the clock was set back. It holds nothing back: counted from now at each look,
    its back-off would not end before that time has come again.
    """
    if not failures.count or failures.last_at is None or failures.last_at > now:
        return None
    return failures.last_at + backoff(failures, seed)


def _interval_time(schedule: ScheduleWish, promoted_at: datetime, seed: str) -> datetime:
    if schedule.interval <= timedelta(0):
        raise Blocked(Reason.INVALID_SPEC, "spec.rotation.interval: must be longer than zero")
    jitter = _fraction("interval", seed) * min(JITTER_SHARE * schedule.interval, JITTER_LIMIT)
    return promoted_at + schedule.interval - jitter


def _cron_time(schedule: ScheduleWish, promoted_at: datetime) -> datetime:
    zone = _zone(schedule.time_zone, "spec.rotation.timeZone")
    expression = schedule.cron or ""
    if len(expression.split()) != 5:
        raise Blocked(Reason.INVALID_SPEC, "spec.rotation.cron: must have five fields, as in '0 3 * * 1'")
    try:
        return next(CronSim(expression, promoted_at.astimezone(zone))).astimezone(UTC)
    except CronSimError:
        raise Blocked(
            Reason.INVALID_SPEC, "spec.rotation.cron: is no cron expression: write it as '0 3 * * 1'"
        ) from None
    except StopIteration:
        raise Blocked(Reason.INVALID_SPEC, "spec.rotation.cron: names a time that never comes: correct it") from None


def _spans(window: Window, at: datetime) -> Iterable[tuple[datetime, datetime]]:
    """This window's openings around `at`, from before it to at least a week after it. Its length is real time."""
    if not (timedelta(0) < window.duration <= 7 * DAY and 0 <= window.start_minute < 24 * 60):
        raise Blocked(Reason.INVALID_SPEC, "spec.rotation.windows[]: start must be a time of day, duration at most 7d")
    if not set(window.days) <= set(range(7)):
        raise Blocked(Reason.INVALID_SPEC, "spec.rotation.windows[].days: must be days of a week")
    zone = _zone(window.time_zone, "spec.rotation.windows[].timeZone")
    today = at.astimezone(zone).date()
    for offset in range(-8, 9):
        day = today + offset * DAY
        if window.days and day.weekday() not in window.days:
            continue
        # Where the clock is put forward over the opening, fold=0 reads it with the offset before: it opens right after.
        opens = datetime.combine(day, time(*divmod(window.start_minute, 60)), tzinfo=zone).astimezone(UTC)
        yield opens, opens + window.duration


def _zone(name: str, field: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Blocked(Reason.INVALID_SPEC, f"{field}: is no IANA time zone: write it as Europe/Berlin") from None


@functools.lru_cache(maxsize=4096)  # each Credential asks for the same few at every look
def _fraction(purpose: str, seed: str) -> float:
    """Evenly spread over [0, 1), the same for the same uid in every process."""
    digest = hashlib.sha256(f"keyward.dev/{purpose}\0{seed}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
