"""How long a value may be, to the byte. Pure."""

from __future__ import annotations

from typing import Final

from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

MAX_VALUE: Final = 30_720  # bytes: the plain text, the compact JSON of key/value, or a secret of an AccessKey
MAX_TOGETHER: Final = 48_000  # bytes of what is sealed, where it is more than one value: a version holds no more


def bounded(value: Sensitive, what: str, most: int = MAX_VALUE) -> Sensitive:
    """The value, if it is not too long to be kept. Raises Blocked with VALUE_TOO_LARGE."""
    if len(value) > most:
        raise Blocked(Reason.VALUE_TOO_LARGE, f"{what} has {len(value)} bytes, and at most {most} are kept: shorten it")
    return value
