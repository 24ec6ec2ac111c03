"""Names of Redis accounts: what the server can hold, and what is nobody's to manage. Pure."""

from __future__ import annotations

import re
from typing import Final

from keyward.errors import Blocked, Reason

MAX_BYTES: Final = 128
"""Ours: the server has no limit, and a name goes into every line of its ACL file."""
DEFAULT: Final = "default"
_SPACES: Final = re.compile(r"[\s\0]")


def fits(name: str) -> bool:
    """Whether a Redis server can have an account of this name."""
    return 0 < len(name.encode()) <= MAX_BYTES and _SPACES.search(name) is None


def check(names: tuple[str, ...]) -> None:
    """Raise Blocked for a name that no account can have, and for the account that nobody may manage."""
    for name in names:
        if not fits(name):
            text = f"account {name!r}: must have 1 to {MAX_BYTES} bytes in UTF-8, without white space and NUL"
            raise Blocked(Reason.INVALID_SPEC, text)
        if name == DEFAULT:
            raise Blocked(Reason.ACCOUNT_RESERVED, "account 'default' is the server's own; it is never touched")
