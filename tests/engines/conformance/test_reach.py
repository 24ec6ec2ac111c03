"""Who cannot be reached, and who may not come in: named by reason, within the time that was given."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

import pytest
from tests.cluster import process
from tests.cluster.proxy import FaultProxy
from tests.engines.conformance import scene as scenes
from tests.engines.conformance.scene import Scene
from tests.engines.conformance.stage import Stage

from keyward.engines.base import Endpoint, Login
from keyward.errors import Blocked, KeywardError, Reason, Retry
from keyward.sensitive import Sensitive


@pytest.fixture
def proxy(stage: Stage) -> Iterator[FaultProxy]:
    with FaultProxy(("127.0.0.1", stage.port)) as proxy:
        yield proxy


async def _of_open(scene: Scene) -> tuple[type[KeywardError], Reason]:
    with pytest.raises(KeywardError) as caught:
        await scene.inspect()
    assert caught.value.__context__ is None
    return type(caught.value), caught.value.reason


async def _of_login(scene: Scene) -> tuple[type[KeywardError], Reason]:
    with pytest.raises(KeywardError) as caught:
        await scene.verify(scene.first, "one")
    assert caught.value.__context__ is None
    return type(caught.value), caught.value.reason


@pytest.mark.parametrize("password", ["wrong", "", "with\0nul", b"\xff\xfe"])
async def test_a_wrong_password_of_the_admin_is_named(stage: Stage, password: str | bytes):
    scene = scenes.created(stage)
    scene = replace(scene, admin=Login(scene.admin.account, Sensitive(password)))
    kind, reason = await _of_open(scene)
    assert kind is Blocked
    assert reason in {Reason.ADMIN_LOGIN_REFUSED, Reason.ADMIN_SECRET_INVALID}


async def test_an_unknown_admin_is_named(stage: Stage):
    scene = replace(scenes.created(stage), admin=Login("nobody-of-that-name", Sensitive("x")))
    assert await _of_open(scene) == (Blocked, Reason.ADMIN_LOGIN_REFUSED)


async def test_an_admin_without_rights_is_told_so_before_anything_is_sent(stage: Stage):
    scene = replace(scenes.created(stage), admin=stage.powerless())
    there = stage.exists(scene.first)
    with pytest.raises(Blocked) as caught:
        await scene.apply(scene.first, "one", send=_never)
    assert caught.value.reason is Reason.ADMIN_PRIVILEGE_MISSING
    assert stage.exists(scene.first) is there
    assert not stage.logs_in(scene.first, "one")


async def _never() -> None:
    raise AssertionError("it was about to send")


def _down(scene: Scene) -> Scene:
    """The same where nobody listens."""
    nobody = Endpoint("127.0.0.1", process.free_port())
    return replace(scene, place=replace(scene.place, endpoints=(nobody,)))


async def test_a_server_that_is_down_is_tried_again(stage: Stage):
    assert await _of_open(_down(scenes.created(stage))) == (Retry, Reason.UNREACHABLE)


async def test_a_login_at_a_server_that_is_down_is_tried_again(stage: Stage):
    assert await _of_login(_down(scenes.created(stage))) == (Retry, Reason.UNREACHABLE)


async def test_a_name_without_an_address_is_tried_again(stage: Stage):
    nobody = Endpoint("no-such-host.invalid", stage.port)
    scene = scenes.created(stage)
    lost = replace(scene, place=replace(scene.place, endpoints=(nobody,)))
    assert await _of_open(lost) == (Retry, Reason.NAME_RESOLUTION)


async def test_a_silent_server_is_not_waited_for_beyond_the_timeout(stage: Stage, proxy: FaultProxy):
    proxy.black_hole = True
    scene = scenes.created(stage).through(proxy.port, timeout=1.0)
    began = time.monotonic()
    assert await _of_open(scene) == (Retry, Reason.TIMEOUT)
    assert time.monotonic() - began < 4


async def test_a_slow_server_is_served_all_the_same(stage: Stage, proxy: FaultProxy):
    scene = scenes.created(stage, dual=False)
    proxy.delay = 0.03
    await scene.through(proxy.port).apply(scene.first, "one")
    await scene.through(proxy.port).verify(scene.first, "one")


@pytest.mark.parametrize("passed", [1, 40, 200, 900])
async def test_a_connection_that_is_cut_in_the_middle_of_an_answer_is_tried_again(stage: Stage, passed: int):
    with FaultProxy(("127.0.0.1", stage.port), cut_down=passed) as proxy:
        scene = scenes.created(stage).through(proxy.port, timeout=3.0)
        assert (await _of_open(scene))[0] is Retry


@pytest.mark.parametrize("passed", [1, 40, 200, 900])
async def test_a_login_that_is_cut_in_the_middle_of_an_answer_is_tried_again(stage: Stage, passed: int):
    with FaultProxy(("127.0.0.1", stage.port), cut_down=passed) as proxy:
        scene = scenes.created(stage).through(proxy.port, timeout=3.0)
        assert (await _of_login(scene))[0] is Retry


async def test_each_answer_lost_on_the_way_in_is_tried_again(stage: Stage, proxy: FaultProxy):
    """The greeting, TLS, the login, the settings of the session: one run for each answer."""
    scene = scenes.created(stage).through(proxy.port, timeout=3.0)
    await _each_answer_lost(scene.inspect, proxy)


async def test_each_answer_lost_of_a_login_is_tried_again(stage: Stage, proxy: FaultProxy):
    scene = scenes.created(stage)
    await scene.apply(scene.first, "one")
    through = scene.through(proxy.port, timeout=3.0)
    await _each_answer_lost(lambda: through.verify(scene.first, "one"), proxy)


async def _each_answer_lost(way_in: Callable[[], Awaitable[object]], proxy: FaultProxy) -> None:
    lost = 0
    while (error := await _after(way_in, proxy, lost)) is not None:
        assert isinstance(error, Retry), error
        lost += 1
    assert 1 < lost < 40


async def _after(way_in: Callable[[], Awaitable[object]], proxy: FaultProxy, answers: int) -> KeywardError | None:
    proxy.answers_left = answers
    try:
        await way_in()
    except KeywardError as error:
        return error
    return None


async def test_a_connection_that_is_refused_at_once_is_tried_again(stage: Stage, proxy: FaultProxy):
    proxy.refuse = True
    kind, _ = await _of_open(scenes.created(stage).through(proxy.port, timeout=3.0))
    assert kind is Retry


async def test_a_session_that_was_cut_is_not_opened_again_behind_our_back(stage: Stage, proxy: FaultProxy):
    scene = scenes.created(stage).through(proxy.port)
    async with stage.engine.open(scene.place, scene.admin, 5.0) as session:
        await session.inspect(scene.accounts)
        proxy.cut()
        for _ in range(2):
            with pytest.raises(Retry):
                await session.inspect(scene.accounts)


async def test_a_server_that_is_not_the_one_that_was_described_is_named_and_gets_no_password(stage: Stage, tmp_path):
    place, reason = stage.stranger(tmp_path)
    assert await _of_open(replace(scenes.created(stage), place=place)) == (Blocked, reason)


async def test_a_login_at_a_server_that_is_not_the_one_that_was_described_is_not_tried(stage: Stage, tmp_path):
    place, reason = stage.stranger(tmp_path)
    assert await _of_login(replace(scenes.created(stage), place=place)) == (Blocked, reason)


async def test_a_certificate_for_another_name_is_refused(stage: Stage):
    scene = scenes.created(stage)
    scene = replace(scene, place=replace(scene.place, server_name="db.example.com"))
    assert await _of_open(scene) == (Blocked, Reason.UNKNOWN_CA)


async def test_the_certificates_name_may_differ_from_the_address(stage: Stage):
    scene = scenes.created(stage)
    scene = replace(scene, place=replace(scene.place, server_name="localhost"))
    await scene.inspect()
