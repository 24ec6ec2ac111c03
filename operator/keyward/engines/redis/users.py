"""One ACL user as a node describes it. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from keyward.sensitive import Sensitive

GIVES_BACK: Final = "ACL SETUSER … on gives it back, which we never do"
"""What is said of an account that somebody switched off."""
# An account that may run one of these rules the server, or can give itself the right to.
_MIGHTY: Final = ("acl|setuser", "config|set", "module|load", "debug", "replicaof", "shutdown", "failover")
_CATEGORIES: Final = frozenset({"all", "admin", "dangerous", "slow"})  # that all of them are in


def hash_of(password: Sensitive) -> str:
    """What Redis stores of a password: the SHA-256, in hex."""
    return hashlib.sha256(password.reveal()).hexdigest()


@dataclass(frozen=True, slots=True)
class User:
    """What ACL GETUSER answers. `hashes` are of passwords: they stay in this package."""

    enabled: bool
    hashes: frozenset[str]
    any_password: bool
    mighty: bool
    commands: tuple[str, ...] = ()  # what it may run, as the server writes it: rules that mean something in their order
    reach: tuple[str, ...] = ()  # on which keys and channels, and selectors

    def __repr__(self) -> str:
        return f"User(enabled={self.enabled})"

    def holds(self, *hashes: str) -> bool:
        """Whether these passwords, and nothing but them, open the account."""
        return self.hashes == set(hashes) and not self.any_password

    def lets_in(self, password_hash: str) -> bool:
        """Whether this password is one of those that open the account."""
        return password_hash in self.hashes and not self.any_password


def parse(answer: Any) -> User | None:
    """The user of an answer to ACL GETUSER; None if there is none."""
    if answer is None:
        return None
    found = {_text(key): value for key, value in zip(answer[::2], answer[1::2], strict=True)}
    flags = {_text(flag) for flag in found["flags"]}
    commands = _text(found.get("commands", b""))
    selectors = [[_text(part) for part in selector] for selector in found.get("selectors", [])]
    grants = [commands, *(dict(zip(s[::2], s[1::2], strict=True)).get("commands", "") for s in selectors)]
    return User(
        enabled="on" in flags,
        hashes=frozenset(_text(one) for one in found["passwords"]),
        any_password="nopass" in flags,
        mighty=any(_is_mighty(grant.split()) for grant in grants),
        commands=tuple(commands.split()),
        reach=(
            *_patterns(found.get("keys"), "~"),
            *_patterns(found.get("channels"), "&"),
            *map(_selector, selectors),
        ),
    )


def _patterns(found: Any, sign: str) -> list[str]:
    """Before Redis 7 these were lists, without the sign."""
    return _text(found).split() if isinstance(found, bytes) else [f"{sign}{_text(one)}" for one in found or ()]


def _selector(parts: list[str]) -> str:
    return f"({' '.join(part for part in parts[1::2] if part)})"


def _is_mighty(rules: list[str]) -> bool:
    return any(_allows(rules, command) for command in _MIGHTY)


def _allows(rules: list[str], command: str) -> bool:
    """Whether the rules, read in order, end with this command allowed. A category that we do not know changes nothing."""
    allowed = False
    for rule in rules:
        sign, what = rule[:1], rule[1:].lower()
        named = what in (command, command.partition("|")[0])
        if sign in "+-" and (named or (what.startswith("@") and what[1:] in _CATEGORIES)):
            allowed = sign == "+"
    return allowed


def _text(found: Any) -> str:
    return found.decode("utf-8", "surrogateescape") if isinstance(found, bytes) else str(found)
