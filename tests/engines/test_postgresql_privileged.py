"""Privileged accounts of PostgreSQL: one role that the Target names, which neither is nor can become superuser-like."""

from __future__ import annotations

from dataclasses import replace

import pytest
from psycopg.sql import SQL, Identifier
from tests.cluster.newest_postgres import NewestPostgresServer
from tests.cluster.postgres import PostgresServer
from tests.engines.conformance.scene import Scene
from tests.engines.conformance.stage import number
from tests.engines.postgresql_pair import give, privileged_on, run

from keyward.engines.base import Flip
from keyward.errors import Blocked, Reason

DANGEROUS = ("postgres", "pg_execute_server_program", "pg_read_server_files", "pg_write_server_files")


@pytest.fixture(params=["postgres", "newest_postgres"])
def server(request: pytest.FixtureRequest) -> PostgresServer:
    return request.getfixturevalue(request.param)


def _role(server: PostgresServer, attribute: str = "") -> str:
    role = f"powers{number()}"
    server.sql(SQL("CREATE ROLE {} " + attribute).format(Identifier(role)))
    return role


async def _refused(scene: Scene) -> Blocked:
    with pytest.raises(Blocked) as caught:
        await scene.apply(scene.first, "one")
    assert not any(scene.stage.exists(name) for name in scene.accounts.all_roles)
    return caught.value


async def test_it_gets_the_targets_role_and_keeps_it_through_rotations(server: PostgresServer):
    role = _role(server)
    scene = privileged_on(server, role)
    if isinstance(server, NewestPostgresServer):
        assert f"the admin lacks ADMIN OPTION on role '{role}'" in (await _refused(scene)).message
    give(server, role, scene.admin.account)
    for password in ("one", "two"):
        await scene.apply(scene.first, password)
        await scene.verify(scene.first, password)
        asked = f"SELECT pg_has_role(current_user, '{role}', 'USAGE')"
        assert run(server, scene.place.database, (scene.first, password), asked) == [(True,)]


async def test_a_role_that_was_taken_is_noticed_and_given_back_by_the_next_rotation(server: PostgresServer):
    role = _role(server)
    scene = privileged_on(server, role)
    give(server, role, scene.admin.account)
    await scene.apply(scene.first, "one")
    grantor = f'GRANTED BY "{scene.admin.account}"' if isinstance(server, NewestPostgresServer) else ""
    server.sql(f'REVOKE "{role}" FROM "{scene.accounts.rights_role}" {grantor}')
    with pytest.raises(Blocked, match=f"lacks the privilegedRole '{role}'") as caught:
        await scene.verify(scene.first, "one")
    assert caught.value.reason is Reason.PRIVILEGE_MISSING
    await scene.apply(scene.first, "two")
    await scene.verify(scene.first, "two")


def _roles_of(server: PostgresServer, member: str) -> set[str]:
    query = "SELECT roleid::regrole::text FROM pg_auth_members WHERE member = to_regrole(%s)"
    return {name for (name,) in server.sql(query, params=[member])}


async def test_the_role_that_the_target_named_before_is_taken_and_what_others_gave_stays(server: PostgresServer):
    former, now, theirs, with_option = (_role(server) for _ in range(4))
    scene = privileged_on(server, former)
    for role in (former, now, with_option):
        give(server, role, scene.admin.account)
    await scene.apply(scene.first, "one")
    holder = scene.accounts.rights_role or ""
    server.sql(f"GRANT {theirs} TO {holder}")
    by_admin = (scene.admin.account, scene.admin.password.reveal_text())
    run(server, scene.place.database, by_admin, f"GRANT {with_option} TO {holder} WITH ADMIN OPTION")
    assert _roles_of(server, holder) == {former, theirs, with_option}
    changed = replace(scene, accounts=replace(scene.accounts, preset_role=now))
    for password in ("two", "three"):
        await changed.apply(scene.first, password)
        await changed.verify(scene.first, password)
        assert _roles_of(server, holder) == {now, theirs, with_option}
    assert server.log.read_text(encoding="utf-8").count(f'REVOKE "{former}" FROM "{holder}"') == 1


