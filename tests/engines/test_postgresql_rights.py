"""The rights of a pair on PostgreSQL follow the spec, for both accounts at once, and nothing beside it is touched."""

from __future__ import annotations

from dataclasses import replace

import pytest
from psycopg.sql import SQL, Identifier
from tests.cluster.newest_postgres import NewestPostgresServer
from tests.cluster.postgres import PostgresServer
from tests.engines.conformance.scene import Scene
from tests.engines.conformance.stage import number
from tests.engines.postgresql_pair import give, may, pair_on, with_level, with_privileges

from keyward.domain.allowances import Allowance
from keyward.engines.base import AccountSet, Action, Flip, Level, Privilege
from keyward.errors import Blocked, Reason, Rejected

READ, WRITE = "SELECT * FROM public.kept", "INSERT INTO public.kept VALUES (1)"


@pytest.fixture(params=["postgres", "newest_postgres"])
def server(request: pytest.FixtureRequest) -> PostgresServer:
    return request.getfixturevalue(request.param)


@pytest.fixture
def scene(server: PostgresServer) -> Scene:
    """A pair that may write; in its database is a table of the admin's, who owns the database."""
    found = with_level(pair_on(server), Level.READ_WRITE)
    _by(server, found, "CREATE TABLE public.kept (n int)")
    return found


def _by(server: PostgresServer, scene: Scene, statement: str) -> None:
    """A statement of the admin's, done by a person."""
    with server.connect(scene.place.database, scene.admin.account, scene.admin.password.reveal_text()) as conn:
        conn.execute(statement)


async def _both(scene: Scene) -> None:
    await scene.apply(scene.first, "one")
    await scene.apply(scene.second, "two")


def _can(server: PostgresServer, scene: Scene, statement: str, database: str = "") -> set[bool]:
    """What the two accounts can do: one answer if it is the same."""
    logins = ((scene.first, "one"), (scene.second, "two"))
    return {may(server, database or scene.place.database, login, statement) for login in logins}


def _revoked(server: PostgresServer, scene: Scene) -> int:
    said = server.log.read_text(encoding="utf-8", errors="replace")
    return sum("REVOKE" in line and f'FROM "{scene.accounts.rights_role}"' in line for line in said.splitlines())


# --- a spec that changes ----------------------------------------------------------------------------------------------


async def test_a_narrowed_level_is_taken_from_both_accounts_at_the_next_change(server: PostgresServer, scene: Scene):
    await _both(scene)
    assert _can(server, scene, WRITE) == {True}
    narrow = with_level(scene, Level.READ_ONLY)
    with server.connect(scene.place.database, scene.second, "two") as in_use:
        in_use.execute(WRITE)
        await narrow.apply(scene.first, "one")
        with pytest.raises(Exception, match="permission denied"):
            in_use.execute(WRITE)
        in_use.execute(READ)
    assert (_can(server, scene, READ), _can(server, scene, WRITE)) == ({True}, {False})
    await narrow.verify(scene.first, "one")
    await narrow.verify(scene.second, "two")


async def test_a_widened_level_is_given_to_both_accounts_at_the_next_change(server: PostgresServer, scene: Scene):
    await _both(with_level(scene, Level.READ_ONLY))
    assert _can(server, scene, WRITE) == {False}
    await scene.apply(scene.first, "one")
    assert _can(server, scene, WRITE) == {True}


async def test_a_change_that_finds_nothing_too_much_takes_nothing(server: PostgresServer, scene: Scene):
    await _both(scene)
    narrow = with_level(scene, Level.READ_ONLY)
    await narrow.apply(scene.first, "one")
    taken = _revoked(server, scene)
    assert taken
    await narrow.apply(scene.second, "two")
    assert _revoked(server, scene) == taken


async def test_what_is_refused_takes_nothing(server: PostgresServer, scene: Scene):
    """It is the transaction of the password: one that the server refuses leaves both accounts as they were."""
    await _both(scene)
    with scene.stage.refusing(scene.admin, scene.first) as password, pytest.raises(Rejected):
        await with_level(scene, Level.READ_ONLY).apply(scene.first, password)
    assert _can(server, scene, WRITE) == {True}


