"""One run of the controller on one event loop: what starts in which order, what ends it, and how it ends.

kopf cancels every task that was born after it, so all of ours are born before. A stop first drains the passes in hand: each
finishes its step or has recorded it. Whatever fails for good ends the process with 1; a new start is cheap and writes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any, Final, NoReturn, Protocol

from keyward.controller import logs
from keyward.controller.health import Health
from keyward.controller.intake import Intake
from keyward.controller.metrics import Metrics
from keyward.controller.queue import Key
from keyward.controller.settings import Settings
from keyward.errors import Conflict, KeywardError, Retry

_log = logging.getLogger(__name__)
_AFTER_BUG: Final = timedelta(seconds=60)
_PAUSE: Final = 2.0
_SWEEP_SOON: Final = 5.0  # after a deletion: several mostly come together


class Reconciler(Protocol):
    """What a pass is. It never raises anything but CancelledError."""

    async def reconcile(self, key: Key) -> datetime | None:
        """Look at one Credential; when to look again if nothing changes (None: only then)."""

    async def sweep_orphans(self) -> None:
        """Look after versions without a live Credential."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a run is made of."""

    settings: Settings
    intake: Intake
    reconciler: Reconciler
    health: Health
    metrics: Metrics
    prepare: Callable[[], Awaitable[None]]  # CRDs, keyring, first lists; raises Blocked if there is no use in going on
    background: tuple[Callable[[], Coroutine[Any, Any, NoReturn]], ...]  # for ever: informers, resync, key keeper
    synced: Callable[[], Awaitable[None]]  # until every informer has its first list
    stream: Callable[[asyncio.Event, asyncio.Event], Coroutine[Any, Any, None]]  # kopf, with its ready and stop flags
    flush: Callable[[], Awaitable[None]]  # last things: events that were posted
    early: tuple[
        Callable[[], Coroutine[Any, Any, NoReturn]], ...
    ] = ()  # for ever too, from before `prepare` on: events


@dataclass(slots=True)
class _Tasks:
    background: list[asyncio.Task[Any]] = field(default_factory=list)
    workers: list[asyncio.Task[None]] = field(default_factory=list)


