"""Privileged accounts of MySQL and MariaDB: one role that the Target names, put on at each login, and nothing mighty."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.cluster.mysql_family import FamilyServer
from tests.engines.conformance import scene as scenes
from tests.engines.conformance.mysql_family import DATABASE, FamilyStage
from tests.engines.conformance.scene import Scene, number
from tests.engines.conformance.test_names import ODD

from keyward.engines.base import Expectation, Login
from keyward.engines.mysql import text
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive


def _privileged(stage: FamilyStage, role: str, hosts: tuple[str, ...] = ("%",)) -> Scene:
    scene = scenes.created(stage, dual=False)
    return replace(scene, accounts=replace(scene.accounts, privileges=(), preset_role=role, hosts=hosts))


def _role(server: FamilyServer) -> str:
    role = f"powers{number()}"
    server.sql(f"CREATE ROLE {role}")
    server.sql(f"GRANT ALL ON `con\\_formance`.* TO {role}")
    return role


def _give(server: FamilyServer, scene: Scene, role: str) -> None:
    server.sql(f"GRANT {role} TO {scene.admin.account} WITH ADMIN OPTION")
    if server.name == "MariaDB":
        server.sql(f"GRANT UPDATE ON mysql.* TO {scene.admin.account}")  # a default role is written there


def _made(stage: FamilyStage, server: FamilyServer, hosts: tuple[str, ...] = ("%",)) -> Scene:
    role = _role(server)
    scene = _privileged(stage, role, hosts)
    _give(server, scene, role)
    return scene


async def _refused(scene: Scene) -> Blocked:
    with pytest.raises(Blocked) as caught:
        await scene.apply(scene.first, "one")
    assert not scene.stage.exists(scene.first)
    return caught.value


async def test_it_puts_the_role_on_at_each_login_and_keeps_it_through_rotations(stage, server):
    scene = _made(stage, server)
    for password in ("one", "two"):
        await scene.apply(scene.first, password)
        await scene.verify(scene.first, password)
        with server.connect(DATABASE, scene.first, password) as conn, conn.cursor() as cursor:
            cursor.execute(f"CREATE TABLE {scene.first}_{password} (n int)")
            cursor.execute(f"DROP TABLE {scene.first}_{password}")


async def test_each_of_its_hosts_gets_the_role_and_is_looked_at(stage, server):
    scene = _made(stage, server, hosts=("127.0.0.1", "10.99.0.%"))
    await scene.apply(scene.first, "one")
    await _prove(scene, "one")
    _take_default(server, f"{scene.first}@'10.99.0.%'")
    with pytest.raises(Blocked, match=r"@10\.99\.0\.%' does not put on the privilegedRole") as caught:
        await _prove(scene, "one")
    assert caught.value.reason is Reason.PRIVILEGE_MISSING


async def _prove(scene: Scene, password: str) -> None:
    """With the admin, who looks at the hosts that a login from here does not reach."""
    login = Login(scene.first, Sensitive(password))
    expect = Expectation(scene.accounts, admin=scene.admin)
    await scene.stage.engine.verify(scene.place, scene.place.primary, login, expect)


async def test_a_role_that_is_no_default_any_more_is_noticed_and_given_back_by_the_next_rotation(stage, server):
    scene = _made(stage, server)
    await scene.apply(scene.first, "one")
    _take_default(server, scene.first)
    server.sql(f"GRANT SELECT ON `con\\_formance`.* TO {scene.first}")  # so that it gets in
    with pytest.raises(Blocked, match="does not put on the privilegedRole") as caught:
        await scene.verify(scene.first, "one")
    assert caught.value.reason is Reason.PRIVILEGE_MISSING
    await scene.apply(scene.first, "two")
    await scene.verify(scene.first, "two")


@pytest.mark.parametrize("odd", [*ODD, "a,b", "`x`@`%`", "none", "default"])
async def test_any_name_of_the_targets_role_is_quoted(stage, server, odd: str):
    role = f"{odd}{number()}"
    server.sql(f"CREATE ROLE {text.identifier(role)}")
    server.sql(f"GRANT ALL ON `con\\_formance`.* TO {text.identifier(role)}")
    scene = _privileged(stage, role, ("127.0.0.1", "10.99.0.%"))
    _give(server, scene, text.identifier(role))
    for password in ("one", "two"):
        await scene.apply(scene.first, password)
        await _prove(scene, password)
    lines = [line for (line,) in server.sql(f"SHOW GRANTS FOR {scene.first}@127.0.0.1") if "USAGE" not in line]
    assert sum(text.identifier(role) in line for line in lines) == len(lines), "it has this role alone"


@pytest.mark.parametrize("name", ["beyond", "a\0b", "\0", "", "powers ", "pow😀ers", "\ud800"])
async def test_a_name_of_the_targets_role_that_the_server_would_cut_is_refused(stage, name: str):
    scene = _privileged(stage, stage.beyond if name == "beyond" else name)
    error = await _refused(scene)
    assert error.reason is Reason.INVALID_SPEC
    assert "privilegedRole" in error.message
    assert "takes 1 to" in error.message


@pytest.mark.parametrize("server", ["mariadb"], indirect=True)
async def test_what_everybody_has_is_no_role(stage, server):
    server.sql(f"GRANT SELECT ON `{DATABASE}`.* TO PUBLIC")
    try:
        error = await _refused(_privileged(stage, "PUBLIC"))
    finally:
        server.sql(f"REVOKE SELECT ON `{DATABASE}`.* FROM PUBLIC")
    assert error.reason is Reason.INVALID_SPEC
    assert "is no role on the server" in error.message


async def test_a_role_that_is_not_there_is_named(stage):
    error = await _refused(_privileged(stage, "no_such_role"))
    assert error.reason is Reason.INVALID_SPEC
    assert "'no_such_role' is no role on the server" in error.message


async def test_an_account_that_logs_in_is_no_role(stage, server):
    name = f"person{number()}"
    stage.make(name, "theirs")
    error = await _refused(_privileged(stage, name))
    assert error.reason is Reason.INVALID_SPEC


@pytest.mark.parametrize("deep", [False, True], ids=["itself", "by a role that it has"])
async def test_a_role_with_rights_over_the_whole_server_is_never_granted(stage, server, deep: bool):
    scene = _made(stage, server)
    mighty = scene.accounts.preset_role
    if deep:
        mighty = _role(server)
        server.sql(f"GRANT {mighty} TO {scene.accounts.preset_role}")
    server.sql(f"GRANT CREATE USER ON *.* TO {mighty}")
    error = await _refused(scene)
    assert error.reason is Reason.ACCOUNT_RESERVED
    assert "rights over the whole server" in error.message


async def test_a_role_that_the_admin_may_not_give_is_named_with_the_grant(stage, server):
    role = _role(server)
    error = await _refused(_privileged(stage, role))
    assert error.reason is Reason.ADMIN_PRIVILEGE_MISSING
    assert f"ADMIN OPTION on role '{role}'" in error.message


def _take_default(server: FamilyServer, account: str) -> None:
    mariadb = server.name == "MariaDB"
    server.sql(f"SET DEFAULT ROLE NONE FOR {account}" if mariadb else f"ALTER USER {account} DEFAULT ROLE NONE")