async def test_a_schema_that_is_no_longer_named_is_closed(server: PostgresServer, scene: Scene):
    _by(server, scene, "CREATE SCHEMA more CREATE TABLE seen (n serial)")
    await _both(with_level(scene, Level.DB_OWNER, schemas=("public", "more")))
    statements = ("SELECT * FROM more.seen", "SELECT nextval('more.seen_n_seq')", "CREATE TABLE more.own (n int)")
    assert [_can(server, scene, one) for one in statements[:2]] == [{True}, {True}]
    await scene.apply(scene.first, "one")
    assert [_can(server, scene, one) for one in statements] == [{False}] * 3
    held = server.sql(
        "SELECT 1 FROM pg_class WHERE relacl::text LIKE %s AND relname LIKE 'seen%%'",
        scene.place.database,
        [f"%{scene.accounts.rights_role}%"],
    )
    assert not held


async def test_a_database_that_is_no_longer_named_is_closed(server: PostgresServer, scene: Scene):
    other = _another_database(server, scene)
    await _both(with_privileges(scene, *scene.accounts.privileges, Privilege(other, Level.READ_ONLY)))
    assert _can(server, scene, "SELECT * FROM public.told", other) == {True}
    await scene.apply(scene.first, "one")
    with pytest.raises(Exception, match="permission denied for database"):
        _can(server, scene, "SELECT 1", other)
    assert not server.sql(
        "SELECT 1 FROM pg_class WHERE relname = 'told' AND relacl::text LIKE %s",
        other,
        [f"%{scene.accounts.rights_role}%"],
    )


async def test_a_database_that_is_no_longer_named_and_lets_no_admin_in_holds_nobody_up(
    server: PostgresServer, scene: Scene
):
    other = _another_database(server, scene)
    await _both(with_privileges(scene, *scene.accounts.privileges, Privilege(other, Level.READ_ONLY)))
    server.sql(f'ALTER DATABASE "{other}" OWNER TO postgres')
    await scene.apply(scene.first, "one")
    await scene.verify(scene.first, "one")


def _another_database(server: PostgresServer, scene: Scene) -> str:
    """One of the admin's that nobody else may connect to, with a table."""
    other = server.database(f"{scene.place.database}_more")
    server.sql(f'ALTER DATABASE "{other}" OWNER TO "{scene.admin.account}"')
    server.sql(f'REVOKE CONNECT ON DATABASE "{other}" FROM PUBLIC')
    server.sql(f'ALTER SCHEMA public OWNER TO "{scene.admin.account}"', other)
    with server.connect(other, scene.admin.account, scene.admin.password.reveal_text()) as conn:
        conn.execute("CREATE TABLE public.told (n int)")
    return other


# --- what is somebody else's ------------------------------------------------------------------------------------------


