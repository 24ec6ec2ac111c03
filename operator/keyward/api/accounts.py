"""Names of accounts: those that we make, those that nobody may claim, and what fits into PostgreSQL. Pure."""

from __future__ import annotations

import re
from typing import Final

CREATED: Final = r"^[a-z_][a-z0-9_]{0,56}$"
RESERVED: Final = r"^(postgres|public|none|pg_.*|current_role|current_user|session_user)$"
MAX_BYTES: Final = 63
"""PostgreSQL cuts a longer identifier off without an error: it would be somebody else's."""
CLONE: Final = "_clone"
RIGHTS: Final = "_rights"
MAX_CREATED: Final = MAX_BYTES - len(RIGHTS)

_RESERVED = re.compile(RESERVED, re.IGNORECASE)


def fits(name: str) -> bool:
    """Whether PostgreSQL keeps the name whole: the schema counts characters, PostgreSQL bytes."""
    return 0 < len(name.encode()) <= MAX_BYTES and "\0" not in name


def is_reserved(name: str) -> bool:
    """Whether the name is the server's own, in any case of its letters."""
    return _RESERVED.fullmatch(name) is not None


def clone_of(name: str) -> str:
    return name + CLONE


def rights_of(name: str) -> str:
    return name + RIGHTS
