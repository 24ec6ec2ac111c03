"""Privileged accounts of PostgreSQL: one role that the Target names, which neither is nor can become superuser-like."""

from __future__ import annotations

import pytest
from psycopg.sql import SQL, Identifier
from tests.cluster.newest_postgres import NewestPostgresServer
from tests.cluster.postgres import PostgresServer
from tests.engines.conformance.scene import Scene
from tests.engines.conformance.stage import number
from tests.engines.postgresql_pair import give, privileged_on, run

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
