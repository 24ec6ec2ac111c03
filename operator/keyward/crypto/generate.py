"""Passwords and generated values: every one that a policy allows is equally likely.

Randomness comes in as a function. A policy that allows too few is refused unless it says that it means to.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import orjson

from keyward.crypto.envelope import MAX_VALUE, Random
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

MIN_BITS: Final = 128
MAX_LENGTH: Final = 1024
MAX_CLASSES: Final = 6
DEFAULT_CLASSES: Final = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "_-")


@dataclass(frozen=True)
class PasswordPolicy:
    """What a password must be: `length` characters of the classes and of `extra`, at least one of each class.

    `extra` may be used and need not be; none of `excluded` is ever used.
    """

    length: int = 30
    classes: tuple[str, ...] = DEFAULT_CLASSES
    extra: str = ""
    excluded: str = ""
    allow_weak: bool = False

    @cached_property
    def groups(self) -> tuple[tuple[str, int], ...]:
        """The characters that may be used, by the set (as bits) of classes that each of them satisfies."""
        found: dict[int, list[str]] = {}
        for char in sorted(set("".join(self.classes) + self.extra) - set(self.excluded)):
            satisfied = sum(1 << n for n, members in enumerate(self.classes) if char in members)
            found.setdefault(satisfied, []).append(char)
        return tuple(("".join(chars), bits) for bits, chars in sorted(found.items()))

    def check(self) -> None:
        """Raises Blocked with INVALID_SPEC, naming the field, if no password or too few of them satisfy this."""
        if not 1 <= self.length <= MAX_LENGTH:
            raise Blocked(Reason.INVALID_SPEC, f"length: a generated password has 1 to {MAX_LENGTH} characters")
        if len(self.classes) > MAX_CLASSES or not (self.classes or self.extra):
            raise Blocked(
                Reason.INVALID_SPEC, f"classes: characters are needed, and at most {MAX_CLASSES} classes of them"
            )
        if not self.groups or any(set(members) <= set(self.excluded) for members in self.classes):
            raise Blocked(Reason.INVALID_SPEC, "exclude: it leaves no character, or none of a class that is asked for")
        possible = _counts(self.groups, self.length)[-1][_all(self)]
        if possible == 0:
            raise Blocked(Reason.INVALID_SPEC, "length: too short for one character of each class")
        if not self.allow_weak and possible >> MIN_BITS == 0:
            raise Blocked(
                Reason.INVALID_SPEC,
                f"length: such a password has less than {MIN_BITS} bits: make it longer, or set allowWeak: true",
            )


def password(policy: PasswordPolicy, random: Random) -> Sensitive:
    """A password of the policy, each equally likely. Raises Blocked with INVALID_SPEC."""
    policy.check()
    counts, missing, chars = _counts(policy.groups, policy.length), _all(policy), []
    # The passwords in a fixed order are numbered; one number is drawn and its password spelled out. Drawing character by
    # character and putting missing classes in afterwards would favour some passwords.
    index = below(counts[-1][missing], random)
    for rest in reversed(counts[:-1]):
        for members, satisfied in policy.groups:
            each = rest[missing & ~satisfied]
            if index < each * len(members):
                chosen, index = divmod(index, each)
                chars.append(members[chosen])
                missing &= ~satisfied
                break
            index -= each * len(members)
    return Sensitive("".join(chars))


def key_values(given: Mapping[str, Sensitive], generated: Mapping[str, PasswordPolicy], random: Random) -> Sensitive:
    """A key/value document as compact JSON, keys in order: given values and freshly generated ones.

    Raises:
        Blocked: INVALID_SPEC if a key is in both, or a given value is not text; VALUE_TOO_LARGE.
    """
    if not given.keys().isdisjoint(generated):
        raise Blocked(Reason.INVALID_SPEC, "a key of the document is both given and generated")
    values = {key: _text(key, value) for key, value in given.items()}
    values |= {key: password(policy, random).reveal_text() for key, policy in generated.items()}
    written = orjson.dumps(values, option=orjson.OPT_SORT_KEYS)
    if len(written) > MAX_VALUE:
        raise Blocked(Reason.VALUE_TOO_LARGE, f"the document has {len(written)} bytes, more than {MAX_VALUE}")
    return Sensitive(written)


def _text(key: str, value: Sensitive) -> str:
    try:
        return value.reveal_text()
    except ValueError:
        raise Blocked(Reason.INVALID_SPEC, f"the value of {key!r} is not UTF-8 text") from None


def below(bound: int, random: Random) -> int:
    """A number from 0 to `bound` - 1, each equally likely: what does not fit is drawn again, never folded."""
    bits = (bound - 1).bit_length()
    size = (bits + 7) // 8
    while True:
        drawn = int.from_bytes(random(size), "big") >> (size * 8 - bits)
        if drawn < bound:
            return drawn


def _all(policy: PasswordPolicy) -> int:
    return (1 << len(policy.classes)) - 1


@lru_cache(maxsize=16)
def _counts(groups: tuple[tuple[str, int], ...], length: int) -> tuple[dict[int, int], ...]:
    """For 0 … `length` characters and each set of classes still missing: how many strings satisfy those."""
    sets = range(1 << max(bits.bit_length() for _, bits in groups))
    counts = [{missing: int(missing == 0) for missing in sets}]
    for _ in range(length):
        rest = counts[-1]
        counts.append({m: sum(len(chars) * rest[m & ~bits] for chars, bits in groups) for m in sets})
    return tuple(counts)
