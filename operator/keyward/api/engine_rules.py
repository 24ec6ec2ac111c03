"""What may be written for which kind of database server. Each message says what to do instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from keyward.api import accounts
from keyward.api.base import Rule

_PG: Final = "self.engine == 'PostgreSQL'"
_MOST: Final = accounts.MAX_CREATED_IN_MYSQL
_LIMIT: Final = accounts.MAX_OF_MYSQL
# In CEL's text a backslash is written twice.
_RESERVED: Final = accounts.RESERVED_BY_MYSQL.replace("\\", "\\\\")


def _made(rds: Any) -> list[str]:
    return [rds.create.name] if rds.create else []


def _taken(rds: Any) -> list[str]:
    return [a.name for a in rds.import_.accounts] if rds.import_ else []


def privileges(rds: Any) -> Iterable[Any]:
    return rds.create.privileges if rds.create else ()


def each_privilege(cel: str) -> str:
    return f"(!has(self.create) || !has(self.create.privileges) || self.create.privileges.all(p, {cel}))"


def _each_import(cel: str) -> str:
    return f"(!has(self.__import__) || self.__import__.accounts.all(a, {cel}))"


def _postgresql(cel: str, check: Callable[[Any], bool], message: str) -> Rule:
    return Rule(f"!({_PG}) || {cel}", message, lambda r: r.engine != "PostgreSQL" or check(r))


def _others(cel: str, check: Callable[[Any], bool], message: str) -> Rule:
    return Rule(f"{_PG} || {cel}", message, lambda r: r.engine == "PostgreSQL" or check(r))


def privilege_rules(block: str, others: str) -> tuple[Rule, ...]:
    """What accounts that are made may be given, in a block of a Credential whose servers are PostgreSQL or `others`."""
    field = f"spec.{block}.create.privileges[]"
    have, neither = ("have", "have neither") if " and " in others else ("has", "has neither")
    return (
        _postgresql(
            each_privilege("p.level in ['DBOwner', 'ReadWrite', 'ReadOnly']"),
            lambda r: all(p.level in ("DBOwner", "ReadWrite", "ReadOnly") for p in privileges(r)),
            f"{field}.level: PostgreSQL cannot enforce DDLOnly or DMLOnly: use DBOwner, ReadWrite or ReadOnly",
        ),
        _others(
            each_privilege("p.level != 'DBOwner'"),
            lambda r: all(p.level != "DBOwner" for p in privileges(r)),
            f"{field}.level: {others} {have} no DBOwner: use ReadWrite, ReadOnly, DDLOnly or DMLOnly",
        ),
        _others(
            each_privilege("p.schemas == ['public'] && (!has(p.ownerRoles) || size(p.ownerRoles) == 0)"),
            lambda r: all(p.schemas == ("public",) and not p.owner_roles for p in privileges(r)),
            f"{field}.schemas, ownerRoles: {others} {neither}: remove them",
        ),
    )


RULES: Final[tuple[Rule, ...]] = (
    Rule(
        "self.accountManagement != 'Overlap' || self.engine == 'MySQL'",
        "spec.rds.accountManagement: Overlap needs an account that can hold two passwords, which PostgreSQL and MariaDB do not "
        "have: use Dual",
        lambda r: r.account_management != "Overlap" or r.engine == "MySQL",
    ),
    _postgresql(
        "has(self.databaseName)",
        lambda r: r.database_name is not None,
        "spec.rds.databaseName: PostgreSQL needs it: name the database that consumers connect to",
    ),
    *privilege_rules("rds", "MySQL and MariaDB"),
    _postgresql(
        "!has(self.hosts) || size(self.hosts) == 0",
        lambda r: not r.hosts,
        "spec.rds.hosts: PostgreSQL's accounts have none: remove it; pg_hba.conf says from where they log in",
    ),
    _others(
        f"!has(self.create) || (size(self.create.name) <= {_MOST} && !self.create.name.matches('{_RESERVED}'))",
        lambda r: all(len(n) <= _MOST and not accounts.is_reserved_by_mysql(n) for n in _made(r)),
        f"spec.rds.create.name: must have at most {_MOST} characters for MySQL and MariaDB, and be no name of the server's own",
    ),
    _others(
        _each_import(f"!a.name.endsWith(' ') && !a.name.lowerAscii().matches('{_RESERVED}')"),
        lambda r: all(not n.endswith(" ") and not accounts.is_reserved_by_mysql(n) for n in _taken(r)),
        "spec.rds.import.accounts[].name: must not end in a space, and be no name of the server's own",
    ),
    Rule(
        f"self.engine != 'MySQL' || {_each_import(f'size(a.name) <= {_LIMIT}')}",
        f"spec.rds.import.accounts[].name: MySQL has at most {_LIMIT} characters",
        lambda r: r.engine != "MySQL" or all(len(n) <= _LIMIT for n in _taken(r)),
    ),
)