async def test_another_role_of_the_target_is_a_difference_for_a_flip_that_refuses_one(server: PostgresServer):
    former, now = _role(server), _role(server)
    scene = privileged_on(server, former)
    for role in (former, now):
        give(server, role, scene.admin.account)
    await scene.apply(scene.first, "one")
    flip = Flip(scene.first, refuse=True)
    await scene.judge(flip)
    changed = replace(scene, accounts=replace(scene.accounts, preset_role=now))
    with pytest.raises(Blocked, match=f"lacks membership of role '{now}', and has role '{former}'") as caught:
        await changed.judge(flip)
    assert caught.value.reason is Reason.RIGHTS_DIFFER
    assert _roles_of(server, scene.accounts.rights_role or "") == {former}


async def test_a_role_that_somebody_else_gave_before_the_target_named_it_stays_when_it_is_named_no_more(
    server: PostgresServer,
):
    scene, now = privileged_on(server, _role(server)), _role(server)
    holder, former = scene.accounts.rights_role or "", scene.accounts.preset_role or ""
    for role in (former, now):
        give(server, role, scene.admin.account)
    server.sql(f"CREATE ROLE {holder}")
    server.sql(f"GRANT {former} TO {holder}")
    server.sql(f"GRANT {holder} TO {scene.admin.account} WITH ADMIN OPTION")
    for role in (former, now):
        named = replace(scene, accounts=replace(scene.accounts, preset_role=role))
        await named.apply(scene.first, "one")
    assert _roles_of(server, holder) == {former, now}


async def test_a_role_that_was_given_in_the_name_of_another_is_taken_in_its_name(newest_postgres: PostgresServer):
    """Who has the ADMIN OPTION on a role by another one gives it as that one, and as itself once it has it directly."""
    server, former, now, team = newest_postgres, *(_role(newest_postgres) for _ in range(3))
    scene = privileged_on(server, former)
    give(server, former, team)
    server.sql(f"GRANT {team} TO {scene.admin.account}")
    await scene.apply(scene.first, "one")
    for role in (former, now):
        give(server, role, scene.admin.account)
    await replace(scene, accounts=replace(scene.accounts, preset_role=now)).apply(scene.first, "two")
    assert _roles_of(server, scene.accounts.rights_role or "") == {now}


async def test_a_former_role_that_the_admin_may_not_take_any_more_holds_no_rotation_up(server: PostgresServer):
    former, now = _role(server), _role(server)
    scene = privileged_on(server, former)
    for role in (former, now):
        give(server, role, scene.admin.account)
    await scene.apply(scene.first, "one")
    server.sql(f"ALTER ROLE {former} SUPERUSER")
    changed = replace(scene, accounts=replace(scene.accounts, preset_role=now))
    await changed.apply(scene.first, "two")
    await changed.verify(scene.first, "two")


@pytest.mark.parametrize("attribute", ["SUPERUSER", "REPLICATION", "BYPASSRLS"])
async def test_a_role_that_is_superuser_like_is_never_granted(server: PostgresServer, attribute: str):
    error = await _refused(privileged_on(server, _role(server, attribute)))
    assert error.reason is Reason.ACCOUNT_RESERVED
    assert "is, or can become, superuser-like" in error.message


@pytest.mark.parametrize("dangerous", DANGEROUS)
async def test_a_role_that_can_become_superuser_like_is_never_granted(server: PostgresServer, dangerous: str):
    """By a role that it has, as roles are had by roles."""
    role, between = _role(server), _role(server)
    server.sql(f"GRANT {between} TO {role}")
    server.sql(f"GRANT {dangerous} TO {between}")
    error = await _refused(privileged_on(server, role))
    assert error.reason is Reason.ACCOUNT_RESERVED
    assert f"privilegedRole '{role}' is, or can become, superuser-like" in error.message


async def test_a_role_of_postgresqls_own_is_never_granted(server: PostgresServer):
    assert (await _refused(privileged_on(server, "pg_monitor"))).reason is Reason.ACCOUNT_RESERVED


async def test_a_role_that_is_not_there_is_named(server: PostgresServer):
    error = await _refused(privileged_on(server, "no_such_role"))
    assert error.reason is Reason.INVALID_SPEC
    assert "privilegedRole 'no_such_role' is not on the server: create it" in error.message
