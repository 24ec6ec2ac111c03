"""MySQL and MariaDB as stages."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pymysql
from tests.cluster.mysql_family import FamilyServer
from tests.engines.conformance.stage import Overlapping, Stage, number

from keyward.engines.base import AccountSet, Endpoint, Level, Login, Place, Privilege, Transport
from keyward.engines.mysql.text import literal
from keyward.sensitive import Sensitive

DATABASE = "con_formance"  # as a pattern, it would mean others as well
OTHER = "conXformance"


class FamilyStage(Stage):
    beyond = ""

    def __init__(self, server: FamilyServer) -> None:
        self._server = server
        self._transport = Transport.HASHED
        for name in (DATABASE, OTHER):
            self._server.sql(f"CREATE DATABASE IF NOT EXISTS `{name}`")
            self._server.sql(f"CREATE TABLE IF NOT EXISTS `{name}`.kept (n int)")

    @property
    def port(self) -> int:
        return self._server.port

    def place(self, port: int | None = None) -> Place:
        endpoints = (Endpoint("127.0.0.1", port or self.port),)
        return Place(endpoints, DATABASE, self._server.ca_pem, transport=self._transport)

    def admin(self) -> Login:
        name = f"admin{number()}"
        self._server.sql(f"CREATE USER {name} IDENTIFIED BY 'rotators-password'")
        self._server.sql(f"GRANT CREATE USER ON *.* TO {name}")
        self._server.sql(f"GRANT SELECT ON mysql.* TO {name}")
        self._server.sql(f"GRANT ALL ON `con\\_formance`.* TO {name} WITH GRANT OPTION")
        return Login(name, Sensitive("rotators-password"))

    def powerless(self) -> Login:
        name = f"nobody{number()}"
        self.make(name, "powerless")
        return Login(name, Sensitive("powerless"))

    def made(self, admin: Login, *names: str) -> AccountSet:
        return AccountSet(names, created=True, privileges=(Privilege(DATABASE, Level.READ_WRITE),))

    def make(self, name: str, password: str) -> None:
        self._server.sql(f"CREATE USER {literal(name)}@'%' IDENTIFIED BY {literal(password)}")
        self._server.sql(f"GRANT SELECT ON `con\\_formance`.* TO {literal(name)}@'%'")

    def make_mighty(self, name: str) -> None:
        self._server.sql(f"CREATE USER {literal(name)}@'%' IDENTIFIED BY 'x'")
        self._server.sql(f"GRANT SUPER ON *.* TO {literal(name)}@'%'")

    def forbid(self, name: str) -> None:
        self._server.sql(f"ALTER USER {literal(name)}@'%' ACCOUNT LOCK")

    def hijack(self, name: str, password: str) -> None:
        # The more specific host wins.
        self._server.sql(f"CREATE USER {literal(name)}@'127.0.0.1' IDENTIFIED BY {literal(password)}")
        self._server.sql(f"GRANT SELECT ON `con\\_formance`.* TO {literal(name)}@'127.0.0.1'")

    def take_right(self, accounts: AccountSet) -> None:
        for name in accounts.names:
            self._server.sql(f"REVOKE INSERT ON `con\\_formance`.* FROM {literal(name)}@'%'")

    def widen(self, name: str) -> None:
        self._server.sql(f"GRANT INSERT ON `con\\_formance`.* TO {literal(name)}@'%'")

    def make_object(self, name: str, password: str) -> None:
        with self._server.connect(DATABASE, name, password) as conn, conn.cursor() as cursor:
            cursor.execute(f"CREATE VIEW `made by {name}` AS SELECT 1")

    @contextlib.contextmanager
    def stalled(self, name: str) -> Iterator[None]:
        with self._server.connect() as conn, conn.cursor() as cursor:
            cursor.execute("FLUSH TABLES WITH READ LOCK")
            yield
            cursor.execute("UNLOCK TABLES")

    def exists(self, name: str) -> bool:
        found = self._server.sql("SELECT User FROM mysql.user WHERE User = %s", [name])
        return (name,) in found

    def logs_in(self, name: str, password: str) -> bool:
        try:
            with self._server.connect(DATABASE, name, password.encode()):
                return True
        except pymysql.OperationalError:
            return False

    def idle(self, admin: Login) -> bool:
        query = "SELECT 1 FROM information_schema.processlist WHERE user = %s"
        return not self._server.sql(query, [admin.account])

    def records(self) -> bytes:
        return self._server.records()

    def _refusing(self, *settings: str) -> str:
        """A policy refuses what is short; passwords go to the server in clear, as it cannot look into a hash."""
        for setting in settings:
            self._server.sql(setting)
        self._transport = Transport.PLAINTEXT
        return "short"


class MysqlStage(FamilyStage, Overlapping):
    name = "MySQL"
    server = "mysql"
    at_limit = "m" * 32
    beyond = "n" * 33
    odd = ("ü" * 32,)

    def give_second(self, name: str, password: str) -> None:
        self._server.sql(f"ALTER USER {literal(name)}@'%' IDENTIFIED BY {literal(password)} RETAIN CURRENT PASSWORD")

    def set_by_hand(self, name: str, password: str) -> None:
        self._server.sql(f"ALTER USER {literal(name)}@'%' IDENTIFIED BY {literal(password)}")

    @contextlib.contextmanager
    def refusing(self, admin: Login, account: str) -> Iterator[str]:
        self._server.sql("INSTALL COMPONENT 'file://component_validate_password'")
        try:
            yield self._refusing()
        finally:
            self._transport = Transport.HASHED
            self._server.sql("UNINSTALL COMPONENT 'file://component_validate_password'")


class MariadbStage(FamilyStage):
    name = "MariaDB"
    server = "mariadb"
    at_limit = "m" * 128
    beyond = "n" * 129
    odd = ("ü" * 128,)

    @contextlib.contextmanager
    def refusing(self, admin: Login, account: str) -> Iterator[str]:
        self._server.sql("INSTALL SONAME 'simple_password_check'")
        try:
            yield self._refusing()
        finally:
            self._transport = Transport.HASHED
            self._server.sql("UNINSTALL SONAME 'simple_password_check'")
