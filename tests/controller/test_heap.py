from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from keyward.controller.heap import Schedule, TokenBucket

START = datetime(2026, 1, 1, tzinfo=UTC)
A, B, C = ("shop", "a"), ("shop", "b"), ("shop", "c")


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_keys_are_released_when_due_and_the_longest_overdue_first():
    clock = Clock()
    schedule = Schedule(clock)
    schedule.set(A, after(20))
    schedule.set(B, after(10))
    schedule.set(C, after(99))
    assert schedule.release() == []
    clock.now = after(20)
    assert schedule.release() == [B, A]
    assert schedule.release() == []
    assert len(schedule) == 1


def test_a_new_due_time_replaces_the_old_one_both_ways():
    clock = Clock()
    schedule = Schedule(clock)
    schedule.set(A, after(10))
    schedule.set(A, after(30))
    schedule.set(B, after(30))
    schedule.set(B, after(5))
    clock.now = after(10)
    assert schedule.release() == [B]
    clock.now = after(30)
    assert schedule.release() == [A]


def test_a_forgotten_key_is_never_released():
    clock = Clock()
    schedule = Schedule(clock)
    schedule.set(A, after(1))
    schedule.set(B, after(1))
    schedule.forget(A)
    schedule.set(B, None)
    clock.now = after(5)
    assert schedule.release() == []


def test_the_sleep_is_bounded_so_that_a_clock_that_is_set_forward_is_noticed():
    schedule = Schedule(Clock(), longest_sleep=30.0)
    assert schedule.pause() == 30.0
    schedule.set(A, after(86_400))
    assert schedule.pause() == 30.0
    schedule.set(B, after(7))
    assert schedule.pause() == 7.0


def test_missed_runs_are_released_at_a_rate_and_none_is_lost():
    clock, seconds = Clock(), Seconds()
    schedule = Schedule(clock, TokenBucket(rate=10, burst=5, clock=seconds))
    keys = {("shop", str(n)) for n in range(12)}
    for key in keys:
        schedule.set(key, after(-60))
    released = schedule.release()
    assert len(released) == 5
    assert 0 < schedule.pause() <= 0.1
    while len(released) < 12:
        seconds.now += schedule.pause()
        released += schedule.release()
    assert set(released) == keys
    assert seconds.now >= 0.6


def test_entries_that_were_superseded_do_not_pile_up():
    schedule = Schedule(Clock())
    for n in range(10_000):
        schedule.set(A, after(n + 1))
    assert len(schedule._heap) < 100


async def test_the_loop_wakes_for_a_key_that_is_due_earlier_than_its_sleep():
    clock, released = Clock(), asyncio.Event()
    schedule = Schedule(clock, longest_sleep=600)
    run = asyncio.create_task(schedule.run(lambda _key: released.set()))
    await asyncio.sleep(0)
    schedule.set(A, after(-1))
    await asyncio.wait_for(released.wait(), 1)
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)


def test_a_clock_that_is_set_back_makes_everything_due_once():
    clock = Clock()
    schedule = Schedule(clock)
    schedule.set(A, after(20))
    schedule.set(B, after(9999))
    assert schedule.release() == []
    clock.now = after(-3600)
    assert sorted(schedule.release()) == [A, B]
    schedule.set(A, after(-3590))
    assert schedule.release() == []
    clock.now = after(-3595)
    assert schedule.release() == []
