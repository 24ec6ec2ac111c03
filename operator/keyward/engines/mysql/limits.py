"""Whether a right on MySQL or MariaDB is within what a Target allows. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from keyward.domain.allowances import Allowance, levels_on
from keyward.engines.base import Level
from keyward.engines.mysql.grants import LEVELS, Right

_DATABASE: Final = re.compile(r"(?:\w+ )?`((?:[^`]|``)*)`\.(.*)", re.DOTALL)
_PIECE: Final = re.compile(r"\\(.)|(.)", re.DOTALL)
_ANY: Final = ("", "\0", "\0\0\0")  # what a % may stand for: only a * means all of it
_ONE: Final = "\0"  # what a _ may stand for


def covers(allowed: Sequence[Allowance], right: Right, *, literal: bool) -> bool:
    """Whether it is on a database, or on something within one, and a level that is allowed there has it.

    With `literal`, a grant's database is no pattern.
    """
    obj, name = right
    found = _DATABASE.fullmatch(obj)
    if found is None:
        return False
    quoted, within = found.groups()
    database = quoted.replace("``", "`")
    meant = [database] if literal or within != "*" else _meant(database)
    return all(_has(levels_on(allowed, one), name) for one in meant)


def _has(levels: Iterable[str], name: str) -> bool:
    plain = name.partition(" (")[0]  # a right on a column is less than the same on its table
    return any(plain in LEVELS.get(Level(level), frozenset()) for level in levels)


def _meant(pattern: str) -> list[str]:
    """Names of databases that a grant on this pattern means; what has a wildcard of SQL in it is within a wildcard alone."""
    found = [""]
    for piece in _PIECE.finditer(pattern):
        escaped, plain = piece.groups()
        ways = (escaped,) if escaped else {"_": (_ONE,), "%": _ANY}.get(plain, (plain,))
        found = [f"{before}{way}" for before in found for way in ways]
        if len(found) > len(_ANY) ** 4:
            return [_ONE]
    return found
