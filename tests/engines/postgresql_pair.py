"""A pair on a PostgreSQL, with a database of its own, and what a person does there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from psycopg.errors import InsufficientPrivilege
from psycopg.sql import SQL, Composable, Identifier
from tests.cluster.newest_postgres import NewestPostgresServer
from tests.cluster.postgres import PostgresServer
from tests.engines.conformance.postgresql import PostgresStage
from tests.engines.conformance.scene import Scene
from tests.engines.conformance.stage import number

from keyward.engines.base import AccountSet, Endpoint, Level, Login, Place, Privilege
from keyward.sensitive import Sensitive


def pair_on(postgres: PostgresServer, database: str = "") -> Scene:
    """A pair with every right on a database of its own, whose owner is the admin."""
    n = number()
    database, rotator = postgres.database(database or f"shop{n}"), f"rotator{n}"
    password = postgres.admin(rotator, database=database)
    place = Place((Endpoint("127.0.0.1", postgres.port),), database, postgres.ca_pem)
    privilege = Privilege(database, Level.DB_OWNER)
    accounts = AccountSet((f"app{n}", f"app{n}_clone"), True, f"app{n}_rights", (privilege,))
    return Scene(PostgresStage(postgres), place, Login(rotator, Sensitive(password)), accounts)


def with_privileges(scene: Scene, *privileges: Privilege) -> Scene:
    """The same accounts by another spec."""
    return replace(scene, accounts=replace(scene.accounts, privileges=privileges))


def with_level(scene: Scene, level: Level, **changes: Any) -> Scene:
    """The same accounts with another level on their database."""
    return with_privileges(scene, replace(scene.accounts.privileges[0], level=level, **changes))


def privileged_on(postgres: PostgresServer, role: str) -> Scene:
    """One account that gets this role of the Target in place of privileges."""
    stage, boss = PostgresStage(postgres), f"boss{number()}"
    return Scene(stage, stage.place(), stage.admin(), AccountSet((boss,), True, f"{boss}_rights", preset_role=role))


def give(postgres: PostgresServer, role: str, admin: str) -> None:
    """What an admin needs since 16 for a role that somebody else made."""
    if isinstance(postgres, NewestPostgresServer):
        grant = SQL("GRANT {} TO {} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
        postgres.sql(grant.format(Identifier(role), Identifier(admin)))


def run(
    postgres: PostgresServer, database: str, login: tuple[str, str], statement: str | Composable
) -> list[tuple[Any, ...]]:
    """One statement, as an account."""
    with postgres.connect(database, *login) as conn:
        cursor = conn.execute(statement)
        return cursor.fetchall() if cursor.description else []


def may(postgres: PostgresServer, database: str, login: tuple[str, str], statement: str | Composable) -> bool:
    """Whether an account has the right that a statement needs."""
    try:
        run(postgres, database, login, statement)
    except InsufficientPrivilege:
        return False
    return True
