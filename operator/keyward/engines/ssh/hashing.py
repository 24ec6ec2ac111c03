"""What /etc/shadow stores of a password, computed here, so that the host's tools and logs never see the password.

sha512-crypt, which every libc knows; Python's own went away with its crypt module. Pure: salts come in.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from typing import Final

from keyward.engines import shacrypt
from keyward.sensitive import Sensitive

SALT: Final = 16  # characters, the most that sha512-crypt takes
_ROUNDS: Final = 5000
_SALTED: Final = re.compile(r"\$6\$(?:rounds=([0-9]{4,9})\$)?([^$:\n]{0,16})")
_STORED: Final = re.compile(r"(\$6\$(?:rounds=[0-9]{4,9}\$)?[^$:\n]{0,16})\$[./0-9A-Za-z]{86}")
_MOST_ROUNDS: Final = 1_000_000  # a stored hash with more would keep us busy for minutes


def salt(random: Callable[[int], bytes]) -> str:
    """16 characters that end no field."""
    return "".join(shacrypt.ALPHABET[byte & 63] for byte in random(SALT))


def crypt(password: Sensitive, fresh: str) -> str:
    """The whole field of /etc/shadow for this password."""
    return f"$6${fresh}${shacrypt.sha512(password.reveal(), fresh.encode(), _ROUNDS)}"


def crypt_as(salted: str, password: Sensitive) -> str | None:
    """The whole field for this password, with a salt as /etc/shadow has it before a hash; None if it is of another kind."""
    found = _SALTED.fullmatch(salted)
    if found is None:
        return None
    rounds = int(found[1]) if found[1] else _ROUNDS
    if not 1000 <= rounds <= _MOST_ROUNDS:
        return None
    return f"{salted}${shacrypt.sha512(password.reveal(), found[2].encode(), rounds)}"


def matches(stored: str, password: Sensitive) -> bool | None:
    """Whether a field of /etc/shadow is this password's; None if it was made in a way that is not known here."""
    found = _STORED.fullmatch(stored)
    ours = crypt_as(found[1], password) if found else None
    return None if ours is None else hmac.compare_digest(stored.encode(), ours.encode())
