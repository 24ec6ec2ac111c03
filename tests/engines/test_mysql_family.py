"""What is MySQL's and MariaDB's own beside the conformance suite: rows of user@host, rights without roles, plug-ins."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pymysql
import pytest
from tests.cluster.mysql_family import FamilyServer
from tests.engines.conformance import scene as scenes
from tests.engines.conformance.mysql_family import DATABASE, OTHER, FamilyStage, MariadbStage, MysqlStage
from tests.engines.conformance.scene import Scene, number

from keyward.engines.base import Action, Change, Expectation, Inspection, Level, Login, Privilege
from keyward.engines.mysql.engine import MariaDB, MySQL
from keyward.errors import Blocked, Reason, Retry, Unsettled
from keyward.sensitive import Sensitive

ELSEWHERE = "10.99.0.%"


@pytest.fixture(params=["mysql", "mariadb"])
def server(request: pytest.FixtureRequest) -> FamilyServer:
    return request.getfixturevalue(request.param)


@pytest.fixture
def stage(server: FamilyServer) -> FamilyStage:
    return MysqlStage(server) if server.name == "MySQL" else MariadbStage(server)


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


# --- rights ---


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


async def test_a_right_that_the_admin_cannot_give_is_named_before_anything_is_sent(stage, server):
    scene = _level(scenes.created(stage), Level.READ_ONLY, OTHER)
    server.sql(f"GRANT SELECT ON `{OTHER}`.* TO {scene.admin.account}")
    with pytest.raises(Blocked, match="give SELECT, SHOW VIEW on `conXformance`") as caught:
        await scene.apply(scene.first, "one")
    assert caught.value.reason is Reason.ADMIN_PRIVILEGE_MISSING
    assert not stage.exists(scene.first)


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


# --- user@host ---


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


# --- ways to log in ---


async def test_an_accounts_plug_in_is_kept(stage, server, request: pytest.FixtureRequest):
    if server.name == "MariaDB":
        server.sql("INSTALL SONAME 'auth_ed25519'")
        request.addfinalizer(lambda: server.sql("UNINSTALL SONAME 'auth_ed25519'"))
        plugins = {"ed25519": "VIA ed25519 USING PASSWORD('was')", "mysql_native_password": "BY 'was'"}
    else:
        plugins = {"caching_sha2_password": "WITH caching_sha2_password BY 'was'"}
    for plugin, identified in plugins.items():
        name = f"kept{number()}"
        server.sql(f"CREATE USER {name} IDENTIFIED {identified}")
        server.sql(f"GRANT SELECT ON `con\\_formance`.* TO {name}")
        scene = Scene(stage, stage.place(), stage.admin(), stage.imported(name))
        await scene.verify(name, "was")
        await scene.apply(name, "now")
        await scene.verify(name, "now")
        assert server.sql("SELECT plugin FROM mysql.user WHERE user = %s", [name]) == [(plugin,)]
        server.sql(f"DROP USER {name}")


async def test_what_an_account_requires_of_tls_and_resources_stays(stage, server):
    scene = scenes.imported(stage, f"mine{number()}")
    server.sql(f"ALTER USER {scene.first} REQUIRE SSL WITH MAX_USER_CONNECTIONS 7")
    await scene.apply(scene.first, "one")
    found = server.sql("SELECT ssl_type, max_user_connections FROM mysql.user WHERE user = %s", [scene.first])
    assert found == [("ANY", 7)]


async def test_an_import_that_was_made_to_expire_is_not_healed_and_a_created_one_never_expires(stage, server):
    scene = scenes.imported(stage, f"mine{number()}")
    server.sql(f"ALTER USER {scene.first} PASSWORD EXPIRE")
    with pytest.raises(Blocked) as caught:
        await scene.apply(scene.first, "one")
    assert caught.value.reason is Reason.ACCOUNT_DISABLED
    with pytest.raises(Blocked) as caught:
        await scene.verify(scene.first, "was-0")
    assert caught.value.reason is Reason.ACCOUNT_DISABLED
    made = scenes.created(stage)
    await made.apply(made.first, "one")
    server.sql(f"ALTER USER {made.first} PASSWORD EXPIRE")
    server.sql(f"ALTER USER {made.first} PASSWORD EXPIRE INTERVAL 1 DAY")
    await made.apply(made.first, "two")
    await made.verify(made.first, "two")
    assert "PASSWORD EXPIRE NEVER" in server.sql(f"SHOW CREATE USER {made.first}")[0][0]


async def test_an_account_with_a_second_secret_is_refused(stage, server):
    scene = scenes.imported(stage, f"mine{number()}")
    if server.name == "MySQL":
        server.sql(f"ALTER USER {scene.first} IDENTIFIED BY 'new' RETAIN CURRENT PASSWORD")
    else:
        server.sql(
            f"ALTER USER {scene.first} IDENTIFIED VIA mysql_native_password USING PASSWORD('new') OR unix_socket"
        )
    with pytest.raises(Blocked, match="second") as caught:
        await scene.apply(scene.first, "one")
    assert caught.value.reason is Reason.ENGINE_UNSUPPORTED


async def test_no_account_is_ever_there_without_a_password(stage, server):
    scene = scenes.created(stage)
    await scene.apply(scene.first, "one")
    query = "SELECT authentication_string FROM mysql.user WHERE user IN %s"
    stored = [row[0] for row in server.sql(query, [scene.accounts.names])]
    assert len(set(stored)) == 2
    assert all(len(one) > 40 for one in stored)


async def test_a_server_that_refuses_hashes_is_named_before_anything_is_sent(mariadb):
    stage = MariadbStage(mariadb)
    scene = scenes.created(stage)
    with stage.refusing(scene.admin, scene.first):
        with pytest.raises(Blocked, match="strict_password_validation") as caught:
            await scene.apply(scene.first, "one")
        assert caught.value.reason is Reason.PASSWORD_REFUSED
        assert not stage.exists(scene.first)


# --- marks ---


async def test_mysql_keeps_our_mark_beside_what_others_wrote(mysql):
    scene = scenes.created(MysqlStage(mysql))
    await scene.apply(scene.first, "one")
    mysql.sql(f"ALTER USER {scene.first} COMMENT 'theirs'")
    await scene.apply(scene.first, "two")
    seen = await scene.inspect()
    assert seen.keeps_marks
    assert [seen.accounts[name].mark for name in scene.accounts.names] == [scenes.MARK, scenes.MARK]
    attributes = mysql.sql("SELECT user_attributes FROM mysql.user WHERE user = %s", [scene.first])[0][0]
    assert "theirs" in attributes


async def test_mysql_marks_a_disabled_account(mysql):
    scene = scenes.created(MysqlStage(mysql))
    await scene.apply(scene.first, "one")
    await scene.remove(Action.DISABLE)
    assert (await scene.inspect()).accounts[scene.first].mark == f"{scenes.MARK} disabled"


async def test_mariadb_says_that_it_keeps_no_mark(mariadb):
    scene = scenes.created(MariadbStage(mariadb))
    await scene.apply(scene.first, "one")
    seen = await scene.inspect()
    assert not seen.keeps_marks
    assert seen.accounts[scene.first].mark is None


# --- the wrong server ---


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
