"""The work queue: which Credential is looked at next. One entry per key, one pass per key at a time.

A key that is added while its pass runs is taken again right after it, unless the pass looks at the world once more. Nothing
here is lost for good when the process ends: every key comes from state, and the next start adds them all. Bounded by the
number of keys that exist.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from enum import IntEnum
from time import monotonic
from typing import Protocol

Key = tuple[str, str]
"""Namespace and name of a Credential."""


class Priority(IntEnum):
    """What a person or a change waits for goes before what was listed in bulk."""

    NOW = 0
    BULK = 1


class QueueMetrics(Protocol):
    def depth(self, waiting: int) -> None: ...

    def waited(self, seconds: float) -> None: ...


class _Silent:
    def depth(self, waiting: int) -> None:
        pass

    def waited(self, seconds: float) -> None:
        pass


class WorkQueue:
    """Deduplicated by key, two priorities, first in first out within each."""

    def __init__(self, metrics: QueueMetrics | None = None, clock: Callable[[], float] = monotonic) -> None:
        self._metrics = metrics or _Silent()
        self._clock = clock
        self._waiting: tuple[OrderedDict[Key, float], OrderedDict[Key, float]] = (OrderedDict(), OrderedDict())
        self._in_flight: dict[Key, Priority | None] = {}  # the priority with which it was added again
        self._takers: deque[asyncio.Future[None]] = deque()
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    def __len__(self) -> int:
        return len(self._waiting[0]) + len(self._waiting[1])

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    def add(self, key: Key, priority: Priority = Priority.NOW) -> None:
        """Have this key looked at. Free of charge if it waits already; a higher priority moves it up."""
        if self._closed:
            return
        if key in self._in_flight:
            again = self._in_flight[key]
            self._in_flight[key] = priority if again is None else min(again, priority)
            return
        since = self._clock()
        if priority is Priority.NOW:
            since = self._waiting[Priority.BULK].pop(key, since)
        elif key in self._waiting[Priority.NOW]:
            return
        self._waiting[priority].setdefault(key, since)
        self._metrics.depth(len(self))
        self._wake_one()

    async def take(self) -> Key | None:
        """The next key, which is then in flight until `done`; None once the queue is closed."""
        while not self._closed:
            for waiting in self._waiting:
                if waiting:
                    key, since = waiting.popitem(last=False)
                    self._in_flight[key] = None
                    self._idle.clear()
                    self._metrics.depth(len(self))
                    self._metrics.waited(self._clock() - since)
                    return key
            await self._until_woken()
        return None

    def looked(self, key: Key) -> None:
        """The pass over this key reads the world from here on: whatever it was added again for until now, it will see."""
        if key in self._in_flight:
            self._in_flight[key] = None

    def done(self, key: Key) -> None:
        """The pass over this key has ended."""
        again = self._in_flight.pop(key)
        if again is not None:
            self.add(key, again)
        if not self._in_flight:
            self._idle.set()

    def close(self) -> None:
        """Take in and hand out nothing any more; passes in flight go on."""
        self._closed = True
        for waiting in self._waiting:
            waiting.clear()
        self._metrics.depth(0)
        while self._takers:
            self._wake_one()

    async def drained(self, seconds: float) -> bool:
        """Wait until nothing is in flight; False if so many seconds were not enough."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def _wake_one(self) -> None:
        while self._takers:
            taker = self._takers.popleft()
            if not taker.done():
                taker.set_result(None)
                return

    async def _until_woken(self) -> None:
        taker = asyncio.get_running_loop().create_future()
        self._takers.append(taker)
        try:
            await taker
        except asyncio.CancelledError:
            # A wake-up that reached a taker as it was cancelled belongs to the next one.
            if taker.done() and not taker.cancelled() and len(self):
                self._wake_one()
            raise
