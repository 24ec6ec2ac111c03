"""PostgreSQL as a stage."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg
from psycopg.sql import SQL, Identifier, Literal
from tests.cluster.postgres import PostgresServer
from tests.engines.conformance.stage import Stage, number

from keyward.engines.base import AccountSet, Endpoint, Level, Login, Place, Privilege
from keyward.sensitive import Sensitive

DATABASE = "conformance"


class PostgresStage(Stage):
    name = "PostgreSQL"
    server = "postgres"
    at_limit = "p" * 63
    beyond = "q" * 64
    odd = ("ü" * 31, "PG_is_upper", "$user", "a" * 31 + "ß" * 16)

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        if not server.sql("SELECT 1 FROM pg_database WHERE datname = %s", params=[DATABASE]):
            server.database(DATABASE)

    @property
    def port(self) -> int:
        return self._server.port

    def place(self, port: int | None = None) -> Place:
        return Place((Endpoint("127.0.0.1", port or self.port),), DATABASE, self._server.ca_pem)

    def admin(self) -> Login:
        name = f"admin{number()}"
        password = self._server.admin(name)
        return Login(name, Sensitive(password))

    def powerless(self) -> Login:
        name = f"nobody{number()}"
        self.make(name, "powerless")
        return Login(name, Sensitive("powerless"))

    def made(self, admin: Login, *names: str) -> AccountSet:
        schema = Identifier(self._schema(names[0]))
        self._server.sql(SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(schema, Identifier(admin.account)), DATABASE)
        privilege = Privilege(DATABASE, Level.READ_ONLY, (self._schema(names[0]),))
        return AccountSet(names, created=True, rights_role=f"{names[0]}_rights", privileges=(privilege,))

    def acts_as(self, accounts: AccountSet, account: str) -> str | None:
        if accounts.rights_role is not None:
            return accounts.rights_role
        return accounts.names[0] if len(accounts.names) > 1 else account

    def make(self, name: str, password: str) -> None:
        self._server.sql(SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(Identifier(name), Literal(password)))

    def make_mighty(self, name: str) -> None:
        self._server.sql(SQL("CREATE ROLE {} LOGIN SUPERUSER").format(Identifier(name)))

    def forbid(self, name: str) -> None:
        self._server.sql(SQL("ALTER ROLE {} NOLOGIN").format(Identifier(name)))

    def hijack(self, name: str, password: str) -> None:
        self._server.sql(SQL("ALTER ROLE {} RESET role").format(Identifier(name)))

    def take_right(self, accounts: AccountSet) -> None:
        schema, role = Identifier(self._schema(accounts.names[0])), Identifier(accounts.rights_role or "")
        self._server.sql(SQL("REVOKE USAGE ON SCHEMA {} FROM {}").format(schema, role), DATABASE)

    def widen(self, name: str) -> None:
        self._server.sql(SQL("GRANT CREATE ON DATABASE {} TO {}").format(Identifier(DATABASE), Identifier(name)))

    def make_object(self, name: str, password: str) -> None:
        schema = Identifier(self._schema(name))
        role = Identifier(f"{name}_rights")
        self._server.sql(SQL("GRANT CREATE ON SCHEMA {} TO {}").format(schema, role), DATABASE)
        with self._server.connect(DATABASE, name, password) as conn:
            conn.execute(SQL("CREATE TABLE {}.made (n int)").format(schema))

    @contextlib.contextmanager
    def refusing(self, admin: Login, account: str) -> Iterator[str]:
        # passwordcheck tells from a verifier alone that the password is the account's name.
        load = SQL("ALTER ROLE {} SET session_preload_libraries = 'passwordcheck'")
        self._server.sql(load.format(Identifier(admin.account)))
        yield account

    @contextlib.contextmanager
    def stalled(self, name: str) -> Iterator[None]:
        with self._server.connect() as conn:
            conn.execute("BEGIN")
            conn.execute(SQL("ALTER ROLE {} CONNECTION LIMIT 50").format(Identifier(name)))
            yield
            conn.execute("ROLLBACK")

    def exists(self, name: str) -> bool:
        return bool(self._server.sql("SELECT 1 FROM pg_roles WHERE rolname = %s", params=[name]))

    def logs_in(self, name: str, password: str) -> bool:
        try:
            with self._server.connect(DATABASE, name, password):
                return True
        except psycopg.OperationalError:
            return False

    def idle(self, admin: Login) -> bool:
        return not self._server.sql("SELECT 1 FROM pg_stat_activity WHERE usename = %s", params=[admin.account])

    def records(self) -> bytes:
        seen = self._server.sql("SELECT string_agg(query, '\n') FROM pg_stat_activity")[0][0]
        return self._server.log.read_bytes() + str(seen).encode()

    def _schema(self, account: str) -> str:
        return f"of_{account}"


class NewestPostgresStage(PostgresStage):
    """Since 16, CREATEROLE is a right over the roles that one has ADMIN OPTION on, and over no others."""

    title = "newest PostgreSQL"
    server = "newest_postgres"

    def __init__(self, server: PostgresServer) -> None:
        super().__init__(server)
        self._admins: list[str] = []
        self._made: list[str] = []

    def admin(self) -> Login:
        login = super().admin()
        self._admins.append(login.account)
        for name in self._made:
            self._give(name, login.account)
        return login

    def make(self, name: str, password: str) -> None:
        super().make(name, password)
        self._made.append(name)
        for admin in self._admins:
            self._give(name, admin)

    def _give(self, name: str, admin: str) -> None:
        grant = SQL("GRANT {} TO {} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
        self._server.sql(grant.format(Identifier(name), Identifier(admin)))
