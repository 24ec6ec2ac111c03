"""What is said when a connection breaks in the middle, and that the same value can always be sent again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
from tests.cluster.proxy import FaultProxy
from tests.engines.conformance import scene as scenes
from tests.engines.conformance.scene import Scene
from tests.engines.conformance.stage import Stage

from keyward.errors import Conflict, KeywardError, Reason, Retry, Unsettled

_MEANWHILE = {Reason.BUSY, Reason.TIMEOUT, Reason.WRITTEN_BY_ANOTHER}
MANY = 80  # more answers than any change takes
ROUNDS = 5


@pytest.fixture
def proxy(stage: Stage) -> Iterator[FaultProxy]:
    with FaultProxy(("127.0.0.1", stage.port)) as proxy:
        yield proxy


async def _fails(scene: Scene, account: str, password: str, fault: scenes.Send) -> KeywardError | None:
    try:
        await scene.apply(account, password, send=fault)
    except KeywardError as error:
        return error
    return None


async def test_each_answer_lost_in_turn_is_told_right_and_can_be_made_good(stage: Stage, proxy: FaultProxy):
    """One run for each answer that can be lost; the outcome is unknown wherever something may have been changed."""
    rounds = unknown = answers = 0
    while not unknown or not rounds:
        scene = scenes.created(stage)
        before = await scene.inspect()

        async def lose(answers: int = answers) -> None:
            proxy.answers_left = answers

        error = await _fails(scene.through(proxy.port), scene.first, "one", lose)
        proxy.answers_left = None
        if error is None:
            # On a busy machine two answers come as one piece: the last was then not lost, and all is done once more.
            rounds, answers = rounds + 1, 0
            assert rounds < ROUNDS, "no answer was lost after which the outcome is unknown"
            continue
        answers += 1
        assert answers < MANY, f"a change takes more than {MANY} answers"
        assert isinstance(error, Retry), error
        assert error.__context__ is None
        await _gone(scene)
        if isinstance(error, Unsettled):
            unknown += 1
        else:
            assert await scene.inspect() == before, f"changed, but called {error.reason} after {answers - 1} answers"
            assert not stage.logs_in(scene.first, "one"), f"set, but called {error.reason} after {answers - 1} answers"
        if not stage.logs_in(scene.first, "one"):
            await scene.apply(scene.first, "one")
        await scene.verify(scene.first, "one")
        assert not stage.left_over()


async def test_an_answer_lost_in_a_rotation_never_costs_the_account_in_use(stage: Stage, proxy: FaultProxy):
    scene = scenes.created(stage)
    await scene.apply(scene.first, "in use")
    for answers in range(MANY):

        async def lose(answers: int = answers) -> None:
            proxy.answers_left = answers

        error = await _fails(scene.through(proxy.port), scene.second, f"next {answers}", lose)
        proxy.answers_left = None
        assert stage.logs_in(scene.first, "in use")
        if error is None:
            return
        await _gone(scene)
    raise AssertionError(f"a change takes more than {MANY} answers")


async def test_a_request_that_never_arrived_changed_nothing(stage: Stage, proxy: FaultProxy):
    scene = scenes.created(stage)
    before = await scene.inspect()

    async def cut() -> None:
        proxy.cut()

    error = await _fails(scene.through(proxy.port), scene.first, "one", cut)
    assert isinstance(error, Retry)
    await _gone(scene)
    assert await scene.inspect() == before
    assert not stage.logs_in(scene.first, "one")


async def test_a_server_that_falls_silent_is_not_waited_for_beyond_the_timeout(stage: Stage, proxy: FaultProxy):
    scene = scenes.created(stage).through(proxy.port, timeout=stage.patience)

    async def silence() -> None:
        proxy.black_hole = True

    began = time.monotonic()
    error = await _fails(scene, scene.first, "one", silence)
    assert isinstance(error, Retry)
    assert time.monotonic() - began < 4 + 2 * stage.patience


async def test_a_statement_that_outlives_its_client_never_undoes_a_later_value(stage: Stage, proxy: FaultProxy):
    """The client gives up on "late", whose statement waits on; "newer" does nothing before that one is over."""
    scene = scenes.created(stage)
    await scene.apply(scene.first, "first")
    await scene.apply(scene.second, "second")
    with stage.stalled(scene.second):
        sent = asyncio.Event()

        async def tell() -> None:
            sent.set()

        late = asyncio.create_task(scene.through(proxy.port).apply(scene.second, "late", send=tell))
        await sent.wait()
        await asyncio.sleep(0.3)  # into the statement that waits: no clock of ours runs on the server
        proxy.black_hole = True
        late.cancel()
        with pytest.raises(asyncio.CancelledError):
            await late
        with pytest.raises(Retry) as caught:
            await scene.through(stage.port, timeout=stage.patience).apply(scene.second, "newer")
        assert caught.value.reason is stage.meanwhile
    await _until_applied(scene, scene.second, "newer")
    await _gone(scene)
    proxy.cut()  # a client that was cancelled may still say farewell to nobody
    assert stage.logs_in(scene.second, "newer")
    assert not stage.logs_in(scene.second, "late")
    assert stage.logs_in(scene.first, "first")
    await scene.verify(scene.second, "newer")
    assert not stage.left_over()


async def test_a_change_that_is_cancelled_in_flight_can_be_made_again(stage: Stage):
    scene = scenes.created(stage)
    await scene.apply(scene.first, "first")
    with stage.stalled(scene.first):
        sent = asyncio.Event()

        async def tell() -> None:
            sent.set()

        task = asyncio.create_task(scene.apply(scene.first, "cancelled", send=tell))
        await sent.wait()
        await asyncio.sleep(0.2)  # into the statement that waits: no clock of ours runs on the server
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 2
    await _until_applied(scene, scene.first, "next")
    await _gone(scene)
    assert stage.logs_in(scene.first, "next")
    assert not stage.logs_in(scene.first, "cancelled")
    await scene.verify(scene.first, "next")
    assert not stage.left_over()


async def _until_applied(scene: Scene, account: str, password: str) -> None:
    """Apply it as the executor does: again and again while the answer is Retry or Conflict."""
    deadline = time.monotonic() + 20
    while True:
        try:
            await scene.apply(account, password)
        except (Retry, Conflict) as error:
            if time.monotonic() > deadline or error.reason not in _MEANWHILE:
                raise
        else:
            return


async def _gone(scene: Scene) -> None:
    """Wait until the server has no session of our admin any more: what it left running is over."""
    deadline = time.monotonic() + 20
    while not scene.stage.idle(scene.admin):
        assert time.monotonic() < deadline, "a session of the admin stays on the server"
        await asyncio.sleep(0.02)
