"""A login counts as proof only as the right account, with the right password and the rights that it shall have."""

from __future__ import annotations

import pytest
from tests.engines.conformance import scene as scenes
from tests.engines.conformance.scene import Scene
from tests.engines.conformance.stage import Stage

from keyward.errors import Blocked, Reason


@pytest.fixture
async def scene(stage: Stage) -> Scene:
    found = scenes.created(stage)
    await found.apply(found.first, "one")
    await found.verify(found.first, "one")
    return found


async def _refusal(scene: Scene, password: str = "one") -> Reason:
    with pytest.raises(Blocked) as caught:
        await scene.verify(scene.first, password)
    assert caught.value.__context__ is None
    return caught.value.reason


@pytest.mark.parametrize("password", ["two", "ONE", "one ", "", "o\0ne", b"\xff"])
async def test_a_wrong_password_is_a_refused_login(scene: Scene, password):
    assert await _refusal(scene, password) is Reason.LOGIN_REFUSED


async def test_an_account_that_is_not_there_is_a_refused_login(stage: Stage):
    accounts = stage.imported(f"absent{scenes.number()}")
    assert await _refusal(Scene(stage, stage.place(), stage.admin(), accounts)) is Reason.LOGIN_REFUSED


async def test_a_login_that_ends_as_somebody_else_is_a_wrong_identity(scene: Scene):
    scene.stage.hijack(scene.first, "one")
    assert await _refusal(scene) is Reason.WRONG_IDENTITY


async def test_a_right_that_was_taken_is_missed(scene: Scene):
    scene.stage.take_right(scene.accounts)
    assert await _refusal(scene) is Reason.PRIVILEGE_MISSING


async def test_a_right_that_was_taken_is_given_again_by_the_next_change(scene: Scene):
    scene.stage.take_right(scene.accounts)
    await scene.apply(scene.first, "two")
    await scene.verify(scene.first, "two")


async def test_a_disabled_account_is_told_from_a_wrong_password(scene: Scene):
    scene.stage.forbid(scene.first)
    assert await _refusal(scene) is Reason.ACCOUNT_DISABLED
