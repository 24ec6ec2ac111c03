"""Which privileges Credentials may ask for on a Target. Each message of a rule says what to do instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from keyward.api.base import Model, Rule
from keyward.api.values import DatabaseName

_SET = {"x-kubernetes-list-type": "set"}
_PG: Final = ("DBOwner", "ReadWrite", "ReadOnly")
_MYSQL: Final = ("ReadWrite", "ReadOnly", "DDLOnly", "DMLOnly")


class AllowedPrivilege(Model):
    """Levels that may be asked for on some databases."""

    databases: Annotated[tuple[DatabaseName, ...], Field(min_length=1, max_length=64, json_schema_extra=_SET)]
    """Names of databases, with * and ? as wildcards, such as orders_*."""
    levels: Annotated[
        tuple[Literal["DBOwner", "ReadWrite", "ReadOnly", "DDLOnly", "DMLOnly", "ReadIndex"], ...],
        Field(min_length=1, max_length=6, json_schema_extra=_SET),
    ]
    """Levels, each as it is: one does not allow another that gives less."""


Allowed = Annotated[
    tuple[AllowedPrivilege, ...],
    Field(min_length=1, max_length=32, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
]


def _levels(block: str, when: str, levels: tuple[str, ...], message: str, has: Callable[[Any], bool]) -> Rule:
    """Where it is so, no other level than these."""
    return Rule(
        f"!has(self.allowedPrivileges) || !({when}) || "
        f"self.allowedPrivileges.all(a, a.levels.all(l, l in {list(levels)}))",
        f"spec.{block}.allowedPrivileges[].levels: {message}",
        lambda s: not has(s) or all(level in levels for one in s.allowed_privileges or () for level in one.levels),
    )


def _is_directly_pg(server: Any) -> bool:
    return server.engine == "PostgreSQL" and server.provider is None


def rules(block: str, others: str) -> tuple[Rule, ...]:
    """What a Target of a database server may allow, in this block."""
    have = "have" if " and " in others else "has"
    return (
        _levels(
            block,
            "self.engine == 'PostgreSQL' && !has(self.provider)",
            _PG,
            "PostgreSQL has DBOwner, ReadWrite and ReadOnly: remove the others",
            _is_directly_pg,
        ),
        _levels(
            block,
            "self.engine != 'PostgreSQL'" + (" && !has(self.provider)" if block == "polardb" else ""),
            _MYSQL,
            f"{others} {have} ReadWrite, ReadOnly, DDLOnly and DMLOnly: remove the others",
            lambda s: s.engine != "PostgreSQL" and (block != "polardb" or s.provider is None),
        ),
    )


RDS: Final[tuple[Rule, ...]] = (
    *rules("rds", "MySQL and MariaDB"),
    _levels(
        "rds",
        "self.engine == 'PostgreSQL' && has(self.provider)",
        ("DBOwner",),
        "through the cloud's API, PostgreSQL has DBOwner alone: remove the others",
        lambda s: s.engine == "PostgreSQL" and s.provider is not None,
    ),
)
POLARDB: Final[tuple[Rule, ...]] = (
    *rules("polardb", "MySQL"),
    _levels(
        "polardb",
        "self.engine != 'PostgreSQL' && has(self.provider)",
        (*_MYSQL, "ReadIndex"),
        "PolarDB for MySQL has no DBOwner: remove it",
        lambda s: s.engine != "PostgreSQL" and s.provider is not None,
    ),
    Rule(
        "!has(self.allowedPrivileges) || self.engine != 'PostgreSQL' || !has(self.provider)",
        "spec.polardb.allowedPrivileges: the cloud's API gives none on PostgreSQL: remove it",
        lambda s: s.allowed_privileges is None or s.engine != "PostgreSQL" or s.provider is None,
    ),
)
