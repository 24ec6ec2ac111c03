"""No value in any error, any log of ours, or anything that the server writes down."""

from __future__ import annotations

import logging
import traceback

import pytest
from tests.cluster.proxy import FaultProxy
from tests.engines.conformance import scene as scenes
from tests.engines.conformance.scene import Scene
from tests.engines.conformance.stage import Stage

from keyward.engines.base import Action
from keyward.errors import KeywardError

CANARY = "Canary-9f3b27c1d4-passw0rd"


def _told(error: BaseException) -> str:
    """Everything that a log, a status or a debugger could show of an error."""
    told = "".join(traceback.format_exception(error)) + repr(error.__dict__) + repr(error.args)
    assert error.__cause__ is None
    assert error.__context__ is None
    return told


async def test_the_server_writes_down_no_value(stage: Stage):
    scene = scenes.created(stage)
    admins = stage.records().count(scene.admin.password.reveal())  # by the person who made the admin
    for account, tail in ((scene.first, "a"), (scene.second, "b"), (scene.first, "c")):
        await scene.apply(account, CANARY + tail)
        await scene.verify(account, CANARY + tail)
    records = stage.records()
    assert scene.second.encode() in records
    assert not _shown(stage, records, "a", "b", "c")
    assert records.count(scene.admin.password.reveal()) == admins


async def test_a_removal_is_written_down_without_a_value(stage: Stage):
    scene = scenes.created(stage)
    await scene.apply(scene.first, CANARY)
    await scene.remove(Action.DISABLE)
    await scene.remove(Action.ENABLE)
    assert not _shown(stage, stage.records(), "")


def _shown(stage: Stage, records: bytes, *tails: str) -> list[str]:
    """Whose values are in there."""
    return [tail for tail in tails if any(trace in records for trace in stage.traces(CANARY + tail))]


async def test_a_statement_that_fails_is_written_down_without_a_value(stage: Stage):
    scene = scenes.created(stage)
    await scene.apply(scene.first, "one")
    seen = await scene.inspect()
    with FaultProxy(("127.0.0.1", stage.port)) as proxy:

        async def mute() -> None:
            proxy.mute = True

        with pytest.raises(KeywardError):
            await scene.through(proxy.port).apply(scene.first, CANARY, seen=seen, send=mute)
    with stage.stalled(scene.first), pytest.raises(KeywardError):
        await scene.through(stage.port, timeout=stage.patience).apply(scene.first, f"{CANARY}-later")
    assert not _shown(stage, stage.records(), "", "-later")


async def test_no_error_tells_a_value(stage: Stage, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    scene = scenes.created(stage)
    await scene.apply(scene.first, "one")
    told = [await _refused(scene), await _cut(scene), await _stalled(scene)]
    for text in (*told, caplog.text):
        assert not _shown(stage, text.encode(), "", "-later")


async def _refused(scene: Scene) -> str:
    with pytest.raises(KeywardError) as caught:
        await scene.verify(scene.first, CANARY)
    return _told(caught.value)


async def _cut(scene: Scene) -> str:
    with FaultProxy(("127.0.0.1", scene.stage.port)) as proxy:

        async def mute() -> None:
            proxy.mute = True

        with pytest.raises(KeywardError) as caught:
            await scene.through(proxy.port).apply(scene.first, CANARY, send=mute)
    return _told(caught.value)


async def _stalled(scene: Scene) -> str:
    with scene.stage.stalled(scene.first), pytest.raises(KeywardError) as caught:
        # Another value: where two are valid at once, one that is there already would be no change.
        await scene.through(scene.stage.port, timeout=scene.stage.patience).apply(scene.first, f"{CANARY}-later")
    return _told(caught.value)
