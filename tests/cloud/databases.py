"""What RDS and PolarDB have in common: accounts of one instance, and each accepted call done, later, to a real local server.

State and rules only: no network. What the cloud accepts it does later; until then the account is not Available.
"""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from psycopg.sql import SQL, Composed, Identifier, Literal
from tests.cloud.pace import Unhurried
from tests.cloud.signatures import Call, Refused
from tests.cluster.mysql_family import FamilyServer
from tests.cluster.postgres import PostgresServer

Json = dict[str, Any]
_CLASSES = (string.ascii_uppercase, string.ascii_lowercase, string.digits, "!@#$%^&*()_+-=")
_NAME = re.compile(r"[a-z][a-z0-9_]*[a-z0-9]")
_READ, _WRITE = (
    "SELECT, SHOW VIEW, LOCK TABLES",
    "INSERT, UPDATE, DELETE, EXECUTE, EVENT, TRIGGER, CREATE TEMPORARY TABLES",
)
_SHAPE = "CREATE, DROP, INDEX, ALTER, CREATE VIEW, CREATE ROUTINE, ALTER ROUTINE"
# What a level is on the server, by the documentation's table of the rights of accounts.
MYSQL = {
    "ReadWrite": f"{_READ}, {_WRITE}, {_SHAPE}, REFERENCES",
    "ReadOnly": _READ,
    "DMLOnly": f"{_READ}, {_WRITE}",
    "DDLOnly": f"{_SHAPE}, SHOW VIEW, LOCK TABLES, CREATE TEMPORARY TABLES",
}


@dataclass
class Account:
    name: str
    type: str
    description: str = ""
    status: str = "Available"
    privileges: dict[str, str] = field(default_factory=dict)
    locked: bool = False


class Server:
    """The server behind an instance, as the cloud's own account works on it."""

    def __init__(self, real: FamilyServer | PostgresServer) -> None:
        self.real = real
        self.engine = "PostgreSQL" if isinstance(real, PostgresServer) else real.name

    def make(self, name: str, password: str, *, mighty: bool) -> None:
        if self.engine == "PostgreSQL":
            more = SQL("CREATEDB CREATEROLE" if mighty else "")
            made = SQL("CREATE ROLE {} LOGIN {} PASSWORD {}")
            self._unlogged(made.format(Identifier(name), more, Literal(password)))
            return
        self.real.sql(f"CREATE USER %s@'%%' {self._by()}", (name, self._stored(password)))
        if mighty:
            self.real.sql("GRANT ALL ON *.* TO %s@'%%'", (name,))

    def _unlogged(self, statement: Composed) -> None:
        """What the cloud writes down is its own affair: others look for our values in the log of this server."""
        with self.real.connect() as conn:
            conn.execute("SET log_statement = 'none'")
            conn.execute("SET log_min_error_statement = 'panic'")
            conn.execute(statement)

    def set(self, name: str, password: str) -> None:
        if self.engine == "PostgreSQL":
            self._unlogged(SQL("ALTER ROLE {} PASSWORD {}").format(Identifier(name), Literal(password)))
        else:
            self.real.sql(f"ALTER USER %s@'%%' {self._by()}", (name, self._stored(password)))

    def _by(self) -> str:
        return "IDENTIFIED BY PASSWORD %s" if self.engine == "MariaDB" else "IDENTIFIED BY %s"

    def _stored(self, password: str) -> str:
        """MariaDB writes down what it is told in clear, and other tests look for values there."""
        if self.engine != "MariaDB":
            return password
        return "*" + hashlib.sha1(hashlib.sha1(password.encode()).digest()).hexdigest().upper()

    def give(self, name: str, database: str, level: str) -> None:
        if self.engine == "PostgreSQL":
            self.real.sql(SQL("ALTER DATABASE {} OWNER TO {}").format(Identifier(database), Identifier(name)))
            return
        self.real.sql(f"GRANT {MYSQL[level]} ON `{database}`.* TO %s@'%%'", (name,))

    def take(self, name: str, database: str) -> None:
        self.real.sql(f"REVOKE ALL ON `{database}`.* FROM %s@'%%'", (name,))

    def drop(self, name: str) -> None:
        if self.engine == "PostgreSQL":
            self.real.sql(SQL("DROP ROLE {}").format(Identifier(name)))
        else:
            self.real.sql("DROP USER %s@'%%'", (name,))

    def databases(self) -> set[str]:
        query = "SELECT datname FROM pg_database" if self.engine == "PostgreSQL" else "SHOW DATABASES"
        return {str(row[0]) for row in self.real.sql(query)}