async def test_what_somebody_added_is_taken_and_what_is_no_part_of_a_level_stays(server: PostgresServer, scene: Scene):
    scene = with_level(scene, Level.READ_ONLY)
    await _both(scene)
    role = scene.accounts.rights_role
    _by(server, scene, f"GRANT INSERT ON public.kept TO {role}")
    _by(server, scene, f"GRANT UPDATE (n) ON public.kept TO {role}")
    _by(server, scene, "CREATE FUNCTION public.one() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    _by(server, scene, "REVOKE EXECUTE ON FUNCTION public.one FROM PUBLIC")
    _by(server, scene, f"GRANT EXECUTE ON FUNCTION public.one TO {role}")
    server.sql("CREATE TABLE public.theirs (n int)", scene.place.database)
    server.sql(f"GRANT SELECT, INSERT ON public.theirs TO {role}", scene.place.database)
    await scene.apply(scene.first, "one")
    assert _can(server, scene, WRITE) == {False}
    for stays in ("UPDATE public.kept SET n = 2", "SELECT public.one()", "INSERT INTO public.theirs VALUES (1)"):
        assert _can(server, scene, stays) == {True}, stays


async def test_without_privileges_nothing_is_taken(server: PostgresServer, scene: Scene):
    """As on PolarDB, where whatever somebody grants to the role is what the accounts may do."""
    scene = with_privileges(scene)
    await _both(scene)
    _by(server, scene, f"GRANT INSERT ON public.kept TO {scene.accounts.rights_role}")
    await scene.apply(scene.first, "one")
    assert _can(server, scene, WRITE) == {True}


async def test_a_schema_that_is_not_named_stays_closed(server: PostgresServer, scene: Scene):
    _by(server, scene, "CREATE SCHEMA hidden CREATE TABLE unseen (n int)")
    await _both(with_level(scene, Level.DB_OWNER))
    for statement in ("SELECT * FROM hidden.unseen", "CREATE TABLE hidden.more (n int)"):
        assert _can(server, scene, statement) == {False}


async def test_whoever_owns_the_database_goes_on_to_own_it(server: PostgresServer, scene: Scene):
    await _both(with_level(scene, Level.DB_OWNER))
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s"
    assert server.sql(owner, params=[scene.place.database]) == [(scene.admin.account,)]


# --- tables that come later -------------------------------------------------------------------------------------------


def _maker(server: PostgresServer, scene: Scene) -> str:
    """A role that makes tables, whose rights the admin has."""
    maker = f"maker{number()}"
    server.sql(SQL("CREATE ROLE {}").format(Identifier(maker)))
    server.sql(f"GRANT {maker} TO {scene.admin.account}")
    server.sql(f"GRANT CREATE, USAGE ON SCHEMA public TO {maker}", scene.place.database)
    return maker


def _make_table(server: PostgresServer, scene: Scene, maker: str, name: str) -> str:
    with server.connect(scene.place.database) as conn:
        conn.execute(f"SET ROLE {maker}")
        conn.execute(f"CREATE TABLE public.{name} (n int)")
    return f"SELECT * FROM public.{name}"


def _defaults(server: PostgresServer, scene: Scene) -> list[tuple[object, ...]]:
    holder = f"%{scene.accounts.rights_role}%"
    return server.sql("SELECT 1 FROM pg_default_acl WHERE defaclacl::text LIKE %s", scene.place.database, [holder])


async def test_later_tables_of_an_owner_role_are_open_at_once_and_no_longer_after_a_drop(
    server: PostgresServer, scene: Scene
):
    maker = _maker(server, scene)
    scene = with_level(scene, Level.READ_WRITE, owner_roles=(maker,))
    await _both(scene)
    assert _can(server, scene, _make_table(server, scene, maker, "later")) == {True}
    assert _can(server, scene, "INSERT INTO public.later VALUES (1)") == {True}
    assert _can(server, scene, "TRUNCATE public.later") == {False}
    assert _defaults(server, scene)
    assert await scene.remove(Action.DROP) is Action.DROP
    assert not _defaults(server, scene)


async def test_later_tables_of_an_owner_role_that_is_no_longer_named_stay_closed(server: PostgresServer, scene: Scene):
    maker = _maker(server, scene)
    await _both(with_level(scene, Level.READ_WRITE, owner_roles=(maker,)))
    await scene.apply(scene.first, "one")
    assert not _defaults(server, scene)
    assert _can(server, scene, _make_table(server, scene, maker, "later")) == {False}


# --- what a login notices ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lost", "named"),
    [
        ("CONNECT ON DATABASE {database}", "CONNECT on database"),
        ("INSERT ON TABLE public.bound", "INSERT on table 'public.bound'"),
        ("USAGE ON SEQUENCE public.bound_m_seq", "USAGE on sequence 'public.bound_m_seq'"),
        ("USAGE ON SCHEMA public", "USAGE on schema 'public'"),
    ],
)
async def test_each_right_that_was_lost_is_noticed_by_the_login_and_given_again_by_the_next_change(
    server: PostgresServer, scene: Scene, lost: str, named: str
):
    maker = _maker(server, scene)
    server.sql(f"REVOKE CONNECT ON DATABASE {scene.place.database} FROM PUBLIC")
    server.sql("REVOKE USAGE ON SCHEMA public FROM PUBLIC", scene.place.database)
    server.sql("CREATE TABLE public.bound (n int, m serial)", scene.place.database)
    server.sql(f"ALTER TABLE public.bound OWNER TO {maker}", scene.place.database)
    scene = with_level(scene, Level.READ_WRITE, owner_roles=(maker,))
    await scene.apply(scene.first, "one")
    await scene.verify(scene.first, "one")
    statement = f"REVOKE {lost.format(database=scene.place.database)} FROM {scene.accounts.rights_role}"
    server.sql(statement, scene.place.database)
    with pytest.raises(Blocked) as caught:
        await scene.verify(scene.first, "one")
    assert caught.value.reason is Reason.PRIVILEGE_MISSING
    assert named in caught.value.message
    await scene.apply(scene.first, "two")
    await scene.verify(scene.first, "two")


