"""One account that holds two values: neither a replay nor somebody else's password ever costs the one in use."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace

import pytest
from tests.cluster.proxy import FaultProxy
from tests.engines.conformance import scene as scenes
from tests.engines.conformance.conftest import STAGES
from tests.engines.conformance.scene import Scene
from tests.engines.conformance.stage import Stage

from keyward.engines.overlap import Ending, OverlapSession
from keyward.errors import Blocked, KeywardError, Reason, Retry

pytestmark = pytest.mark.parametrize("stage", [n for n, kind in STAGES.items() if kind.overlaps], indirect=True)
MANY = 80


def created(stage: Stage) -> Scene:
    scene = scenes.created(stage, dual=False)
    scene.in_use.clear()  # here each change says itself what is kept
    return replace(scene, accounts=replace(scene.accounts, overlap=True))


async def change(scene: Scene, new: str, keep: str | None, send: scenes.Send = scenes.go) -> None:
    async with scene.stage.engine.open(scene.place, scene.admin, scene.timeout) as session:
        seen = await session.inspect(scene.accounts)
        await session.check(scene.accounts, seen)
        wanted = replace(
            scene.change(scene.first, new, seen), keep=scene.stage.value(keep, scene.first) if keep else None
        )
        await session.apply(wanted, send)


async def end(scene: Scene, old: str, keep: str, send: scenes.Send = scenes.go) -> None:
    async with scene.stage.engine.open(scene.place, scene.admin, scene.timeout) as session:
        assert isinstance(session, OverlapSession)
        seen = await session.inspect(scene.accounts)
        values = (scene.stage.value(text, scene.first) for text in (old, keep))
        await session.end(Ending(scene.first, scene.accounts, seen, *values), send)


async def two(stage: Stage) -> Scene:
    """An account whose new value is "new" and whose older one is "old"."""
    scene = created(stage)
    await change(scene, "old", None)
    await change(scene, "new", "old")
    return scene


def let_in(scene: Scene, *values: str) -> list[str]:
    return [value for value in values if scene.stage.logs_in(scene.first, value)]


async def test_after_a_change_both_values_log_in_and_after_the_end_the_new_one_alone(stage: Stage):
    scene = await two(stage)
    for value in ("old", "new"):
        await scene.verify(scene.first, value)
    await end(scene, "old", "new")
    assert let_in(scene, "old", "new") == ["new"]
    await scene.verify(scene.first, "new")


async def test_the_same_change_and_the_same_end_twice_cost_nobody_a_login(stage: Stage):
    scene = await two(stage)
    await change(scene, "new", "old")
    assert let_in(scene, "old", "new") == ["old", "new"]
    for _ in range(2):
        await end(scene, "old", "new")
        assert let_in(scene, "old", "new") == ["new"]


async def test_going_back_the_newer_value_is_ended_and_the_next_change_keeps_the_older(stage: Stage):
    scene = await two(stage)
    await end(scene, "new", "old")
    assert let_in(scene, "old", "new") == ["old"]
    await change(scene, "newest", "old")
    assert let_in(scene, "old", "new", "newest") == ["old", "newest"]


async def test_somebody_elses_second_value_is_a_conflict_and_stays(stage: Stage):
    scene = created(stage)
    await change(scene, "ours", None)
    stage.give_second(scene.first, "theirs")
    for act in (change(scene, "new", "ours"), end(scene, "another", "ours")):
        with pytest.raises(Blocked) as caught:
            await act
        assert caught.value.reason is Reason.SECOND_PASSWORD
        assert let_in(scene, "ours", "theirs", "new") == ["ours", "theirs"]


async def test_a_value_that_somebody_set_over_ours_is_replaced_and_not_kept(stage: Stage):
    scene = created(stage)
    await change(scene, "ours", None)
    stage.set_by_hand(scene.first, "theirs")
    await change(scene, "new", "ours")
    assert let_in(scene, "ours", "theirs", "new") == ["new"]


async def test_each_answer_lost_in_turn_leaves_the_value_in_use_and_can_be_made_good(stage: Stage):
    with FaultProxy(("127.0.0.1", stage.port)) as proxy:
        for what, act in (("change", lambda s, send: change(s, "newest", "new", send)), ("end", _end)):
            for answers in range(MANY):
                scene = await two(stage)
                if what == "change":
                    await end(scene, "old", "new")

                async def lose(answers: int = answers) -> None:
                    proxy.answers_left = answers

                failure = await _fails(act(scene.through(proxy.port), lose))
                proxy.answers_left = None
                assert failure is None or isinstance(failure, Retry)
                assert let_in(scene, "new") == ["new"]
                await _gone(scene)
                await act(scene, scenes.go)
                wanted = ["new", "newest"] if what == "change" else ["new"]
                assert let_in(scene, "old", "new", "newest") == wanted
                assert not stage.left_over()
                if failure is None:
                    break
            else:
                raise AssertionError(f"{what} takes more than {MANY} answers")


async def _fails(work: Awaitable[None]) -> KeywardError | None:
    try:
        await work
    except KeywardError as error:
        return error
    return None


def _end(scene: Scene, send: scenes.Send) -> Awaitable[None]:
    return end(scene, "old", "new", send)


async def test_a_statement_that_outlives_its_client_is_waited_for_and_not_done_again(stage: Stage):
    scene = created(stage)
    await change(scene, "old", None)
    with FaultProxy(("127.0.0.1", stage.port)) as proxy:
        with stage.stalled(scene.first):
            sent = asyncio.Event()

            async def tell() -> None:
                sent.set()

            late = asyncio.create_task(change(scene.through(proxy.port), "new", "old", tell))
            await sent.wait()
            await asyncio.sleep(0.3)  # into the statement that waits: no clock of ours runs on the server
            proxy.black_hole = True
            late.cancel()
            await asyncio.wait([late])
            with pytest.raises(Retry):
                await change(scene.through(stage.port, timeout=2 * stage.patience), "new", "old")
        await _gone(scene)
        proxy.cut()  # a client that was cancelled may still say farewell to nobody
        await change(scene, "new", "old")
    assert let_in(scene, "old", "new") == ["old", "new"]
    assert not stage.left_over()


async def test_the_server_writes_down_neither_value(stage: Stage):
    scene, canary = created(stage), "Canary-71be-overlap-"
    await change(scene, f"{canary}a", None)
    await change(scene, f"{canary}b", f"{canary}a")
    await end(scene, f"{canary}b", f"{canary}a")
    records = stage.records()
    assert not any(trace in records for tail in "ab" for trace in stage.traces(f"{canary}{tail}"))


async def _gone(scene: Scene) -> None:
    """Wait until no session of the admin is left."""
    for _ in range(600):
        if scene.stage.idle(scene.admin):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("a session is left")
