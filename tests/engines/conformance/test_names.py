"""Names are names: whatever characters they hold, they end no literal, cut no statement and mean nobody else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.engines.conformance import scene as scenes
from tests.engines.conformance.stage import Stage, number

from keyward.engines.base import Login
from keyward.errors import Blocked, KeywardError, Reason
from keyward.sensitive import Sensitive

ODD = (
    "it's",
    'say "x"',
    "back`tick",
    "back\\slash",
    "back\\'slash",
    "percent %s %(x)s {} %",
    "semi; DROP USER root; --",
    "'; DROP ROLE postgres; --",
    "/* */ # --",
    "tab\tand\nline",
    "naïve ünïcode ß",
    "日本",
    "@host@%",
    "$user",
    "select",
)


@pytest.mark.parametrize("odd", ODD)
async def test_any_name_is_quoted(stage: Stage, odd: str):
    bystander = f"bystander{number()}"
    stage.make(bystander, "kept")
    names = (f"{odd}{number()}", f"{number()}{odd}")
    if not all(stage.can_be(name) for name in names):
        await _refused(scenes.Scene(stage, stage.place(), stage.admin(), stage.imported(*names)))
        return
    scene = scenes.imported(stage, *names)
    await scene.apply(scene.second, "two")
    await scene.apply(scene.first, "one")
    await scene.verify(scene.second, "two")
    await scene.verify(scene.first, "one")
    assert stage.logs_in(bystander, "kept")


async def test_names_that_this_kind_of_server_alone_may_have_are_names_too(stage: Stage):
    for name in stage.odd:
        scene = scenes.imported(stage, name)
        await scene.apply(name, "one")
        await scene.verify(name, "one")


async def _refused(scene: scenes.Scene) -> None:
    with pytest.raises(Blocked) as caught:
        await scene.apply(scene.first, "one")
    assert caught.value.reason is Reason.INVALID_SPEC
    with pytest.raises(Blocked) as caught:
        await scene.verify(scene.first, "one")
    assert caught.value.reason in {Reason.INVALID_SPEC, Reason.LOGIN_REFUSED}


async def test_a_name_at_the_servers_limit_is_kept_whole(stage: Stage):
    scene = scenes.imported(stage, stage.at_limit)
    await scene.apply(stage.at_limit, "one")
    await scene.verify(stage.at_limit, "one")


@pytest.mark.parametrize("name", ["beyond", "a\0b", "\0", ""])
async def test_a_name_that_the_server_would_cut_is_refused(stage: Stage, name: str):
    name = stage.beyond if name == "beyond" else name
    admin = stage.admin()
    for accounts in (stage.imported(name), replace(stage.made(admin, f"base{number()}"), names=(name,))):
        scene = scenes.Scene(stage, stage.place(), admin, accounts)
        with pytest.raises(Blocked) as caught:
            await scene.apply(name, "one")
        assert caught.value.reason in {Reason.INVALID_SPEC, Reason.ACCOUNT_MISSING}
        with pytest.raises(Blocked) as caught:
            await scene.verify(name, "one")
        assert caught.value.reason in {Reason.INVALID_SPEC, Reason.LOGIN_REFUSED}


@pytest.mark.parametrize("name", [*ODD, "a\0b", "", "x" * 300])
async def test_an_admins_name_means_nobody_else(stage: Stage, name: str):
    scene = replace(scenes.created(stage), admin=Login(name, Sensitive("guess")))
    with pytest.raises(KeywardError) as caught:
        await scene.inspect()
    assert isinstance(caught.value, Blocked)
    assert caught.value.reason in {Reason.ADMIN_LOGIN_REFUSED, Reason.ADMIN_SECRET_INVALID}


@pytest.mark.parametrize("password", ['it\'s "q" \\ % {} $x`', "日本 ünïcode", " leading and trailing ", "x" * 72])
async def test_any_password_that_text_can_hold_is_set_whole(stage: Stage, password: str):
    scene = scenes.created(stage, dual=False)
    await scene.apply(scene.first, password)
    await scene.verify(scene.first, password)
    assert stage.logs_in(scene.first, password)
