"""Rights on MySQL and MariaDB, which have no roles that a pair could act as."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pymysql
import pytest
from tests.cluster.mysql_family import FamilyServer
from tests.engines.conformance import scene as scenes
from tests.engines.conformance.mysql_family import DATABASE, OTHER
from tests.engines.conformance.scene import Scene, number

from keyward.domain.allowances import Allowance
from keyward.engines.base import Flip, Level, Login, Privilege
from keyward.engines.mysql import limits
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive


def _with(scene: Scene, **changes: Any) -> Scene:
    return replace(scene, accounts=replace(scene.accounts, **changes))


def _level(scene: Scene, level: Level, database: str = DATABASE) -> Scene:
    return _with(scene, privileges=(Privilege(database, level),))


def _run(server: FamilyServer, account: str, password: str, *statements: str) -> list[tuple[Any, ...]]:
    with server.connect(DATABASE, account, password) as conn, conn.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


def _grants(server: FamilyServer, account: str, host: str = "%") -> set[str]:
    lines = {row[0] for row in server.sql(f"SHOW GRANTS FOR '{account}'@'{host}'")}
    return {line.replace(account, "ACCOUNT").partition(" IDENTIFIED BY")[0] for line in lines}


async def _apply_like(scene: Scene, account: str, password: str, like: str) -> None:
    async with scene.stage.engine.open(scene.place, scene.admin, 10.0) as session:
        seen = await session.inspect(scene.accounts)
        await session.check(scene.accounts, seen)
        await session.apply(replace(scene.change(account, password, seen), like=like), scenes.go)


@pytest.mark.parametrize(
    ("level", "may", "may_not"),
    [
        (Level.READ_ONLY, "SELECT * FROM kept", "INSERT INTO kept VALUES (1)"),
        (Level.DML_ONLY, "INSERT INTO kept VALUES (1)", "CREATE TABLE more (n int)"),
        (Level.DDL_ONLY, "ALTER TABLE kept COMMENT 'x'", "SELECT * FROM kept"),
        (Level.READ_WRITE, "CREATE TEMPORARY TABLE t SELECT * FROM kept", "CREATE USER other"),
    ],
)
async def test_a_level_gives_what_it_says_and_no_more(stage, server, level: Level, may: str, may_not: str):
    scene = _level(scenes.created(stage), level)
    await scene.apply(scene.first, "one")
    await scene.verify(scene.first, "one")
    _run(server, scene.first, "one", may)
    for refused in (may_not, f"SELECT * FROM `{OTHER}`.kept"):
        with pytest.raises(pymysql.MySQLError, match="denied"):
            _run(server, scene.first, "one", refused)


async def test_both_accounts_have_the_same_rights_and_no_role(stage, server):
    scene = scenes.created(stage)
    await scene.apply(scene.first, "one")
    assert _grants(server, scene.first) == {
        line.replace("ACCOUNT_clone", "ACCOUNT") for line in _grants(server, scene.second)
    }


async def test_only_the_account_that_is_set_is_brought_back_to_the_spec(stage, server):
    scene = scenes.created(stage)
    await scene.apply(scene.first, "one")
    await scene.apply(scene.second, "two")
    wanted = _grants(server, scene.first)
    for name in scene.accounts.names:
        server.sql(f"GRANT SELECT ON `{OTHER}`.* TO {name}")
        server.sql(f"REVOKE INSERT ON `con\\_formance`.* FROM {name}")
    changed = _grants(server, scene.second)
    scene = replace(scene, admin=Login("boss", Sensitive("super-secret-of-the-test")))
    await scene.apply(scene.first, "three")
    assert _grants(server, scene.first) == wanted
    assert _grants(server, scene.second) == changed


async def test_a_changed_spec_takes_and_gives(stage, server):
    scene = scenes.created(stage, dual=False)
    await scene.apply(scene.first, "one")
    narrow = _level(scene, Level.READ_ONLY)
    await narrow.apply(scene.first, "two")
    await narrow.verify(scene.first, "two")
    with pytest.raises(Blocked) as caught:
        await scene.verify(scene.first, "two")
    assert caught.value.reason is Reason.PRIVILEGE_MISSING
    await scene.apply(scene.first, "three")
    await scene.verify(scene.first, "three")


async def test_an_imported_account_gets_the_rights_of_the_one_in_use(stage, server):
    scene = scenes.imported(stage, f"mine{number()}", f"mine{number()}_b")
    n = number()
    server.sql(f"CREATE ROLE reader{n}")
    server.sql(f"CREATE PROCEDURE `{DATABASE}`.p{n}() SELECT 1")
    server.sql(f"GRANT SELECT (n), UPDATE (n) ON `{DATABASE}`.kept TO {scene.first}")
    server.sql(f"GRANT EXECUTE ON PROCEDURE `{DATABASE}`.p{n} TO {scene.first} WITH GRANT OPTION")
    server.sql(f"GRANT reader{n} TO {scene.first}")
    server.sql(f"GRANT INSERT ON `con\\_formance`.* TO {scene.second}")
    if server.name == "MySQL":
        server.sql(f"ALTER USER {scene.first} DEFAULT ROLE reader{n}")
    else:
        server.sql(f"SET DEFAULT ROLE reader{n} FOR {scene.first}")
    before = _grants(server, scene.first)
    scene = replace(scene, admin=Login("boss", Sensitive("super-secret-of-the-test")))
    await _apply_like(scene, scene.second, "two", like=scene.first)
    assert _grants(server, scene.first) == before
    assert _grants(server, scene.second) == {
        line.replace(scene.first, "ACCOUNT") for line in {g.replace(scene.second, "ACCOUNT") for g in before}
    }
    assert _run(server, scene.second, "two", "SELECT CURRENT_ROLE()")[0][0].startswith(("reader", "`reader"))


@pytest.mark.parametrize("made", [True, False], ids=["created", "imported"])
@pytest.mark.parametrize("term", ["REQUIRE X509", "WITH MAX_USER_CONNECTIONS 1", "WITH MAX_QUERIES_PER_HOUR 5"])
async def test_what_is_asked_of_one_of_a_pair_and_not_of_the_other_is_named_and_nothing_is_set(
    stage, server, term, *, made: bool
):
    scene = scenes.created(stage) if made else scenes.imported(stage, f"mine{number()}", f"mine{number()}_b")
    if made:
        await scene.apply(scene.first, "one")
    server.sql(f"ALTER USER {scene.second} {term}")
    with pytest.raises(Blocked, match=f"not equal.*: {term.split()[-2]} of them") as caught:
        await _apply_like(scene, scene.second, "two", like=scene.first)
    assert caught.value.reason is Reason.PRIVILEGE_MISSING
    server.sql(f"ALTER USER {scene.first} {term}")
    await _apply_like(scene, scene.second, "two", like=scene.first)


async def test_a_right_that_the_admin_cannot_give_is_named_before_anything_is_sent(stage, server):
    scene = _level(scenes.created(stage), Level.READ_ONLY, OTHER)
    server.sql(f"GRANT SELECT ON `{OTHER}`.* TO {scene.admin.account}")
    with pytest.raises(Blocked, match="give SELECT, SHOW VIEW on `conXformance`") as caught:
        await scene.apply(scene.first, "one")
    assert caught.value.reason is Reason.ADMIN_PRIVILEGE_MISSING
    assert not stage.exists(scene.first)


TABLE, ROUTINE = f"`{DATABASE}`.kept", f"PROCEDURE `{DATABASE}`.given"


@pytest.mark.parametrize(
    ("given", "admins", "may"),
    [
        (f"SELECT ON {TABLE}", (f"SELECT ON {TABLE}",), False),
        (f"SELECT ON {TABLE}", (f"SELECT ON {TABLE} WITH GRANT OPTION",), True),
        (f"SELECT ON {TABLE}", ("SELECT ON `con\\_formance`.* WITH GRANT OPTION",), True),
        (f"SELECT ON {TABLE}", ("SELECT ON *.* WITH GRANT OPTION",), True),
        (f"SELECT ON {TABLE}", (f"SELECT ON `{OTHER}`.* WITH GRANT OPTION",), False),
        (f"SELECT ON {TABLE}", (f"SELECT (n) ON {TABLE} WITH GRANT OPTION",), False),
        (f"SELECT (n) ON {TABLE}", (f"SELECT (n) ON {TABLE} WITH GRANT OPTION",), True),
        (f"SELECT (n) ON {TABLE}", (f"SELECT ON {TABLE} WITH GRANT OPTION",), True),
        (f"SELECT (n) ON {TABLE}", (f"UPDATE (n) ON {TABLE} WITH GRANT OPTION",), False),
        (f"SELECT (n) ON {TABLE}", (f"SELECT (n) ON {TABLE}", "USAGE ON `con\\_formance`.* WITH GRANT OPTION"), True),
        (f"ALL ON {TABLE}", ("ALL ON `con\\_formance`.* WITH GRANT OPTION",), True),
        (f"ALL ON {TABLE}", (f"SELECT ON {TABLE} WITH GRANT OPTION",), False),
        (f"EXECUTE ON {ROUTINE}", ("EXECUTE ON `con\\_formance`.*", f"USAGE ON {ROUTINE} WITH GRANT OPTION"), True),
        (f"EXECUTE ON {ROUTINE}", ("EXECUTE ON `con\\_formance`.*",), False),
    ],
)
async def test_a_right_within_a_database_that_the_admin_cannot_give_is_named_before_anything_is_sent(
    stage, server, given: str, admins: tuple[str, ...], may: bool
):
    server.sql(f"CREATE PROCEDURE IF NOT EXISTS `{DATABASE}`.given() SELECT 1")
    scene = scenes.imported(stage, f"mine{number()}", f"mine{number()}_b")
    admin = f"admin{number()}"
    server.sql(f"CREATE USER {admin} IDENTIFIED BY 'rotators-password'")
    for told in ("CREATE USER ON *.*", "SELECT ON mysql.*", *admins):
        right, option, _ = told.partition(" WITH GRANT OPTION")
        server.sql(f"GRANT {right} TO {admin}{option}")
    server.sql(f"GRANT {given} TO {scene.first}")
    scene = replace(scene, admin=Login(admin, Sensitive("rotators-password")))
    before = _grants(server, scene.second)
    if may:
        await _apply_like(scene, scene.second, "two", like=scene.first)
        assert _grants(server, scene.second) == _grants(server, scene.first) > before
        return
    with pytest.raises(Blocked, match="cannot give") as caught:
        await _apply_like(scene, scene.second, "two", like=scene.first)
    assert caught.value.reason is Reason.ADMIN_PRIVILEGE_MISSING
    assert _grants(server, scene.second) == before


async def test_a_database_that_is_missing_is_named(stage):
    scene = _level(scenes.created(stage), Level.READ_ONLY, "no'where`")
    with pytest.raises(Blocked) as caught:
        await scene.apply(scene.first, "one")
    assert caught.value.reason is Reason.DATABASE_MISSING


async def test_a_level_of_another_kind_of_server_is_refused(stage):
    scene = _level(scenes.created(stage), Level.DB_OWNER)
    with pytest.raises(Blocked, match="DBOwner") as caught:
        await scene.apply(scene.first, "one")
    assert caught.value.reason is Reason.INVALID_SPEC


# --- a flip that refuses to change them ---


async def _refusal(scene: Scene, flip: Flip) -> str:
    with pytest.raises(Blocked) as caught:
        await scene.judge(flip)
    assert caught.value.reason is Reason.RIGHTS_DIFFER
    return caught.value.message


async def test_what_differs_from_the_spec_is_named_and_nothing_is_granted_or_revoked(stage, server):
    scene = scenes.created(stage)
    await scene.apply(scene.first, "one")
    server.sql(f"GRANT SELECT ON `{OTHER}`.* TO {scene.second}")
    server.sql(f"REVOKE INSERT, UPDATE ON `con\\_formance`.* FROM {scene.second}")
    before = _grants(server, scene.second)
    said = await _refusal(scene, Flip(scene.second, refuse=True))
    assert "compared with the spec" in said
    assert f"'{scene.second}' lacks INSERT/UPDATE on `con" in said
    assert f", and has SELECT on `{OTHER}`.*" in said
    assert _grants(server, scene.second) == before
    boss = Login("boss", Sensitive("super-secret-of-the-test"))  # who could take back what is too much
    await replace(scene, admin=boss).judge(Flip(scene.first, refuse=True))


async def test_what_differs_from_the_account_in_use_is_named(stage, server):
    scene = scenes.imported(stage, f"mine{number()}", f"mine{number()}_b")
    flip = Flip(scene.second, like=scene.first, refuse=True)
    await scene.judge(flip)
    n = number()
    server.sql(f"CREATE ROLE reader{n}")
    for account in scene.accounts.names:
        server.sql(f"GRANT reader{n} TO {account}")
    if server.name == "MySQL":
        server.sql(f"ALTER USER {scene.first} DEFAULT ROLE reader{n}")
    else:
        server.sql(f"SET DEFAULT ROLE reader{n} FOR {scene.first}")
    server.sql(f"GRANT UPDATE (n) ON `{DATABASE}`.kept TO {scene.first}")
    server.sql(f"GRANT INSERT ON `con\\_formance`.* TO {scene.second}")
    said = await _refusal(scene, flip)
    assert f"compared with account '{scene.first}', which is in use" in said
    assert "UPDATE (`n`) on `con_formance`.`kept`" in said
    assert f"role `reader{n}`" in said
    assert "by default" in said
    assert ", and has INSERT on `con" in said


async def test_of_many_differences_some_are_named_and_how_many_more_there_are(stage, server):
    scene = scenes.created(stage, dual=False)
    await scene.apply(scene.first, "one")
    for n in range(9):
        server.sql(f"CREATE TABLE IF NOT EXISTS `{OTHER}`.`{'t' * 60}{n}` (n int)")
        server.sql(f"GRANT SELECT ON `{OTHER}`.`{'t' * 60}{n}` TO {scene.first}")
    said = await _refusal(scene, Flip(scene.first, refuse=True))
    assert "… and 4 more" in said
    assert len(said) < 600


# --- what may be copied ---


async def test_a_right_beyond_what_is_allowed_is_not_copied_to_the_other_account_of_an_imported_pair(stage, server):
    scene = scenes.imported(stage, f"mine{number()}", f"mine{number()}_b")
    n, read = number(), (Allowance(("con_form*",), ("ReadOnly",)),)
    server.sql(f"CREATE ROLE reader{n}")
    server.sql(f"GRANT INSERT, SHOW VIEW ON `con\\_formance`.* TO {scene.first}")
    server.sql(f"GRANT SELECT ON `{OTHER}`.kept TO {scene.first}")
    server.sql(f"GRANT reader{n} TO {scene.first}")
    before = _grants(server, scene.second)
    flip = Flip(scene.second, like=scene.first, allowed=read)
    with pytest.raises(Blocked) as caught:
        await scene.judge(flip)
    assert caught.value.reason is Reason.PRIVILEGE_NOT_ALLOWED
    assert f"account '{scene.second}' would be given SELECT on `{OTHER}`.`kept`, INSERT on `con" in caught.value.message
    assert f", role `reader{n}`" in caught.value.message
    assert "SHOW VIEW" not in caught.value.message
    assert _grants(server, scene.second) == before
    wide = (Allowance(("con?form*",), ("ReadOnly", "DMLOnly")),)
    server.sql(f"GRANT reader{n} TO {scene.second}")  # what it has already is not given
    await scene.judge(replace(flip, allowed=wide))
    await scene.judge(Flip(scene.first, like=scene.second, allowed=()))


@pytest.mark.parametrize(
    ("obj", "right", "within"),
    [
        ("`orders\\_db`.*", "SELECT", True),
        ("`orders\\_db`.*", "INSERT", False),
        ("`orders_db`.`t`", "SELECT (`c`)", True),  # below a database its name is no pattern
        ("`orders\\_db`.`t`", "SELECT", False),  # and a backslash one of its letters
        ("PROCEDURE `orders_db`.`p`", "EXECUTE", False),
        ("`orders_db`.*", "SELECT", False),  # means ordersXdb as well
        ("`orders%`.*", "SELECT", False),
        ("`kept%`.*", "SELECT", True),
        ("`kept_`.*", "SELECT", True),
        ("`%`.*", "SELECT", False),
        ("`orders\\_db`.*", "GRANT OPTION", False),
        ("*.*", "SELECT", False),
        ("`%%%%%%%%`.*", "SELECT", False),
    ],
)
def test_a_right_is_within_what_is_allowed_if_all_that_it_means_is(obj: str, right: str, within: bool):
    allowed = [Allowance(("orders_*", "kept*"), ("ReadOnly",))]
    assert limits.covers(allowed, (obj, right), literal=False) is within


def test_a_grants_database_that_is_no_pattern_is_meant_by_its_name():
    allowed = [Allowance(("orders_*",), ("ReadOnly",))]
    assert limits.covers(allowed, ("`orders_db`.*", "SELECT"), literal=True)