class Runtime:
    """Run it once."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._stop = asyncio.Event()
        self._tasks = _Tasks()
        self._failed = False

    def stop(self) -> None:
        """End in good order."""
        self._stop.set()

    async def run(self) -> int:
        """The exit status: 0 after a stop, 1 if something failed for good. Raises Blocked if it could not start."""
        self._on_signals()
        parts = self._parts
        try:
            if not await self._unless_stopped(self._start()):
                return int(self._failed)
            kopf_ready, kopf_stop = asyncio.Event(), asyncio.Event()
            stream = asyncio.create_task(parts.stream(kopf_ready, kopf_stop), name="kopf")
            ended = await self._serve(stream, kopf_ready)
            await self._drain()
            kopf_stop.set()
            with suppress(Exception, asyncio.CancelledError):
                await asyncio.wait_for(stream, 10.0)
            return 1 if ended or self._failed else 0
        finally:
            await self._cancel(self._tasks.workers + self._tasks.background)

    # --- start ---

    def _on_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled)

    def _signalled(self) -> None:
        if self._stop.is_set():
            _log.warning("a second signal: what is in hand is left to the next start")
            for task in self._tasks.workers:
                task.cancel()
        else:
            _log.info("stopping: no new work, what is in hand is finished")
        self._stop.set()

    async def _start(self) -> None:
        parts = self._parts
        parts.health.lacks("start", "listing what is there")
        for run in parts.early:
            self._spawn(run())
        await self._persist(parts.prepare)
        for run in parts.background:
            self._spawn(run())
        await parts.synced()
        parts.intake.everything()
        schedule, queue = parts.intake.schedule, parts.intake.queue
        self._spawn(schedule.run(queue.add))
        self._spawn(self._sweeps())
        count = parts.settings.limits.workers
        self._tasks.workers = [asyncio.create_task(self._work(), name=f"worker-{n}") for n in range(count)]
        # Tasks enter their loops before kopf is born, so that it takes none of them for its own.
        await asyncio.sleep(0)

    async def _persist(self, prepare: Callable[[], Awaitable[None]]) -> None:
        pause = _PAUSE
        while True:
            try:
                await prepare()
            except (Retry, Conflict) as error:
                self._parts.health.lacks("start", error.message)
                _log.warning("the start waits: %s", error.message)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 30.0)
            else:
                return

    async def _unless_stopped(self, start: Coroutine[Any, Any, None]) -> bool:
        starting = asyncio.create_task(start, name="start")
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((starting, stopped), return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                return False
            await starting
            return not self._stop.is_set()
        finally:
            await self._cancel([starting, stopped])

    def _spawn(self, run: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(run)
        task.add_done_callback(self._background_ended)
        self._tasks.background.append(task)

    def _background_ended(self, task: asyncio.Task[Any]) -> None:
        # A part of us that is gone in silence is worse than a new start.
        if not task.cancelled() and task.exception() is not None:
            _log.critical("a part of the controller has failed", exc_info=task.exception())
            self._failed = True
            self._stop.set()

    # --- service ---

    async def _serve(self, stream: asyncio.Task[None], ready: asyncio.Event) -> bool:
        """Until a stop; True if the streams failed for good."""
        stopped, readied = asyncio.create_task(self._stop.wait()), asyncio.create_task(ready.wait())
        try:
            await asyncio.wait((stream, stopped, readied), return_when=asyncio.FIRST_COMPLETED)
            if readied.done() and not stream.done():
                self._on_signals()  # kopf has put its own in their place
                self._parts.health.has("start")
                _log.info("ready: %d credentials", len(self._parts.intake.cache))
            await asyncio.wait((stream, stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self._cancel([stopped, readied])
        if not stream.done():
            return False
        error = None if stream.cancelled() else stream.exception()
        if error is None and not stream.cancelled():
            return False  # a signal reached kopf before our handlers were back
        _log.critical("the streams have failed: the process ends and is to be started anew", exc_info=error)
        return True

    async def _work(self) -> None:
        queue, schedule = self._parts.intake.queue, self._parts.intake.schedule
        while (key := await queue.take()) is not None:
            try:
                schedule.set(key, await self._pass(key))
            finally:
                queue.done(key)

    async def _pass(self, key: Key) -> datetime | None:
        started = perf_counter()
        with logs.bound(credential=f"{key[0]}/{key[1]}"):
            try:
                return await self._parts.reconciler.reconcile(key)
            except Exception:  # noqa: BLE001 - it promised not to raise; one bug must not take all others with it
                _log.exception("a pass failed in a way that nobody foresaw")
                return self._parts.intake.schedule.after(_AFTER_BUG)
            finally:
                self._parts.metrics.reconcile_duration.observe(perf_counter() - started)

    async def _sweeps(self) -> NoReturn:
        wanted = self._parts.intake.sweep
        while True:
            wanted.clear()
            try:
                await self._parts.reconciler.sweep_orphans()
            except KeywardError as error:
                _log.info("the sweep is put off: %s", error.message)
            except Exception:  # noqa: BLE001 - as above
                _log.exception("a sweep failed in a way that nobody foresaw")
            with suppress(TimeoutError):
                await asyncio.wait_for(wanted.wait(), self._parts.settings.periods.sweep)
                await asyncio.sleep(_SWEEP_SOON)

    # --- end ---

    async def _drain(self) -> None:
        parts = self._parts
        parts.health.lacks("stop", "stopping")
        parts.intake.queue.close()
        seconds = parts.settings.periods.drain
        if not await parts.intake.queue.drained(seconds):
            _log.warning("%d passes did not end within %.0f s: they are cut off", parts.intake.queue.in_flight, seconds)
        await self._cancel(self._tasks.workers)
        with suppress(KeywardError):
            await parts.flush()
        await self._cancel(self._tasks.background)

    async def _cancel(self, tasks: list[asyncio.Task[Any]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
