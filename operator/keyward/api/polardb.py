"""The type `polardb`: a pair of accounts that takes turns on a PolarDB cluster, made for the Credential."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field, StringConstraints

from keyward.api import accounts, engine_rules, provider_rules
from keyward.api.base import Model, Rule
from keyward.api.open_api import Provider
from keyward.api.rds import LEVELS, Privilege, TargetReference, level_rule
from keyward.api.values import DatabaseName

PolardbEngine = Literal["MySQL", "PostgreSQL"]
_CREATED: Final = re.compile(accounts.CREATED_IN_POLARDB)


def _is_free_of_polardbs_own(name: str) -> bool:
    return re.fullmatch(accounts.RESERVED_BY_POLARDB, name) is None


class PolardbPrivilege(Privilege):
    """Rights on one database."""

    level: Annotated[str, StringConstraints(min_length=1, max_length=32)]
    """MySQL: ReadWrite (data and tables), ReadOnly, DDLOnly (tables, no data), DMLOnly (data, no tables) or, with provider,
    ReadIndex (read-only, and indexes). PostgreSQL: DBOwner (everything in the database, whose owner stays), ReadWrite (data of
    all tables) or ReadOnly."""

    rules: ClassVar[tuple[Rule, ...]] = (level_rule("polardb", (*LEVELS, "ReadIndex")),)


class PolardbCreate(Model):
    """The pair, and what it may do."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=16)]
    """Name of the first account; the second is name_clone. Of a-z, 0-9 and _, a letter first and no _ last, 2 to 10 characters:
    PolarDB's names have at most 16. Both must be free: an existing account is never taken over."""
    privileges: Annotated[
        tuple[PolardbPrivilege, ...],
        Field(
            max_length=32,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["database"]},
        ),
    ] = ()
    """Rights per database. MySQL needs at least one. PostgreSQL may have none: then the accounts may do what you grant to the
    role name_rights, as which both act. With provider PostgreSQL has none: whatever you grant, grant it to both accounts."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"self.name.matches('{accounts.CREATED_IN_POLARDB}')",
            "spec.polardb.create.name: must begin with a-z, go on with a-z, 0-9 or _, not end in _, and have 2 to 10 characters: "
            "the clone's name has 6 more, and PolarDB takes 16",
            lambda c: _CREATED.fullmatch(c.name) is not None,
        ),
        Rule(
            f"!self.name.matches('{accounts.RESERVED_BY_POLARDB}')",
            "spec.polardb.create.name: is reserved by PolarDB: choose another name",
            lambda c: _is_free_of_polardbs_own(c.name),
        ),
    )


class Polardb(Model):
    """A pair of standard accounts that takes turns on a PolarDB cluster, made for this Credential."""

    target_ref: TargetReference
    """The cluster. It cannot be changed: use another Credential."""
    engine: PolardbEngine
    """Kind of the cluster, as its Target says. It cannot be changed."""
    provider: Provider | None = None
    """AlibabaCloud: accounts are changed through the cloud's OpenAPI, as its Target says. It cannot be changed."""
    create: PolardbCreate
    """The accounts, which are made once both names are known to be free."""
    database_name: DatabaseName
    """Database that consumers connect to, and in which a value is proven."""

    rules: ClassVar[tuple[Rule, ...]] = (
        *engine_rules.privilege_rules("polardb", "MySQL"),
        *provider_rules.POLARDB,
        Rule(
            "self.engine != 'MySQL' || (has(self.create.privileges) && size(self.create.privileges) > 0)",
            "spec.polardb.create.privileges: MySQL needs a database and its level: add at least one",
            lambda p: p.engine != "MySQL" or bool(p.create.privileges),
        ),
    )
