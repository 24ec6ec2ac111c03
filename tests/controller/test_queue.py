from __future__ import annotations

import asyncio

import pytest

from keyward.controller.queue import Priority, WorkQueue

A, B, C = ("shop", "a"), ("shop", "b"), ("shop", "c")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Record:
    def __init__(self) -> None:
        self.depths: list[int] = []
        self.waits: list[float] = []

    def depth(self, waiting: int) -> None:
        self.depths.append(waiting)

    def waited(self, seconds: float) -> None:
        self.waits.append(seconds)


async def take(queue: WorkQueue):
    return await asyncio.wait_for(queue.take(), 1)


async def test_a_key_that_is_added_twice_is_taken_once():
    queue = WorkQueue()
    queue.add(A)
    queue.add(A)
    assert await take(queue) == A
    assert len(queue) == 0


async def test_what_a_person_waits_for_goes_before_what_was_listed_in_bulk():
    queue = WorkQueue()
    queue.add(A, Priority.BULK)
    queue.add(B, Priority.BULK)
    queue.add(C)
    queue.add(B)
    assert [await take(queue) for _ in range(3)] == [C, B, A]


async def test_a_bulk_addition_never_moves_a_key_down():
    queue = WorkQueue()
    queue.add(A)
    queue.add(B)
    queue.add(A, Priority.BULK)
    assert await take(queue) == A
    assert len(queue) == 1


async def test_a_key_is_never_in_flight_twice_and_is_taken_again_when_it_was_added_meanwhile():
    queue = WorkQueue()
    queue.add(A)
    assert await take(queue) == A
    queue.add(A)
    assert len(queue) == 0
    queue.add(B, Priority.BULK)
    queue.done(A)
    assert await take(queue) == A


async def test_a_key_that_was_not_added_meanwhile_is_not_taken_again():
    queue = WorkQueue()
    queue.add(A)
    await take(queue)
    queue.done(A)
    assert len(queue) == 0
    assert queue.in_flight == 0


async def test_a_waiting_taker_is_woken_and_a_cancelled_one_loses_nothing():
    queue = WorkQueue()
    first, second = asyncio.create_task(queue.take()), asyncio.create_task(queue.take())
    await asyncio.sleep(0)
    queue.add(A)
    first.cancel()  # in the same round: its wake-up must go to the second
    assert await asyncio.wait_for(second, 1) == A
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_closing_hands_out_nothing_more_and_wakes_every_taker():
    queue = WorkQueue()
    takers = [asyncio.create_task(queue.take()) for _ in range(3)]
    await asyncio.sleep(0)
    queue.add(A)
    queue.close()
    assert set(await asyncio.wait_for(asyncio.gather(*takers), 1)) <= {A, None}
    queue.add(B)
    assert len(queue) == 0
    assert await take(queue) is None


async def test_draining_waits_for_passes_in_flight_and_tells_when_they_take_too_long():
    queue = WorkQueue()
    queue.add(A)
    await take(queue)
    queue.close()
    assert not await queue.drained(0.01)
    queue.add(A)
    queue.done(A)
    assert await queue.drained(1)


async def test_depth_and_latency_are_measured_from_the_first_addition():
    clock, record = Clock(), Record()
    queue = WorkQueue(record, clock)
    queue.add(A, Priority.BULK)
    clock.now += 3
    queue.add(A)
    clock.now += 2
    await take(queue)
    assert record.waits == [5.0]
    assert record.depths == [1, 1, 0]


async def test_what_came_before_the_last_look_of_a_pass_is_not_looked_at_again():
    queue = WorkQueue()
    queue.add(A)
    await take(queue)
    queue.add(A)  # the echo of what the pass wrote
    queue.looked(A)
    queue.done(A)
    assert len(queue) == 0


async def test_what_came_after_the_last_look_of_a_pass_is_looked_at_again():
    queue = WorkQueue()
    queue.add(A)
    await take(queue)
    queue.looked(A)
    queue.add(A)
    queue.done(A)
    assert await take(queue) == A


async def test_a_look_at_a_key_that_nobody_works_on_is_no_news():
    queue = WorkQueue()
    queue.add(A)
    queue.looked(A)
    queue.looked(B)
    assert await take(queue) == A
    assert queue.in_flight == 1
