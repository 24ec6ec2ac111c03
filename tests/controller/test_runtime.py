from __future__ import annotations

import asyncio
import os
import signal
from datetime import UTC, datetime, timedelta

import pytest
from tests.controller.test_cache import credential

from keyward.controller.cache import Cache
from keyward.controller.health import Health
from keyward.controller.heap import Schedule
from keyward.controller.intake import Intake
from keyward.controller.limits import RotationLimits
from keyward.controller.metrics import Metrics
from keyward.controller.queue import WorkQueue
from keyward.controller.runtime import Parts, Runtime
from keyward.controller.settings import Limits, Periods, Settings
from keyward.errors import Blocked, Reason, Retry
from keyward.kube.secrets import view

KEY = ("shop", "orders")


class Passes:
    """A reconciler whose passes the test looks into."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.finished = 0
        self.sweeps = 0
        self.began, self.go_on = asyncio.Event(), asyncio.Event()
        self.go_on.set()
        self.again: datetime | None = None
        self.error: Exception | None = None

    async def reconcile(self, key):
        self.seen.append(key)
        self.began.set()
        await self.go_on.wait()
        self.finished += 1
        if self.error:
            raise self.error
        again, self.again = self.again, None
        return again

    async def sweep_orphans(self):
        self.sweeps += 1


class Stage:
    """Everything around one runtime."""

    def __init__(self) -> None:
        self.passes = Passes()
        self.health = Health()
        self.flushed = False
        self.failing: list[Exception] = []
        self.stream_fails = asyncio.Event()
        self.streaming = asyncio.Event()
        self.intake = Intake(Cache(), WorkQueue(), Schedule(lambda: datetime.now(UTC)), RotationLimits(), view)
        self.background: tuple = ()

    async def prepare(self):
        if self.failing:
            raise self.failing.pop(0)
        self.intake.credential("Added", credential("orders", "1"))

    async def stream(self, ready, stop):
        ready.set()
        self.streaming.set()
        failed, stopped = asyncio.create_task(self.stream_fails.wait()), asyncio.create_task(stop.wait())
        await asyncio.wait((failed, stopped), return_when=asyncio.FIRST_COMPLETED)
        failed.cancel()
        stopped.cancel()
        if self.stream_fails.is_set():
            raise RuntimeError("the stream broke")

    async def flush(self):
        self.flushed = True

    async def synced(self):
        pass

    def runtime(self, drain: float = 5.0) -> Runtime:
        settings = Settings(limits=Limits(workers=2), periods=Periods(drain=drain))
        return Runtime(
            Parts(
                settings=settings,
                intake=self.intake,
                reconciler=self.passes,
                health=self.health,
                metrics=Metrics(),
                prepare=self.prepare,
                background=self.background,
                synced=self.synced,
                stream=self.stream,
                flush=self.flush,
            )
        )


@pytest.fixture
def stage(monkeypatch):
    monkeypatch.setattr("keyward.controller.runtime._PAUSE", 0.0)
    return Stage()


async def within(awaitable):
    return await asyncio.wait_for(awaitable, 5)


async def until(true):
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


async def test_it_is_ready_once_the_streams_are_and_ends_with_0_when_told(stage):
    runtime = stage.runtime()
    run = asyncio.create_task(runtime.run())
    await within(stage.passes.began.wait())
    await within(stage.streaming.wait())
    await asyncio.sleep(0.01)
    assert stage.health.missing() == []
    assert stage.passes.seen == [KEY]
    assert stage.passes.sweeps == 1
    runtime.stop()
    assert await within(run) == 0
    assert stage.flushed
    assert stage.health.missing() == ["stop: stopping"]


async def test_a_signal_lets_the_pass_in_hand_finish(stage):
    stage.passes.go_on.clear()
    run = asyncio.create_task(stage.runtime().run())
    await within(stage.passes.began.wait())
    await within(stage.streaming.wait())
    await asyncio.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.05)
    stage.intake.credential("Added", credential("late", "2"))
    assert not run.done()
    stage.passes.go_on.set()
    assert await within(run) == 0
    assert stage.passes.finished == 1
    assert stage.passes.seen == [KEY]


async def test_a_pass_that_hangs_does_not_hold_the_end_up_for_ever(stage):
    stage.passes.go_on.clear()
    runtime = stage.runtime(drain=0.05)
    run = asyncio.create_task(runtime.run())
    await within(stage.passes.began.wait())
    runtime.stop()
    assert await within(run) == 0
    assert stage.passes.finished == 0


async def test_a_start_goes_on_trying_while_the_api_server_is_away(stage):
    stage.failing = [Retry(Reason.API_UNAVAILABLE, "away")] * 3
    runtime = stage.runtime()
    run = asyncio.create_task(runtime.run())
    await within(stage.passes.began.wait())
    runtime.stop()
    assert await within(run) == 0


async def test_a_start_that_cannot_succeed_says_why(stage):
    stage.failing = [Blocked(Reason.CRD_OUTDATED, "the CRD is older")]
    with pytest.raises(Blocked, match="the CRD is older"):
        await within(stage.runtime().run())


async def test_streams_that_fail_for_good_end_the_process_with_1(stage):
    run = asyncio.create_task(stage.runtime().run())
    await within(stage.streaming.wait())
    stage.stream_fails.set()
    assert await within(run) == 1


async def test_a_part_that_fails_in_the_background_ends_the_process_with_1(stage):
    async def broken():
        await stage.streaming.wait()
        raise RuntimeError

    stage.background = (broken,)
    assert await within(stage.runtime().run()) == 1


async def test_a_pass_is_made_again_when_it_said_so(stage):
    stage.passes.again = datetime.now(UTC) + timedelta(seconds=0.05)
    runtime = stage.runtime()
    run = asyncio.create_task(runtime.run())
    await until(lambda: len(stage.passes.seen) == 2)
    assert stage.intake.schedule.due(KEY) is None
    runtime.stop()
    await within(run)


async def test_a_bug_in_one_pass_ends_neither_the_worker_nor_the_credential(stage):
    stage.passes.error = KeyError("bug")
    runtime = stage.runtime()
    run = asyncio.create_task(runtime.run())
    await until(lambda: stage.intake.schedule.due(KEY) is not None)
    stage.passes.error = None
    stage.intake.credential("Added", credential("other", "2"))
    await until(lambda: ("shop", "other") in stage.passes.seen)
    runtime.stop()
    assert await within(run) == 0
