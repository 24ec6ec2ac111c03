"""Objects of grants as the server writes them: databases, which may be patterns, and what is in them. Pure."""

from __future__ import annotations

import re
from typing import Final

_PATTERN: Final = re.compile(r"\\(.)|(.)", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_WITHIN: Final = re.compile(
    r"(?:(?:FUNCTION|PROCEDURE|PACKAGE|PACKAGE BODY) )?`((?:[^`]|``)*)`\.`(?:[^`]|``)*`", re.DOTALL
)


def is_whole(obj: str) -> bool:
    """Whether it is a database, or the server."""
    return obj.endswith(".*")


def database_of(obj: str, *, literal: bool) -> str | None:
    """The database of a table or routine, as a grant on it would name it; None for what is in none.

    `literal`: a grant's database is no pattern.
    """
    found = _WITHIN.fullmatch(obj)
    if found is None:
        return None
    name = found[1] if literal else re.sub(r"([\\_%])", r"\\\1", found[1])
    return f"`{name}`.*"


def covers(pattern: str, obj: str) -> bool:
    """Whether a grant on one database means the other as well: `_` and `%` are wildcards unless a backslash stands before."""
    if not (pattern.endswith("`.*") and obj.endswith("`.*")):
        return False
    return re.fullmatch(_PATTERN.sub(_as_regex, pattern[1:-3]), _ESCAPED.sub(r"\1", obj[1:-3]), re.DOTALL) is not None


def _as_regex(found: re.Match[str]) -> str:
    escaped, plain = found.groups()
    if escaped:
        return re.escape(escaped)
    return {"_": ".", "%": ".*"}.get(plain, re.escape(plain))
