"""What a Target lets Credentials ask for. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Asked:
    """Rights on one database that a spec asks for. Without a level: all that the cloud's privileged account has."""

    database: str
    level: str


@dataclass(frozen=True, slots=True)
class Allowance:
    """Levels that may be asked for on databases of these names, which may have wildcards."""

    databases: tuple[str, ...]
    levels: tuple[str, ...]

    def covers(self, database: str) -> bool:
        return any(fnmatchcase(database, glob) for glob in self.databases)


def levels_on(allowed: Iterable[Allowance], database: str) -> list[str]:
    """The levels that may be asked for on this database, as they are listed."""
    return list(dict.fromkeys(level for one in allowed if one.covers(database) for level in one.levels))
