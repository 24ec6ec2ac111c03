"""What /etc/shadow stores of a password, computed here, so that the host's tools and logs never see the password.

sha512-crypt, which every libc knows; Python's own went away with its crypt module. Pure: salts come in.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Final

from keyward.sensitive import Sensitive

SALT: Final = 16  # characters, the most that sha512-crypt takes
_ROUNDS: Final = 5000
_ALPHABET: Final = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_STORED: Final = re.compile(r"\$6\$(?:rounds=([0-9]{4,9})\$)?([^$:\n]{0,16})\$[./0-9A-Za-z]{86}")
_MOST_ROUNDS: Final = 1_000_000  # a stored hash with more would keep us busy for minutes


def salt(random: Callable[[int], bytes]) -> str:
    """16 characters that end no field."""
    return "".join(_ALPHABET[byte & 63] for byte in random(SALT))


def crypt(password: Sensitive, fresh: str) -> str:
    """The whole field of /etc/shadow for this password."""
    return f"$6${fresh}${_digest(password.reveal(), fresh.encode(), _ROUNDS)}"


def matches(stored: str, password: Sensitive) -> bool | None:
    """Whether a field of /etc/shadow is this password's; None if it was made in a way that is not known here."""
    found = _STORED.fullmatch(stored)
    if found is None:
        return None
    rounds = int(found[1]) if found[1] else _ROUNDS
    if not 1000 <= rounds <= _MOST_ROUNDS:
        return None
    digest = _digest(password.reveal(), found[2].encode(), rounds)
    return hmac.compare_digest(stored.rpartition("$")[2].encode(), digest.encode())


def _digest(secret: bytes, fresh: bytes, rounds: int) -> str:
    digest = _first(secret, fresh)
    spread = _repeat(hashlib.sha512(secret * len(secret)).digest(), len(secret))
    salted = _repeat(hashlib.sha512(fresh * (16 + digest[0])).digest(), len(fresh))
    for number in range(rounds):
        turn = spread if number & 1 else digest
        if number % 3:
            turn += salted
        if number % 7:
            turn += spread
        turn += digest if number & 1 else spread
        digest = hashlib.sha512(turn).digest()
    return _text(digest)


def _first(secret: bytes, fresh: bytes) -> bytes:
    twice = hashlib.sha512(secret + fresh + secret).digest()
    mixed = secret + fresh + _repeat(twice, len(secret))
    length = len(secret)
    while length:
        mixed += twice if length & 1 else secret
        length >>= 1
    return hashlib.sha512(mixed).digest()


def _repeat(block: bytes, length: int) -> bytes:
    return (block * (length // len(block) + 1))[:length]


def _text(digest: bytes) -> str:
    # Three bytes make four characters; which three goes round in steps of 21.
    groups = []
    a, b, c = 0, 21, 42
    for _ in range(21):
        groups.append((digest[a] << 16 | digest[b] << 8 | digest[c], 4))
        a, b, c = b + 1, c + 1, a + 1
    groups.append((digest[63], 2))
    return "".join(_ALPHABET[value >> 6 * place & 63] for value, count in groups for place in range(count))
