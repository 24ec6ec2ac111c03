"""A flip that refuses to change rights is stopped by what it would change, and by nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.engines.conformance import scene as scenes
from tests.engines.conformance.scene import Scene
from tests.engines.conformance.stage import Stage

from keyward.domain.allowances import Allowance
from keyward.engines.base import Flip
from keyward.errors import Blocked, Reason


@pytest.fixture
async def scene(stage: Stage) -> Scene:
    """A pair that is in use."""
    found = scenes.created(stage)
    await found.apply(found.first, "one")
    await found.apply(found.second, "two")
    return found


async def test_rights_as_they_shall_be_stop_no_flip(scene: Scene):
    for account in scene.accounts.names:
        await scene.judge(Flip(account, refuse=True))


async def test_a_right_that_was_taken_stops_the_flip_that_refuses_and_nothing_is_changed(scene: Scene):
    scene.stage.take_right(scene.accounts)
    before = await scene.inspect()
    with pytest.raises(Blocked, match=f"account '{scene.first}' (lacks|has) ") as caught:
        await scene.judge(Flip(scene.first, refuse=True))
    assert caught.value.reason is Reason.RIGHTS_DIFFER
    assert caught.value.__context__ is None
    assert len(caught.value.message) < 900
    with pytest.raises(Blocked):  # it is still as it was
        await scene.judge(Flip(scene.first, refuse=True))
    assert await scene.inspect() == before


async def test_a_right_that_was_taken_stops_no_other_flip_and_is_given_by_it(scene: Scene):
    scene.stage.take_right(scene.accounts)
    await scene.judge(Flip(scene.first))
    await scene.apply(scene.first, "three")
    await scene.judge(Flip(scene.first, refuse=True))


async def test_an_account_that_is_not_there_has_no_rights_that_could_differ(stage: Stage):
    scene = scenes.created(stage)
    await scene.judge(Flip(scene.second, refuse=True))


async def test_no_more_than_is_allowed_is_given_to_an_imported_account(stage: Stage):
    scene = scenes.imported(stage, f"mine{scenes.number()}", f"mine{scenes.number()}b")
    stage.widen(scene.first)
    before, flip = await scene.inspect(), Flip(scene.second, like=scene.first)
    with pytest.raises(Blocked, match=f"account '{scene.second}' would be given ") as caught:
        await scene.judge(replace(flip, allowed=(Allowance(("*",), ("ReadOnly",)),)))
    assert caught.value.reason is Reason.PRIVILEGE_NOT_ALLOWED
    assert caught.value.__context__ is None
    assert await scene.inspect() == before
    await scene.judge(flip)
