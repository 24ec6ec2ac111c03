"""The digest of sha256-crypt and sha512-crypt, which servers and hosts store of a password in fields of their own.

Pure: salts come in. Ulrich Drepper's "Unix crypt using SHA-256 and SHA-512", but for the length of the salt, which is the
caller's to bound.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Final

ALPHABET: Final = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""Of the text, by six bits; a salt of these characters ends no field."""

_Hash = Callable[[bytes], bytes]


def sha256(secret: bytes, salt: bytes, rounds: int) -> str:
    """43 characters."""
    digest = _digest(lambda data: hashlib.sha256(data).digest(), secret, salt, rounds)
    return _text(digest, _places(10, forward=False)) + _characters(digest[31] << 8 | digest[30], 3)


def sha512(secret: bytes, salt: bytes, rounds: int) -> str:
    """86 characters."""
    digest = _digest(lambda data: hashlib.sha512(data).digest(), secret, salt, rounds)
    return _text(digest, _places(21, forward=True)) + _characters(digest[63], 2)


def _digest(hashed: _Hash, secret: bytes, salt: bytes, rounds: int) -> bytes:
    digest = _first(hashed, secret, salt)
    spread = _repeat(hashed(secret * len(secret)), len(secret))
    salted = _repeat(hashed(salt * (16 + digest[0])), len(salt))
    for number in range(rounds):
        turn = spread if number & 1 else digest
        if number % 3:
            turn += salted
        if number % 7:
            turn += spread
        turn += digest if number & 1 else spread
        digest = hashed(turn)
    return digest


def _first(hashed: _Hash, secret: bytes, salt: bytes) -> bytes:
    twice = hashed(secret + salt + secret)
    mixed = secret + salt + _repeat(twice, len(secret))
    length = len(secret)
    while length:
        mixed += twice if length & 1 else secret
        length >>= 1
    return hashed(mixed)


def _repeat(block: bytes, length: int) -> bytes:
    return (block * (length // len(block) + 1))[:length]


def _places(step: int, *, forward: bool) -> Iterable[tuple[int, int, int]]:
    """Which three bytes make four characters: `step` apart, and going round from one time to the next."""
    a, b, c = 0, step, 2 * step
    for _ in range(step):
        yield a, b, c
        a, b, c = (b + 1, c + 1, a + 1) if forward else (c + 1, a + 1, b + 1)


def _text(digest: bytes, places: Iterable[tuple[int, int, int]]) -> str:
    return "".join(_characters(digest[a] << 16 | digest[b] << 8 | digest[c], 4) for a, b, c in places)


def _characters(value: int, count: int) -> str:
    return "".join(ALPHABET[value >> 6 * place & 63] for place in range(count))
