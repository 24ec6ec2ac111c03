"""Rows of user@host on MySQL and MariaDB: all that are listed change together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.cluster.mysql_family import FamilyServer
from tests.engines.conformance import scene as scenes
from tests.engines.conformance.scene import Scene

from keyward.engines.base import Expectation, Login
from keyward.errors import Blocked, Reason, Unsettled
from keyward.sensitive import Sensitive

ELSEWHERE = "10.99.0.%"


def _with(scene: Scene, **changes: Any) -> Scene:
    return replace(scene, accounts=replace(scene.accounts, **changes))


async def test_all_listed_rows_get_the_value_and_those_out_of_reach_are_looked_at(stage, server):
    scene = _with(scenes.created(stage), hosts=("127.0.0.1", ELSEWHERE))
    await scene.apply(scene.first, "one")
    expect = Expectation(scene.accounts, admin=scene.admin)
    login = Login(scene.first, Sensitive("one"))
    await stage.engine.verify(scene.place, scene.place.primary, login, expect)
    hosts = {row[0] for row in server.sql("SELECT host FROM mysql.user WHERE user = %s", [scene.first])}
    assert hosts == {"127.0.0.1", ELSEWHERE}
    server.sql(f"ALTER USER {scene.first}@'{ELSEWHERE}' IDENTIFIED BY 'another'")
    with pytest.raises(Blocked, match="stores another password") as caught:
        await stage.engine.verify(scene.place, scene.place.primary, login, expect)
    assert caught.value.reason is Reason.LOGIN_REFUSED


async def test_a_value_is_proven_by_what_is_stored_where_no_row_admits_us(stage, server):
    scene = _with(scenes.created(stage), hosts=(ELSEWHERE,))
    await scene.apply(scene.first, "one")
    expect = Expectation(scene.accounts, admin=scene.admin)

    async def verify(password: str) -> None:
        login = Login(scene.first, Sensitive(password))
        await stage.engine.verify(scene.place, scene.place.primary, login, expect)

    await verify("one")
    with pytest.raises(Blocked) as caught:
        await verify("two")
    assert caught.value.reason is Reason.LOGIN_REFUSED
    server.sql(f"ALTER USER {scene.first}@'{ELSEWHERE}' ACCOUNT LOCK")
    with pytest.raises(Blocked) as caught:
        await verify("one")
    assert caught.value.reason is Reason.ACCOUNT_DISABLED


async def test_a_row_that_nobody_listed_stops_the_change(stage, server):
    scene = scenes.created(stage)
    await scene.apply(scene.first, "one")
    server.sql(f"CREATE USER {scene.first}@'127.0.0.1' IDENTIFIED BY 'x'")
    with pytest.raises(Blocked, match=r"'127\.0\.0\.1'") as caught:
        await scene.apply(scene.first, "two")
    assert caught.value.reason is Reason.UNLISTED_HOST


async def test_a_host_that_is_listed_later_is_added_in_its_turn(stage, server):
    scene = scenes.created(stage)
    await scene.apply(scene.first, "one")
    wider = _with(scene, hosts=("%", ELSEWHERE))
    await wider.apply(scene.first, "two")
    await wider.verify(scene.first, "two")
    stored = server.sql("SELECT count(*) FROM mysql.user WHERE user = %s", [scene.first])
    assert stored == [(2,)]


async def test_a_row_that_was_added_by_hand_makes_a_marked_account_neither_ours_nor_free_to_be_imported(stage, server):
    scene = _with(scenes.created(stage, dual=False), hosts=("%", ELSEWHERE))
    server.sql(f"CREATE USER {scene.first}@'%' IDENTIFIED BY 'x' {_attribute(server)}")
    server.sql(f"CREATE USER {scene.first}@'{ELSEWHERE}' IDENTIFIED BY 'x'")
    assert (await scene.inspect()).accounts[scene.first].mark is None
    seen = await _with(scene, created=False).inspect()
    assert seen.accounts[scene.first].mark == ("theirs" if server.name == "MySQL" else None)


def _attribute(server: FamilyServer) -> str:
    return """ATTRIBUTE '{"keyward": "theirs"}'""" if server.name == "MySQL" else ""


async def test_one_row_that_keeps_the_old_password_is_an_unknown_outcome(stage, server, monkeypatch):
    """As MariaDB does it when it is interrupted between two rows of one statement."""
    from keyward.engines.mysql import statements

    scene = _with(scenes.created(stage), hosts=("127.0.0.1", ELSEWHERE))
    await scene.apply(scene.first, "one")
    kept = statements.set_password
    monkeypatch.setattr(statements, "set_password", lambda proofs, *rest: kept(proofs[:1], *rest))
    with pytest.raises(Unsettled):
        await scene.apply(scene.first, "two")
    monkeypatch.undo()
    await scene.apply(scene.first, "two")
    await scene.verify(scene.first, "two")
