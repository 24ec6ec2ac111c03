"""Names of a host's users: what its tools take without a second meaning. Pure."""

from __future__ import annotations

import re
from typing import Final

from keyward.errors import Blocked, Reason

MAX: Final = 32
"""Bytes that a name in /etc/passwd has at most."""
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\$?")


def fits(name: str) -> bool:
    """Whether a Linux host can have a user of this name."""
    return len(name) <= MAX and _NAME.fullmatch(name) is not None


def check(names: tuple[str, ...]) -> None:
    """Raise Blocked for a name that no user can have."""
    for name in names:
        if not fits(name):
            text = (
                f"user {name!r}: must have 1 to {MAX} of the characters A-Z, a-z, 0-9, _, . and -, no digit or - first"
            )
            raise Blocked(Reason.INVALID_SPEC, text)
