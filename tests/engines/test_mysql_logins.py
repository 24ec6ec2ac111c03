"""Ways to log in on MySQL and MariaDB, and the mark beside them: plug-ins, what an account requires, second secrets."""

from __future__ import annotations

import pytest
from tests.engines.conformance import scene as scenes
from tests.engines.conformance.mysql_family import MariadbStage, MysqlStage
from tests.engines.conformance.scene import Scene, number

from keyward.engines.base import Action
from keyward.errors import Blocked, Reason


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


async def test_mysql_keeps_our_mark_beside_what_others_wrote(mysql):
    scene = scenes.created(MysqlStage(mysql))
    await scene.apply(scene.first, "one")
    mysql.sql(f"ALTER USER {scene.first} COMMENT 'theirs'")
    await scene.apply(scene.first, "two")
    seen = await scene.inspect()
    assert seen.keeps_marks
    assert [seen.accounts[name].mark for name in scene.accounts.names] == [scene.mark_of("two"), scene.mark_of("one")]
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
