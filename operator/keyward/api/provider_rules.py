"""What may be written where accounts are changed through the cloud's OpenAPI. Each message says what to do instead."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from keyward.api import accounts
from keyward.api.base import Rule
from keyward.api.engine_rules import each_privilege, privileges

_MARIADB: Final = accounts.MAX_OF_MARIADB_IN_THE_CLOUD
_DUAL: Final = _MARIADB - len(accounts.CLONE)
_OWNER_ALONE: Final = each_privilege("p.level == 'DBOwner'")
_NO_INDEX: Final = each_privilege("p.level != 'ReadIndex'")
_CREATED: Final = re.compile(accounts.CREATED_IN_THE_CLOUD)


def _with(cel: str, message: str, check: Callable[[Any], bool]) -> Rule:
    return Rule(f"!has(self.provider) || {cel}", message, lambda r: r.provider is None or check(r))


def _fits_mariadb(rds: Any) -> bool:
    most = _DUAL if rds.account_management == "Dual" else _MARIADB
    return rds.engine != "MariaDB" or rds.create is None or len(rds.create.name) <= most


RDS: Final[tuple[Rule, ...]] = (
    _with(
        "self.accountManagement != 'Overlap'",
        "spec.rds.accountManagement: Overlap is not to be had through the cloud's API, which knows one password per account: "
        "use Dual, or a Target without provider",
        lambda r: r.account_management != "Overlap",
    ),
    _with(
        "self.engine != 'PostgreSQL' || self.accountManagement != 'Dual'",
        "spec.rds.accountManagement: through the cloud's API alone, a pair on PostgreSQL cannot be given equal rights: use a "
        "Target without provider, whose admin logs in to the same server, or Single",
        lambda r: r.engine != "PostgreSQL" or r.account_management != "Dual",
    ),
    _with(
        f"self.engine != 'PostgreSQL' || {_OWNER_ALONE}",
        "spec.rds.create.privileges[].level: through the cloud's API, PostgreSQL has DBOwner alone: use it, or a Target without "
        "provider",
        lambda r: r.engine != "PostgreSQL" or all(p.level == "DBOwner" for p in privileges(r)),
    ),
    _with(
        each_privilege("p.schemas == ['public'] && (!has(p.ownerRoles) || size(p.ownerRoles) == 0)"),
        "spec.rds.create.privileges[].schemas, ownerRoles: the cloud's API gives rights on whole databases: remove them",
        lambda r: all(p.schemas == ("public",) and not p.owner_roles for p in privileges(r)),
    ),
    _with(
        "!has(self.hosts) || size(self.hosts) == 0",
        "spec.rds.hosts: the cloud's API knows an account by its name alone: remove it, or use a Target without provider",
        lambda r: not r.hosts,
    ),
    _with(
        f"!has(self.create) || self.create.name.matches('{accounts.CREATED_IN_THE_CLOUD}')",
        "spec.rds.create.name: with provider it must begin with a-z, not end in _, and have 2 characters or more",
        lambda r: r.create is None or _CREATED.fullmatch(r.create.name) is not None,
    ),
    _with(
        "self.engine != 'MariaDB' || !has(self.create) || "
        f"size(self.create.name) <= (self.accountManagement == 'Dual' ? {_DUAL} : {_MARIADB})",
        f"spec.rds.create.name: RDS for MariaDB takes {_MARIADB} characters, and a clone's name has {len(accounts.CLONE)} more: "
        f"at most {_DUAL}, with Single {_MARIADB}",
        _fits_mariadb,
    ),
)

POLARDB: Final[tuple[Rule, ...]] = (
    Rule(
        f"has(self.provider) || {_NO_INDEX}",
        "spec.polardb.create.privileges[].level: ReadIndex is of the cloud's API alone: use ReadOnly, or a Target with provider",
        lambda p: p.provider is not None or all(one.level != "ReadIndex" for one in privileges(p)),
    ),
    _with(
        "self.engine != 'PostgreSQL' || !has(self.create.privileges) || size(self.create.privileges) == 0",
        "spec.polardb.create.privileges: the cloud's API gives none on PostgreSQL: remove them, or use a Target without provider",
        lambda p: p.engine != "PostgreSQL" or not p.create.privileges,
    ),
)
