"""Names of databases, schemas and roles that a spec gives are names on PostgreSQL, whatever characters they hold."""

from __future__ import annotations

from dataclasses import replace

import pytest
from psycopg.sql import SQL, Identifier
from tests.cluster.postgres import PostgresServer
from tests.engines.conformance.scene import Scene
from tests.engines.conformance.stage import number
from tests.engines.postgresql_pair import may, pair_on, privileged_on, with_privileges

from keyward.engines.base import Action, Level, Privilege
from keyward.errors import Blocked, Reason

ODD = (
    "it's \\' back\\slash",
    "\"; DROP ROLE postgres; -- 'x",
    "percent %s %(x)s {} % naïve ünï ß",
    "host=127.0.0.9 dbname=postgres",
    "postgresql://127.0.0.9/postgres",
)


def _owner(postgres: PostgresServer, scene: Scene, name: str) -> str:
    """A role with a schema of its own name, whose rights the admin has."""
    postgres.sql(SQL("CREATE ROLE {}").format(Identifier(name)))
    postgres.sql(SQL("GRANT {} TO {}").format(Identifier(name), Identifier(scene.admin.account)))
    create = SQL("CREATE SCHEMA {0} AUTHORIZATION {0}").format(Identifier(name))
    postgres.sql(create, scene.place.database)
    return name


@pytest.mark.parametrize("odd", ODD)
async def test_any_name_of_a_database_a_schema_and_an_owner_is_quoted(postgres: PostgresServer, odd: str):
    scene = pair_on(postgres, f"{odd}{number()}")
    database, owner = scene.place.database, _owner(postgres, scene, f"{number()}{odd}")
    wide = with_privileges(scene, Privilege(database, Level.READ_ONLY, (owner,), (owner,)))
    await wide.apply(scene.first, "one")
    with postgres.connect(database) as conn:
        conn.execute(SQL("SET ROLE {}").format(Identifier(owner)))
        conn.execute(SQL("CREATE TABLE {0}.{0} (n int)").format(Identifier(owner)))
    await wide.verify(scene.first, "one")
    read = SQL("SELECT * FROM {0}.{0}").format(Identifier(owner))
    assert may(postgres, database, (scene.first, "one"), read)
    await with_privileges(scene, Privilege(database, Level.READ_ONLY)).apply(scene.second, "two")
    assert not may(postgres, database, (scene.first, "one"), read)
    await wide.apply(scene.first, "one")
    assert await wide.remove(Action.DROP) is Action.DROP


@pytest.mark.parametrize("odd", ODD[:3])
async def test_any_name_of_the_targets_role_is_quoted(postgres: PostgresServer, odd: str):
    role = f"{odd}{number()}"
    postgres.sql(SQL("CREATE ROLE {}").format(Identifier(role)))
    scene = privileged_on(postgres, role)
    await scene.apply(scene.first, "one")
    await scene.verify(scene.first, "one")


@pytest.mark.parametrize("name", ["q" * 64, "a\0b"], ids=["too many bytes", "NUL"])
async def test_a_name_that_the_server_would_cut_is_refused(postgres: PostgresServer, name: str):
    scene = pair_on(postgres, name[:63] if len(name) > 63 else "")
    database = scene.place.database
    for spec in (
        with_privileges(scene, Privilege(name, Level.READ_ONLY)),
        with_privileges(scene, Privilege(database, Level.READ_ONLY, (name,))),
        with_privileges(scene, Privilege(database, Level.READ_ONLY, owner_roles=(name,))),
        replace(scene, accounts=replace(scene.accounts, preset_role=name)),
    ):
        with pytest.raises(Blocked, match="must have 1 to 63 bytes") as caught:
            await spec.apply(scene.first, "one")
        assert caught.value.reason is Reason.INVALID_SPEC
    with pytest.raises(Blocked) as caught:
        await replace(scene, place=replace(scene.place, database=name)).inspect()
    assert caught.value.reason is Reason.DATABASE_MISSING
