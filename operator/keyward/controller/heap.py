"""The schedule: when each Credential is looked at again without anything having changed.

Due times are wall-clock times, as people state them. The sleep is bounded, so that a clock that is set is noticed within it:
one that is set back makes every key due, as what was said of it may be far off. Nothing is ever dropped but by `set` and
`forget`.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic
from typing import Final, NoReturn

from keyward.controller.queue import Key

_JUMP: Final = 5.0  # seconds by which a wall clock may fall behind before it counts as set back
_SLACK: Final = 64  # stale entries that are tolerated before the heap is built anew


class TokenBucket:
    """At most `rate` per second on the average, `burst` at once."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = monotonic) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._tokens, self._at = burst, clock()

    def take(self, wanted: int) -> int:
        """How many of `wanted` may pass now."""
        now = self._clock()
        # A clock that jumps back must not take tokens away.
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = now
        granted = min(wanted, int(self._tokens))
        self._tokens -= granted
        return granted

    def seconds_to_next(self) -> float:
        return max(0.0, (1.0 - self._tokens) / self._rate)


class Schedule:
    """One heap of (due, key). An entry that was superseded stays in it until it comes to the top."""

    def __init__(
        self, clock: Callable[[], datetime], bucket: TokenBucket | None = None, longest_sleep: float = 30.0
    ) -> None:
        self._clock = clock
        self._bucket = bucket or TokenBucket(50.0, 50.0)
        self._longest_sleep = longest_sleep
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, Key]] = []
        self._seen = (clock().timestamp(), monotonic())  # both clocks at the last round
        self._woken = asyncio.Event()
        self.beat = monotonic()  # of the last round of `run`, for /healthz
        self.started = False

    def __len__(self) -> int:
        return len(self._due)

    def due(self, key: Key) -> float | None:
        """The Unix time at which this key is due; None: only on change."""
        return self._due.get(key)

    def after(self, wait: timedelta) -> datetime:
        """The due time that is so far away."""
        return self._clock() + wait

    def set(self, key: Key, due: datetime | None) -> None:
        """Replace this key's due time. None: it is looked at only on change."""
        if due is None:
            self.forget(key)
            return
        at = due.timestamp()
        if self._due.get(key) == at:
            return
        self._due[key] = at
        first = not self._heap or at < self._heap[0][0]
        heapq.heappush(self._heap, (at, key))
        if len(self._heap) > 2 * len(self._due) + _SLACK:
            self._heap = [(at, key) for key, at in self._due.items()]
            heapq.heapify(self._heap)
        if first:
            self._woken.set()

    def forget(self, key: Key) -> None:
        self._due.pop(key, None)

    def release(self) -> list[Key]:
        """Those keys that are due now and that the rate allows, the longest overdue first."""
        now = self._clock().timestamp()
        if self._is_set_back(now, monotonic()):
            self._due = dict.fromkeys(self._due, now)
            self._heap = [(now, key) for key in self._due]
        released: list[Key] = []
        while self._heap and self._heap[0][0] <= now:
            at, key = self._heap[0]
            if self._due.get(key) != at:
                heapq.heappop(self._heap)
                continue
            if not self._bucket.take(1):
                break
            heapq.heappop(self._heap)
            del self._due[key]
            released.append(key)
        return released

    def _is_set_back(self, wall: float, steady: float) -> bool:
        (wall_before, steady_before), self._seen = self._seen, (wall, steady)
        return (steady - steady_before) - (wall - wall_before) > _JUMP

    def pause(self) -> float:
        """Seconds to sleep before `release` has something to do."""
        if not self._heap:
            return self._longest_sleep
        until = self._heap[0][0] - self._clock().timestamp()
        if until <= 0:
            until = self._bucket.seconds_to_next()
        return min(max(until, 0.001), self._longest_sleep)

    async def run(self, on_due: Callable[[Key], None]) -> NoReturn:
        """Hand out due keys for ever; cancel it."""
        self.started = True
        while True:
            self.beat = monotonic()
            self._woken.clear()
            for key in self.release():
                on_due(key)
            try:
                async with asyncio.timeout(self.pause()):
                    await self._woken.wait()
            except TimeoutError:
                continue
