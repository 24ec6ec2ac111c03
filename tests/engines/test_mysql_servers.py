"""The wrong server of MySQL's family: read-only, crowded, of the other flavour, without TLS."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tests.cluster.mysql_family import FamilyServer
from tests.engines.conformance import scene as scenes
from tests.engines.conformance.mysql_family import FamilyStage, MariadbStage, MysqlStage
from tests.engines.conformance.scene import Scene

from keyward.engines.base import Change, Expectation, Inspection, Login
from keyward.engines.mysql.engine import MariaDB, MySQL
from keyward.errors import Blocked, Reason, Retry
from keyward.sensitive import Sensitive


async def test_a_read_only_primary_gets_nothing(stage, server, request: pytest.FixtureRequest):
    scene = scenes.created(stage)
    request.addfinalizer(lambda: server.sql("SET GLOBAL read_only = OFF"))
    server.sql("SET GLOBAL read_only = ON")
    for admin in (scene.admin, Login("boss", Sensitive("super-secret-of-the-test"))):
        with pytest.raises(Retry) as caught:
            await replace(scene, admin=admin).inspect()
        assert caught.value.reason is Reason.READ_ONLY_ENDPOINT


async def test_a_crowded_server_is_tried_again(stage, server, request: pytest.FixtureRequest):
    scene = scenes.created(stage)
    request.addfinalizer(lambda: server.sql("SET GLOBAL max_connections = 60"))
    server.sql("SET GLOBAL max_connections = 10")  # MariaDB takes no less
    with contextlib.ExitStack() as crowd:
        for _ in range(10):
            crowd.enter_context(server.connect())
        with pytest.raises(Retry) as caught:
            await scene.inspect()
    assert caught.value.reason is Reason.BUSY


async def test_the_other_flavour_is_named(stage, server):
    other = MariaDB() if server.name == "MySQL" else MySQL()
    with pytest.raises(Blocked, match=server.name) as caught:
        async with other.open(stage.place(), stage.admin(), 5.0):
            pass
    assert caught.value.reason is Reason.ENGINE_UNSUPPORTED


async def test_a_server_without_tls_gets_no_password(server):
    with type(server)(tls=False, settings=_no_tls(server)) as bare:
        stage = MysqlStage(bare) if server.name == "MySQL" else MariadbStage(bare)
        for call in _logins(stage):
            with pytest.raises(Blocked) as caught:
                await call()
            assert caught.value.reason is Reason.TLS_REFUSED


def _no_tls(server: FamilyServer) -> dict[str, str]:
    return {"tls-version": ""} if server.name == "MySQL" else {"skip-ssl": "1"}


def _logins(stage: FamilyStage) -> list[Callable[[], Any]]:
    async def opened() -> None:
        async with stage.engine.open(stage.place(), Login("boss", Sensitive("super-secret-of-the-test")), 5.0):
            pass

    async def verified() -> None:
        place, login = stage.place(), Login("boss", Sensitive("super-secret-of-the-test"))
        await stage.engine.verify(place, place.primary, login, Expectation(stage.imported("boss")))

    return [opened, verified]


async def test_a_session_that_says_nothing_is_ended_by_the_server_with_its_locks(stage, server):
    scene = scenes.created(stage)
    async with stage.engine.open(scene.place, scene.admin, 5.0) as session:
        seen = await session.inspect(scene.accounts)
        (number_,) = server.sql("SELECT id FROM information_schema.processlist WHERE user = %s", [scene.admin.account])[
            0
        ]
        server.sql(f"KILL {number_}")
        with pytest.raises(Retry):
            await session.apply(_change(scene, seen), scenes.go)
    assert not stage.exists(scene.first)
    wait = "SELECT @@session.wait_timeout"
    async with stage.engine.open(scene.place, scene.admin, 5.0) as session:
        assert await session.wire.rows(wait) == [(60,)]


def _change(scene: Scene, seen: Inspection) -> Change:
    return scene.change(scene.first, "one", seen)
