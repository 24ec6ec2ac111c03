"""An admin of MySQL or MariaDB whose rights come by roles is held to what is on after its login, before anything is changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from tests.cluster.mysql_family import FamilyServer
from tests.engines.conformance import scene as scenes
from tests.engines.conformance.mysql_family import FamilyStage
from tests.engines.conformance.scene import Scene, number

from keyward.engines.base import Action, Login
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

PASSWORD = "rotators-password"
RIGHTS = ("CREATE USER ON *.*", "SELECT ON mysql.*", "ALL ON `con\\_formance`.* WITH GRANT OPTION")
SEEING = "SELECT ON `con\\_formance`.*"
LACKS = {
    RIGHTS[0]: "the admin lacks CREATE USER ON *.*",
    RIGHTS[1]: "the admin lacks SELECT ON mysql.*",
    RIGHTS[2]: "the admin cannot give ALTER, ",
}


def _role(server: FamilyServer, *rights: str, of: str = "") -> str:
    """A role with these rights, granted to that admin or role."""
    role = f"duties{number()}"
    server.sql(f"CREATE ROLE {role}")
    for right in rights:
        _grant(server, role, right)
    if of:
        server.sql(f"GRANT {role} TO {of}")
    return role


def _grant(server: FamilyServer, to: str, right: str) -> None:
    right, option, _ = right.partition(" WITH GRANT OPTION")
    server.sql(f"GRANT {right} TO {to}{option}")


def _default(server: FamilyServer, admin: str, *roles: str) -> None:
    if server.name == "MySQL":
        server.sql(f"ALTER USER {admin} DEFAULT ROLE {', '.join(roles)}")
    else:
        [role] = roles
        server.sql(f"SET DEFAULT ROLE {role} FOR {admin}")


def _admin(server: FamilyServer, *rights: str) -> str:
    name = f"admin{number()}"
    server.sql(f"CREATE USER {name} IDENTIFIED BY '{PASSWORD}'")
    for right in rights:
        _grant(server, name, right)
    return name


def _with(scene: Scene, admin: str) -> Scene:
    return replace(scene, admin=Login(admin, Sensitive(PASSWORD)))


async def _never() -> None:
    raise AssertionError("it was about to send")


async def _refused(scene: Scene, reason: Reason = Reason.ADMIN_PRIVILEGE_MISSING) -> str:
    with pytest.raises(Blocked) as caught:
        await scene.apply(scene.first, "one", send=_never)
    assert caught.value.reason is reason
    return caught.value.message


async def _lives(scene: Scene) -> None:
    """A pair is made, takes turns, is disabled and dropped."""
    for account, password in ((scene.first, "one"), (scene.second, "two"), (scene.first, "three")):
        await scene.apply(account, password)
        await scene.verify(account, password)
    assert await scene.remove(Action.DISABLE) is Action.DISABLE
    assert await scene.remove(Action.DROP) is Action.DROP


@pytest.mark.parametrize("own", [0, 1, 2, 3], ids=lambda own: f"{own} of 3 rights are its own")
async def test_rights_by_a_role_that_is_on_are_as_good_as_its_own(stage: FamilyStage, server: FamilyServer, own: int):
    admin = _admin(server, *RIGHTS[:own])
    _default(server, admin, _role(server, *RIGHTS[own:], of=admin))
    await _lives(_with(scenes.created(stage), admin))


async def test_rights_by_roles_of_a_role_are_too(stage, server):
    admin = _admin(server)
    outer = _role(server, RIGHTS[0], of=admin)
    inner = _role(server, RIGHTS[1], of=outer)
    _role(server, RIGHTS[2], of=inner)
    _default(server, admin, outer)
    await _lives(_with(scenes.created(stage), admin))


async def test_a_right_and_the_option_to_give_it_may_come_from_different_places(stage, server):
    admin = _admin(server, *RIGHTS[:2], "ALL ON `con\\_formance`.*")
    _default(server, admin, _role(server, "USAGE ON `con\\_formance`.* WITH GRANT OPTION", of=admin))
    await _lives(_with(scenes.created(stage), admin))


@pytest.mark.parametrize("lacking", RIGHTS)
async def test_what_an_admin_with_roles_lacks_is_named_before_anything_is_changed(stage, server, lacking: str):
    admin = _admin(server)
    _default(server, admin, _role(server, SEEING, *(right for right in RIGHTS if right != lacking), of=admin))
    scene = _with(scenes.created(stage), admin)
    said = await _refused(scene)
    assert LACKS[lacking] in said
    assert "not on after its login" not in said
    assert not stage.exists(scene.first)


@pytest.mark.parametrize("lacking", RIGHTS)
async def test_a_role_that_is_not_on_and_would_do_is_named_with_what_puts_it_on(stage, server, lacking: str):
    admin = _admin(server, SEEING, *(right for right in RIGHTS if right != lacking))
    _role(server, of=admin)  # one that would not help
    idle = _role(server, lacking, of=admin)
    scene = _with(scenes.created(stage), admin)
    said = await _refused(scene)
    assert LACKS[lacking] in said
    assert f"`{idle}`" in said
    assert "would do, but is not on after its login" in said
    assert ("ALTER USER … DEFAULT ROLE" if server.name == "MySQL" else "SET DEFAULT ROLE … FOR") in said
    _default(server, admin, idle)
    await _lives(scene)


async def test_a_role_that_is_not_on_and_shows_the_database_is_named(stage, server):
    admin = _admin(server, *RIGHTS[:2])
    scene = _with(scenes.created(stage), admin)
    assert "on after its login" not in await _refused(scene, Reason.DATABASE_MISSING)
    idle = _role(server, RIGHTS[2], of=admin)
    said = await _refused(scene, Reason.DATABASE_MISSING)
    assert "the admin has no right on it; " in said
    assert f"`{idle}`" in said


async def test_beside_a_role_that_is_on_another_is_put_on_as_the_server_knows_it(stage, server):
    """MariaDB has one role on at a time."""
    admin = _admin(server, SEEING)
    on, idle = _role(server, *RIGHTS[:2], of=admin), _role(server, RIGHTS[2], of=admin)
    _default(server, admin, on)
    scene = _with(scenes.created(stage), admin)
    said = await _refused(scene)
    assert f"`{idle}`" in said
    if server.name == "MySQL":
        _default(server, admin, on, idle)
    else:
        assert f"grant it to `{on}`" in said
        server.sql(f"GRANT {idle} TO {on}")
    await _lives(scene)


@pytest.mark.parametrize("server", ["mysql"], indirect=True)  # MariaDB has one role on at a time
async def test_roles_that_would_do_together_are_named_together(stage, server):
    admin = _admin(server)
    idle = [_role(server, right, of=admin) for right in RIGHTS[:2]]
    said = await _refused(_with(scenes.created(stage), admin))
    assert (
        f"`{idle[0]}`@`%` and `{idle[1]}`@`%`, which it was granted, would do, but are not on after its login" in said
    )


@pytest.mark.parametrize("server", ["mysql"], indirect=True)
@pytest.mark.parametrize("setting", ["activate_all_roles_on_login", "mandatory_roles"])
async def test_roles_that_the_server_puts_on_by_itself_count(stage, server, setting: str):
    admin = _admin(server)
    scene = _with(scenes.created(stage), admin)
    every = setting == "activate_all_roles_on_login"
    role = _role(server, *RIGHTS, of=admin if every else "")
    with _set(server, setting, "ON" if every else f"'{role}'", "DEFAULT"):
        await _lives(scene)
    said = await _refused(scene)
    assert (f"`{role}`" in said) is every


@contextmanager
def _set(server: FamilyServer, setting: str, value: str, before: str) -> Iterator[None]:
    server.sql(f"SET GLOBAL {setting} = {value}")
    try:
        yield
    finally:
        server.sql(f"SET GLOBAL {setting} = {before}")


@pytest.mark.parametrize("server", ["mysql"], indirect=True)  # MariaDB takes nothing back in part
@pytest.mark.parametrize("by_role", [False, True], ids=["itself", "by a role"])
async def test_what_was_taken_back_in_part_is_lacking(stage, server, by_role: bool):
    scene = scenes.created(stage)
    with _set(server, "partial_revokes", "ON", "OFF"):
        admin = _admin(server)
        holder = _role(server, of=admin) if by_role else admin
        for right in ("CREATE USER ON *.*", "SELECT ON *.*", "ALL ON `con_formance`.* WITH GRANT OPTION"):
            _grant(server, holder, right)
        server.sql(f"REVOKE SELECT ON mysql.* FROM {holder}")
        if by_role:
            _default(server, admin, holder)
        try:
            assert LACKS[RIGHTS[1]] in await _refused(_with(scene, admin))
            _grant(server, holder, "SELECT ON mysql.*")
            await _lives(_with(scene, admin))
        finally:
            server.sql(f"DROP USER {admin}")
            if by_role:
                server.sql(f"DROP ROLE {holder}")


@pytest.mark.parametrize("server", ["mysql"], indirect=True)
async def test_where_no_grant_is_a_pattern_one_covers_no_other_database(stage, server):
    with _set(server, "partial_revokes", "ON", "OFF"):
        admin = _admin(server, *RIGHTS[:2], "SELECT ON `con_formance`.*", "ALL ON `con_formanc_`.* WITH GRANT OPTION")
        assert "cannot give ALTER, " in await _refused(_with(scenes.created(stage), admin))


async def test_a_role_may_be_passed_on_by_way_of_another_one(stage, server):
    """On MySQL the other one has to be on; MariaDB does not mind."""
    admin, preset = _admin(server, *RIGHTS[:2], "UPDATE ON mysql.*"), _role(server, "SELECT ON `con\\_formance`.*")
    by_way = _role(server, of=admin)
    scene = _with(scenes.created(stage, dual=False), admin)
    scene = replace(scene, accounts=replace(scene.accounts, privileges=(), preset_role=preset))
    assert f"ADMIN OPTION on role '{preset}'" in await _refused(scene)
    server.sql(f"GRANT {preset} TO {by_way} WITH ADMIN OPTION")
    if server.name == "MySQL":
        assert f"`{by_way}`@`%`, which it was granted, would do" in await _refused(scene)
        _default(server, admin, by_way)
    await scene.apply(scene.first, "one")
    await scene.verify(scene.first, "one")


@pytest.mark.parametrize("server", ["mariadb"], indirect=True)
async def test_seeing_some_tables_of_accounts_is_not_enough_where_the_server_asks_for_all(stage, server):
    """Accounts would be made, and never be looked at again."""
    admin = _admin(server, RIGHTS[0], RIGHTS[2], "SELECT ON mysql.global_priv", "SELECT ON mysql.user")
    assert LACKS[RIGHTS[1]] in await _refused(_with(scenes.created(stage), admin))


@pytest.mark.parametrize("server", ["mariadb"], indirect=True)
async def test_the_right_to_write_default_roles_is_named(stage, server):
    admin, preset = _admin(server, *RIGHTS[:2]), _role(server, "SELECT ON `con\\_formance`.*")
    server.sql(f"GRANT {preset} TO {admin} WITH ADMIN OPTION")
    scene = _with(scenes.created(stage, dual=False), admin)
    scene = replace(scene, accounts=replace(scene.accounts, privileges=(), preset_role=preset))
    assert "UPDATE ON mysql.*" in await _refused(scene)
    _default(server, admin, _role(server, "UPDATE ON mysql.*", of=admin))
    await scene.apply(scene.first, "one")
    await scene.verify(scene.first, "one")


@pytest.mark.parametrize("verb", ["give", "take"])
async def test_a_role_of_an_imported_pair_that_the_admin_cannot_pass_on_is_named(stage, server, verb: str):
    admin = _admin(server, *RIGHTS, "UPDATE ON mysql.*")
    scene = _with(scenes.imported(stage, f"mine{number()}", f"mine{number()}_b"), admin)
    role = _role(server, of=scene.first if verb == "give" else scene.second)
    if verb == "give":
        _default(server, scene.first, role)
    server.sql(f"GRANT {role} TO {admin}")
    assert f"cannot {verb} role `{role}`" in await _turn(scene)
    server.sql(f"GRANT {role} TO {admin} WITH ADMIN OPTION")
    await _turn(scene, refused=False)
    assert any(role in line for (line,) in server.sql(f"SHOW GRANTS FOR {scene.second}")) is (verb == "give")


async def _turn(scene: Scene, *, refused: bool = True) -> str:
    """The second account gets what the first one has."""
    async with scene.stage.engine.open(scene.place, scene.admin, 10.0) as session:
        seen = await session.inspect(scene.accounts)
        await session.check(scene.accounts, seen)
        change = replace(scene.change(scene.second, "two", seen), like=scene.first)
        if not refused:
            await session.apply(change, scenes.go)
            return ""
        with pytest.raises(Blocked) as caught:
            await session.apply(change, _never)
    assert caught.value.reason is Reason.ADMIN_PRIVILEGE_MISSING
    return caught.value.message


async def test_a_pair_of_admins_by_one_role_changes_each_other_and_keeps_it(stage, server):
    role = _role(server, *RIGHTS)
    pair = _admin(server), _admin(server)
    for name in pair:
        server.sql(f"GRANT {role} TO {name}")
        _default(server, name, role)
    accounts = replace(stage.imported(*pair), admins=True)
    scene, password = Scene(stage, stage.place(), stage.admin(), accounts), PASSWORD
    before = [_granted(server, name) for name in pair]
    for account, by in ((pair[1], pair[0]), (pair[0], pair[1])):
        scene = replace(scene, admin=Login(by, Sensitive(password)))
        password = f"next-of-{account}"
        async with stage.engine.open(scene.place, scene.admin, 10.0) as session:
            seen = await session.inspect(accounts)
            await session.check(accounts, seen)
            await session.apply(replace(scene.change(account, password, seen), like=by), scenes.go)
        await scene.verify(account, password)
    assert [_granted(server, name) for name in pair] == before, "what came by the role is not copied to them"


def _granted(server: FamilyServer, name: str) -> set[str]:
    return {line.partition(" IDENTIFIED BY")[0] for (line,) in server.sql(f"SHOW GRANTS FOR {name}")}


async def test_looking_for_a_role_that_would_do_leaves_the_session_as_it_was(stage, server):
    """Whoever has it put on by us would change more than was granted."""
    admin = _admin(server, SEEING, *RIGHTS[:2])
    on = _role(server, of=admin)
    _role(server, RIGHTS[2], of=admin)
    _default(server, admin, on)
    scene = _with(scenes.created(stage), admin)
    async with stage.engine.open(scene.place, scene.admin, 10.0) as session:
        seen = await session.inspect(scene.accounts)
        with pytest.raises(Blocked, match="would do"):
            await session.check(scene.accounts, seen)
        [(role,)] = await session.wire.rows("SELECT CURRENT_ROLE()")
    assert role == (f"`{on}`@`%`" if server.name == "MySQL" else on)