async def test_a_table_of_somebody_who_is_not_named_takes_the_proof_from_nobody(server: PostgresServer, scene: Scene):
    await scene.apply(scene.first, "one")
    server.sql("CREATE TABLE public.theirs (n int)", scene.place.database)
    await scene.verify(scene.first, "one")


# --- a flip that refuses to change them --------------------------------------------------------------------------------


async def _refusal(scene: Scene, flip: Flip) -> str:
    with pytest.raises(Blocked) as caught:
        await scene.judge(flip)
    assert caught.value.reason is Reason.RIGHTS_DIFFER
    return caught.value.message


async def test_what_differs_from_the_spec_is_named_and_nothing_is_granted_or_revoked(
    server: PostgresServer, scene: Scene
):
    await _both(scene)
    flip = Flip(scene.first, refuse=True)
    await scene.judge(flip)
    role, other = scene.accounts.rights_role, _another_database(server, scene)
    _by(server, scene, f"REVOKE INSERT ON public.kept FROM {role}")
    _by(server, scene, f"GRANT TRUNCATE ON public.kept TO {role}")
    server.sql(f"GRANT CREATE ON DATABASE {other} TO {role}")
    said = await _refusal(scene, flip)
    assert f"compared with the spec, account '{scene.first}' lacks INSERT on table 'public.kept' in" in said
    assert f"and has CREATE on database '{other}', TRUNCATE on table 'public.kept' in database" in said
    assert (_can(server, scene, READ), _can(server, scene, WRITE)) == ({True}, {False})
    await scene.judge(Flip(scene.first))


async def test_a_level_that_was_edited_differs_too(server: PostgresServer, scene: Scene):
    await _both(with_level(scene, Level.READ_ONLY))
    assert "lacks DELETE on table 'public.kept'" in await _refusal(scene, Flip(scene.first, refuse=True))


async def test_a_membership_that_was_taken_is_named(server: PostgresServer, scene: Scene):
    await _both(scene)
    _by(server, scene, f"REVOKE {scene.accounts.rights_role} FROM {scene.second}")
    said = await _refusal(scene, Flip(scene.second, refuse=True))
    assert f"'{scene.second}' lacks membership of role '{scene.accounts.rights_role}'" in said
    await scene.judge(Flip(scene.first, refuse=True))


async def test_the_second_of_an_imported_pair_lacks_the_membership_that_the_first_flip_would_give(
    server: PostgresServer,
):
    pair = pair_on(server)
    names = (f"mine{number()}", f"mine{number()}_b")
    for name in names:
        pair.stage.make(name, "was")
    scene = replace(pair, accounts=AccountSet(names, created=False))
    if isinstance(server, NewestPostgresServer):
        give(server, names[0], scene.admin.account)
        give(server, names[1], scene.admin.account)
    flip = Flip(names[1], like=names[0], refuse=True)
    assert f"'{names[1]}' lacks membership of role '{names[0]}'" in await _refusal(scene, flip)
    await scene.judge(Flip(names[0], like=names[1], refuse=True))
    bounded = Flip(names[1], like=names[0], allowed=(Allowance(("*",), ("DBOwner",)),))
    with pytest.raises(Blocked, match=f"would be given membership of role '{names[0]}'") as caught:
        await scene.judge(bounded)
    assert caught.value.reason is Reason.PRIVILEGE_NOT_ALLOWED
    server.sql(f"GRANT {names[0]} TO {names[1]}")
    await scene.judge(flip)
    await scene.judge(bounded)
