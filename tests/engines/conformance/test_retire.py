"""Accounts end by being disabled or dropped, each as often as it is asked, and an owner's objects stay."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.engines.conformance import scene as scenes
from tests.engines.conformance.scene import Scene
from tests.engines.conformance.stage import Stage

from keyward.engines.base import Action, Removal
from keyward.errors import Conflict


@pytest.fixture
async def scene(stage: Stage) -> Scene:
    found = scenes.created(stage)
    await found.apply(found.first, "one")
    await found.apply(found.second, "two")
    return found


async def test_disabled_twice_and_enabled_twice(scene: Scene):
    for _ in range(2):
        assert await scene.remove(Action.DISABLE) is Action.DISABLE
        assert not any(scene.stage.logs_in(*login) for login in ((scene.first, "one"), (scene.second, "two")))
    for _ in range(2):
        await scene.remove(Action.ENABLE)
        await scene.verify(scene.first, "one")
        await scene.verify(scene.second, "two")


async def test_dropped_twice(scene: Scene):
    for _ in range(2):
        assert await scene.remove(Action.DROP) is Action.DROP
        assert not any(scene.stage.exists(name) for name in scene.accounts.all_roles)


@pytest.mark.parametrize("action", list(Action))
async def test_a_removal_that_finds_nothing_of_ours_any_more_has_done_its_work(scene: Scene, action: Action):
    """So it is asked again when the operator was killed right after the drop: whatever carries no mark of ours is left out."""
    await scene.remove(Action.DROP)
    nothing = replace(scene.accounts, names=(), rights_role=None)
    seen = await scene.inspect()
    async with scene.stage.engine.open(scene.place, scene.admin, 10.0) as session:
        assert await session.remove(Removal(action, nothing, seen), scenes.go) is action


async def test_what_was_dropped_can_be_made_again(scene: Scene):
    await scene.remove(Action.DROP)
    scene = replace(scene, mark=scenes.RETURNED)
    await scene.apply(scene.first, "three")
    await scene.verify(scene.first, "three")


async def test_an_owner_of_objects_is_disabled_instead_and_they_stay(scene: Scene):
    scene.stage.make_object(scene.first, "one")
    for _ in range(2):
        assert await scene.remove(Action.DROP) is Action.DISABLE
    assert scene.stage.exists(scene.first)
    assert not scene.stage.logs_in(scene.first, "one")


async def test_nothing_is_removed_in_a_world_that_changed(scene: Scene):
    seen = await scene.inspect()
    scene.stage.forbid(scene.first)
    async with scene.stage.engine.open(scene.place, scene.admin, 10.0) as session:
        with pytest.raises(Conflict):
            await session.remove(Removal(Action.DROP, scene.accounts, seen), scenes.go)
    assert scene.stage.exists(scene.first)
