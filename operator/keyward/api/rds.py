"""The type `rds`: one account, or a pair that takes turns, on a database server."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StringConstraints

from keyward.api import accounts, engine_rules, provider_rules
from keyward.api.base import Model, Rule
from keyward.api.open_api import Provider
from keyward.api.values import DatabaseName, ObjectName, RoleName, SecretKey

_SET = {"x-kubernetes-list-type": "set"}
_CREATED = re.compile(accounts.CREATED)
LEVELS = ("DBOwner", "ReadWrite", "ReadOnly", "DDLOnly", "DMLOnly")
EngineName = Literal["PostgreSQL", "MySQL", "MariaDB"]
AccountHost = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9.:%_/-]+$")]


def _is_reserved_cel(path: str) -> str:
    return f"{path}.lowerAscii().matches('{accounts.RESERVED}')"


class TargetReference(Model):
    """The server, as the platform's team describes it."""

    kind: Literal["Target", "ClusterTarget"] = "Target"
    """Target is one of the same namespace, ClusterTarget one that allows this namespace."""
    name: ObjectName
    """Name of the Target or ClusterTarget."""


def level_rule(block: str, levels: tuple[str, ...] = LEVELS) -> Rule:
    """The levels that there are, whatever the engine."""
    *most, last = levels
    return Rule(
        f"self.level in {list(levels)}",
        f"spec.{block}.create.privileges[].level: must be {', '.join(most)} or {last}",
        lambda p: p.level in levels,
    )


class Privilege(Model):
    """Rights on one database."""

    database: DatabaseName
    """Name of the database."""
    level: Annotated[str, StringConstraints(min_length=1, max_length=32)]
    """PostgreSQL: DBOwner (everything in the database, whose owner stays), ReadWrite (data of all tables) or ReadOnly. MySQL and
    MariaDB: ReadWrite (data and tables), ReadOnly, DDLOnly (tables, no data) or DMLOnly (data, no tables). With provider,
    PostgreSQL has DBOwner alone: the account becomes the owner of the database."""
    schemas: Annotated[tuple[DatabaseName, ...], Field(min_length=1, max_length=32, json_schema_extra=_SET)] = (
        "public",
    )
    """Schemas in which the rights are given. PostgreSQL only."""
    owner_roles: Annotated[tuple[RoleName, ...], Field(max_length=16, json_schema_extra=_SET)] = ()
    """Roles whose future tables are to be open to the account too. PostgreSQL only."""

    rules: ClassVar[tuple[Rule, ...]] = (level_rule("rds"),)


class Create(Model):
    """Accounts that are made for this Credential."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=63)]
    """Name of the account; Dual makes name_clone as well. Of a-z, 0-9 and _, no digit first; at most 56 for PostgreSQL, 26 for
    MySQL and MariaDB. With provider 2 or more, a letter first and no _ last, and at most 10 for MariaDB, 16 with Single."""
    privileges: Annotated[
        tuple[Privilege, ...],
        Field(
            max_length=32,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["database"]},
        ),
    ] = ()
    """Rights per database; at least one, unless privileged."""
    privileged: bool = False
    """Whether the account gets the role that the Target names as privilegedRole, in place of privileges; with provider it is the
    cloud's privileged account, of which an instance has one. Only with Single."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"self.name.matches('{accounts.CREATED}') && size(self.name) <= {accounts.MAX_CREATED}",
            f"spec.rds.create.name: must begin with a-z or _, go on with a-z, 0-9 or _, and have at most {accounts.MAX_CREATED} "
            "characters",
            lambda c: (
                _CREATED.fullmatch(c.name) is not None and len(c.name) <= accounts.MAX_CREATED and c.name.isascii()
            ),
        ),
        Rule(
            f"!{_is_reserved_cel('self.name')}",
            "spec.rds.create.name: is reserved by the server: choose another name",
            lambda c: not accounts.is_reserved(c.name),
        ),
        Rule(
            "self.privileged != (has(self.privileges) && size(self.privileges) > 0)",
            "spec.rds.create.privileges: give at least one, or set spec.rds.create.privileged and no privileges",
            lambda c: c.privileged != bool(c.privileges),
        ),
    )


class PasswordReference(Model):
    """One key of a Secret in the same namespace."""

    secret_name: ObjectName
    """Name of the Secret."""
    key: SecretKey = "password"
    """Key of the Secret that holds the password."""


class ImportedAccount(Model):
    """An account that exists already, and its password of now."""

    name: RoleName
    """Name of the account, at most 63 bytes; for MySQL 32 characters."""
    password_from: PasswordReference
    """Where its password is read from, once."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"!{_is_reserved_cel('self.name')}",
            "spec.rds.import.accounts[].name: is reserved by the server: choose another account",
            lambda a: not accounts.is_reserved(a.name),
        ),
    )


class Import(Model):
    """Accounts that exist already."""

    accounts: Annotated[
        tuple[ImportedAccount, ...],
        Field(
            min_length=1,
            max_length=2,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ]
    """One for Single and Overlap, two for Dual; the password of the first-named is published first."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.accounts.all(a, self.accounts.exists_one(b, b.name == a.name))",
            "spec.rds.import.accounts: the two names must differ",
            lambda i: len({a.name for a in i.accounts}) == len(i.accounts),
        ),
    )


def _imports_enough(rds: Any) -> bool:
    return rds.import_ is None or len(rds.import_.accounts) == (2 if rds.account_management == "Dual" else 1)


class Rds(Model):
    """An account, or a pair of accounts that takes turns, on a database server."""

    target_ref: TargetReference
    """The server. It cannot be changed: use another Credential."""
    engine: EngineName = "PostgreSQL"
    """Kind of the server, as its Target says. It cannot be changed."""
    provider: Provider | None = None
    """AlibabaCloud: accounts are changed through the cloud's OpenAPI, as its Target says. It cannot be changed."""
    account_management: Literal["Dual", "Single", "Overlap"] = "Dual"
    """Dual rotates between two accounts without one refused login. Overlap does so with one account that holds old and new
    password during the grace period, on MySQL 8.0.14 or newer. Single has one, with a short gap at each rotation."""
    create: Create | None = None
    """Have the accounts made."""
    import_: Annotated[Import | None, Field(alias="import")] = None
    """Take over accounts that exist."""
    database_name: DatabaseName | None = None
    """Database that consumers connect to, and in which a value is proven. PostgreSQL needs it."""
    hosts: Annotated[tuple[AccountHost, ...], Field(max_length=16, json_schema_extra=_SET)] = ()
    """MySQL and MariaDB: the hosts of the account, as in user@host, such as 10.1.%. All are rotated together; one that exists on
    the server and is not listed stops the rotation. Absent: %."""

    rules: ClassVar[tuple[Rule, ...]] = (
        *engine_rules.RULES,
        *provider_rules.RDS,
        Rule(
            "has(self.create) != has(self.__import__)",
            "spec.rds: set exactly one of create and import",
            lambda r: (r.create is None) != (r.import_ is None),
        ),
        Rule(
            "!has(self.__import__) || size(self.__import__.accounts) == (self.accountManagement == 'Dual' ? 2 : 1)",
            "spec.rds.import.accounts: Dual needs two accounts, Single and Overlap one: add or remove one",
            _imports_enough,
        ),
        Rule(
            "!has(self.create) || !self.create.privileged || self.accountManagement == 'Single'",
            "spec.rds.create.privileged: needs spec.rds.accountManagement Single",
            lambda r: r.create is None or not r.create.privileged or r.account_management == "Single",
        ),
    )
