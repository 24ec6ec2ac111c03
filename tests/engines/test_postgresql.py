"""What is PostgreSQL's own beside the conformance suite: who owns objects, what a level gives, which right is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.cluster.newest_postgres import NewestPostgresServer
from tests.cluster.postgres import PostgresServer
from tests.engines.conformance.scene import Scene, go
from tests.engines.conformance.stage import number
from tests.engines.postgresql_pair import give, pair_on, with_level
from tests.engines.postgresql_pair import run as run_as

from keyward.engines.base import AccountSet, Level, Privilege
from keyward.engines.postgresql.rights import Missing, told
from keyward.errors import Blocked, Reason

Run = Callable[[str, str, str], list[tuple[object, ...]]]


@pytest.fixture(params=["postgres", "newest_postgres"])
def server(request: pytest.FixtureRequest) -> PostgresServer:
    return request.getfixturevalue(request.param)


@pytest.fixture
def scene(server: PostgresServer) -> Scene:
    """A pair with every right on a database of its own, whose owner is the admin."""
    return pair_on(server)


@pytest.fixture
def run(scene: Scene, server: PostgresServer) -> Run:
    """One statement, as an account."""
    return lambda account, password, text: run_as(server, scene.place.database, (account, password), text)


async def test_what_the_clone_makes_the_original_uses(scene: Scene, run: Run):
    first, second = scene.accounts.names
    await scene.apply(first, "one")
    await scene.apply(second, "two")
    await scene.verify(first, "one")
    await scene.verify(second, "two")
    run(second, "two", "CREATE TABLE public.made (n int)")
    run(first, "one", "ALTER TABLE public.made ADD m int")
    run(first, "one", "DROP TABLE public.made")


async def test_the_clone_has_no_password_before_its_own_version(scene: Scene, server: PostgresServer):
    first, second = scene.accounts.names
    await scene.apply(first, "one")
    found = server.sql("SELECT rolpassword FROM pg_authid WHERE rolname = %s", params=[second])
    assert found == [(None,)]


@pytest.mark.parametrize(("level", "writes"), [(Level.READ_ONLY, False), (Level.READ_WRITE, True)])
async def test_a_level_gives_what_it_says_and_no_more(scene: Scene, level: Level, writes: bool, run: Run):
    scene = with_level(scene, level)
    first, admin = scene.accounts.names[0], scene.admin
    run(admin.account, admin.password.reveal_text(), "CREATE TABLE public.kept (n serial, m int)")
    await scene.apply(first, "one")
    await scene.verify(first, "one")
    run(first, "one", "SELECT * FROM public.kept")
    if writes:
        run(first, "one", "INSERT INTO public.kept (m) VALUES (1)")
    else:
        with pytest.raises(Exception, match="permission denied"):
            run(first, "one", "INSERT INTO public.kept (m) VALUES (1)")
    with pytest.raises(Exception, match="permission denied"):
        run(first, "one", "CREATE TABLE public.more (n int)")


async def test_rights_in_another_database_are_granted_there_and_proven_there(scene: Scene, server: PostgresServer):
    other = server.database(f"{scene.place.database}_more")
    server.sql(f'ALTER DATABASE "{other}" OWNER TO "{scene.admin.account}"')
    server.sql(f'ALTER SCHEMA public OWNER TO "{scene.admin.account}"', other)
    both = (*scene.accounts.privileges, Privilege(other, Level.DB_OWNER))
    scene = replace(scene, accounts=replace(scene.accounts, privileges=both))
    await scene.apply(scene.accounts.names[0], "one")
    await scene.verify(scene.accounts.names[0], "one")


async def test_what_the_log_shows_of_a_password_is_its_verifier(scene: Scene, server: PostgresServer):
    await scene.apply(scene.first, "one")
    assert f'ALTER ROLE "{scene.first}" PASSWORD \'SCRAM-SHA-256$4096:' in server.log.read_text(encoding="utf-8")


async def test_a_missing_database_is_named(scene: Scene):
    scene = replace(scene, place=replace(scene.place, database="nowhere"))
    with pytest.raises(Blocked) as caught:
        await scene.inspect()
    assert caught.value.reason is Reason.DATABASE_MISSING


async def test_an_admin_without_createrole_is_told_so(scene: Scene, server: PostgresServer):
    server.sql(f'ALTER ROLE "{scene.admin.account}" NOCREATEROLE')
    with pytest.raises(Blocked, match="CREATEROLE") as caught:
        await scene.apply(scene.accounts.names[0], "one")
    assert caught.value.reason is Reason.ADMIN_PRIVILEGE_MISSING


async def test_each_right_that_the_admin_cannot_grant_is_named(scene: Scene, server: PostgresServer):
    for table in ("theirs", "theirs_too"):
        server.sql(f"CREATE TABLE public.{table} (n int)", scene.place.database)
    with pytest.raises(Blocked) as caught:
        await scene.apply(scene.accounts.names[0], "one")
    assert caught.value.reason is Reason.ADMIN_PRIVILEGE_MISSING
    for table in ("theirs", "theirs_too"):
        assert f"on table 'public.{table}'" in caught.value.message


def test_of_many_rights_the_first_are_named_and_the_others_counted():
    lacks = [Missing("TABLE", "public", f"t{n}", "SELECT", grantable=False, owner="somebody") for n in range(20)]
    assert told(lacks).endswith("SELECT on table 'public.t7' and 12 more")
    assert told(lacks[:1]) == "SELECT on table 'public.t0'"
    assert told([]) == ""


async def test_an_imported_pair_shares_settings_whatever_its_names_are(scene: Scene, run: Run, server: PostgresServer):
    n = number()
    names = (f'we"ird % {{}} é{n}', f"we'ird clone {n}")
    for name in names:
        quoted = name.replace('"', '""')
        server.sql(f'CREATE ROLE "{quoted}" LOGIN'.encode())
    quoted = names[0].replace('"', '""')
    server.sql(f'ALTER ROLE "{quoted}" SET search_path = public, "$user"'.encode())
    scene = replace(scene, accounts=AccountSet(names, created=False))
    if isinstance(server, NewestPostgresServer):
        await _lacks_the_option(scene, names)
        for name in names:
            give(server, name, scene.admin.account)
    await scene.apply(names[1], "two")
    await scene.apply(names[0], "one")
    await scene.verify(names[1], "two")
    await scene.verify(names[0], "one")
    assert run(names[1], "two", "SHOW search_path") == [('public, "$user"',)]


@pytest.mark.parametrize("made", [True, False], ids=["created", "imported"])
async def test_what_one_of_a_pair_has_alone_is_told_and_nothing_is_set(
    scene: Scene, server: PostgresServer, *, made: bool
):
    names = scene.accounts.names if made else tuple(f"few{number()}" for _ in "ab")
    for name in () if made else names:
        server.sql(f"CREATE ROLE {name} LOGIN")
        if isinstance(server, NewestPostgresServer):
            give(server, name, scene.admin.account)
    if made:
        await scene.apply(names[0], "one")
    else:
        scene = replace(scene, accounts=AccountSet(names, created=False))
    server.sql(f"ALTER ROLE {names[1]} CONNECTION LIMIT 1")

    async def take_turns() -> None:
        async with scene.stage.engine.open(scene.place, scene.admin, scene.timeout) as session:
            seen = await session.inspect(scene.accounts)
            await session.apply(replace(scene.change(names[1], "two", seen), like=names[0]), go)

    with pytest.raises(Blocked, match=f"CONNECTION LIMIT .'{names[0]}' has -1, '{names[1]}' has 1.") as caught:
        await take_turns()
    assert caught.value.reason is Reason.PRIVILEGE_MISSING
    server.sql(f"ALTER ROLE {names[0]} CONNECTION LIMIT 1")
    await take_turns()
    server.sql(f"ALTER ROLE {names[1]} SET statement_timeout = '1s'")
    with pytest.raises(Blocked, match="not equal: the setting of statement_timeout:"):
        await take_turns()
    server.sql(f"ALTER ROLE {names[0]} SET statement_timeout = '1s'")
    server.sql(f"ALTER ROLE {names[0]} SET search_path = public")
    if made:
        with pytest.raises(Blocked, match="not equal: the setting of search_path:"):
            await take_turns()
        server.sql(f"ALTER ROLE {names[1]} SET search_path = public")
    await take_turns()


async def _lacks_the_option(scene: Scene, names: tuple[str, ...]) -> None:
    """Since 16, CREATEROLE alone is no right over a role that somebody else made: it is named, and how to give it."""
    with pytest.raises(Blocked, match="the admin lacks ADMIN OPTION on role") as caught:
        await scene.apply(names[1], "two")
    assert caught.value.reason is Reason.ADMIN_PRIVILEGE_MISSING
    assert "WITH ADMIN TRUE, INHERIT FALSE, SET FALSE" in caught.value.message