class Databases(Unhurried):
    """One instance. A subclass has the API's operations, each named `_<Action>`; an answer of the API is what it gives back."""

    levels: dict[str, tuple[str, ...]]  # by engine
    longest: dict[str, int]  # of a name, by engine
    at_work = "Unavailable"
    busy = "OperationDenied.DBInstanceStatus"

    def __init__(self, real: FamilyServer | PostgresServer, instance: str, delay: float = 0.0) -> None:
        super().__init__(delay)
        self.server, self.instance = Server(real), instance
        self.engine, self.status, self.role = self.server.engine, "Running", "Primary"
        self.accounts: dict[str, Account] = {}

    # --- what a person does in the console ---

    def account(self, name: str, password: str, type_: str = "Normal", **privileges: str) -> Account:
        """One that is there already."""
        self.server.make(name, password, mighty=type_ == "Super")
        self.accounts[name] = made = Account(name, type_, privileges=dict(privileges))
        for database, level in privileges.items():
            self.server.give(name, database, level)
        return made

    def close(self) -> None:
        """Do what was accepted, and drop what is left."""
        self.hurry()
        for name in self.accounts:
            self.server.drop(name)

    # --- the API ---

    def answer(self, call: Call) -> Json:
        """Raises Refused."""
        with self._lock:
            operation = getattr(self, f"_{call.action}", None)
            if operation is None:
                raise Refused(400, "InvalidAction.NotFound")
            asked = call.parameters()
            self._addressed(asked)
            found: Json = operation(asked)
            return found

    def _addressed(self, asked: dict[str, str]) -> None:
        raise NotImplementedError

    def _running(self) -> None:
        if self.status != "Running":
            raise Refused(403, self.busy)

    def _named(self, asked: dict[str, str], *, free: bool = False) -> Account:
        account = self.accounts.get(asked.get("AccountName", ""))
        if account is None:
            raise Refused(404, "InvalidAccountName.NotFound")
        if free:
            self._running()
            if account.status != "Available":
                raise Refused(403, "OperationDenied.AccountStatus")
        return account

    def _new(self, asked: dict[str, str], type_: str) -> Account:
        """An account of this name, if there may be one."""
        self._running()
        self._check_name(asked)
        if type_ == "Super" and any(one.type == "Super" for one in self.accounts.values()):
            raise Refused(400, "SuperAccountExist")
        return Account(asked["AccountName"], type_, _description(asked))

    def _check_name(self, asked: dict[str, str]) -> None:
        name = asked.get("AccountName", "")
        if not _NAME.fullmatch(name) or not 2 <= len(name) <= self.longest[self.engine]:
            raise Refused(400, "InvalidAccountName.Format")
        if name in ("root", "admin", "aliyun_root"):
            raise Refused(400, "InvalidAccountName.Forbid")
        if name in self.accounts:
            raise Refused(400, "InvalidAccountName.Duplicate")

    def _rights(self, asked: dict[str, str]) -> dict[str, str]:
        names, levels = asked.get("DBName", "").split(","), asked.get("AccountPrivilege", "").split(",")
        if len(names) != len(levels):
            raise Refused(400, "InvalidParameters.Format")
        if set(names) - self.server.databases():
            raise Refused(404, "InvalidDBName.NotFound")
        if set(levels) - set(self.levels[self.engine]):
            raise Refused(400, "InvalidAccountPrivilege.Malformed")
        return dict(zip(names, levels, strict=True))

    def _GrantAccountPrivilege(self, asked: dict[str, str]) -> Json:  # noqa: N802 - the API's own names, as below
        account, rights = self._named(asked, free=True), self._rights(asked)

        def give() -> None:
            for database, level in rights.items():
                if self.engine != "PostgreSQL" and database in account.privileges:
                    self.server.take(account.name, database)
                self.server.give(account.name, database, level)
            account.privileges |= rights

        self._change("GrantAccountPrivilege", account, give)
        return {}

    def _RevokeAccountPrivilege(self, asked: dict[str, str]) -> Json:  # noqa: N802
        account, databases = self._named(asked, free=True), asked.get("DBName", "").split(",")
        if self.engine == "PostgreSQL" or set(databases) - account.privileges.keys():
            raise Refused(400, "InvalidDBName.NotFound")

        def take() -> None:
            for database in databases:
                self.server.take(account.name, database)
                del account.privileges[database]

        self._change("RevokeAccountPrivilege", account, take)
        return {}

    def _ModifyAccountDescription(self, asked: dict[str, str]) -> Json:  # noqa: N802
        self._named(asked).description = _description(asked)
        self.done.append(("ModifyAccountDescription", asked["AccountName"]))
        return {}

    def _DeleteAccount(self, asked: dict[str, str]) -> Json:  # noqa: N802
        account = self._named(asked, free=True)

        def delete() -> None:
            self.server.drop(account.name)
            del self.accounts[account.name]

        self._change("DeleteAccount", account, delete, "Deleting")
        return {}

    def _made(self, account: Account, password: str, rights: dict[str, str]) -> None:
        self.accounts[account.name] = account

        def make() -> None:
            self.server.make(account.name, password, mighty=account.type == "Super")
            for database, level in rights.items():
                self.server.give(account.name, database, level)
            account.privileges |= rights

        self._change("CreateAccount", account, make)

    def _change(self, action: str, account: Account, work: Callable[[], None], status: str = "") -> None:
        account.status = status or self.at_work

        def done() -> None:
            work()
            account.status = "Available"

        self._later(action, account.name, done)


def password_of(asked: dict[str, str], parameter: str = "AccountPassword") -> str:
    """By the rules of both APIs. Raises Refused."""
    found = asked.get(parameter, "")
    used = sum(any(char in members for char in found) for members in _CLASSES)
    if not 8 <= len(found) <= 32 or used < 3 or set(found) - set("".join(_CLASSES)):
        raise Refused(400, "InvalidAccountPassword.Format")
    return found


def _description(asked: dict[str, str]) -> str:
    found = asked.get("AccountDescription", "")
    if found and not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{1,255}", found):
        raise Refused(400, "InvalidAccountDescription.Format")
    return found


class Instances:
    """Several instances of one product, told by their ids."""

    def __init__(self, *instances: Databases) -> None:
        self.by_id = {one.instance: one for one in instances}

    def answer(self, call: Call) -> Json:
        """Raises Refused."""
        asked = call.parameters()
        found = self.by_id.get(asked.get("DBInstanceId") or asked.get("DBClusterId", ""))
        if found is None:
            raise Refused(404, "InvalidDBInstanceId.NotFound")
        return found.answer(call)
