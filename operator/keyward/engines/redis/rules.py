"""The rights of an account as ACL rules, all of them in one command, so that an account is never half made. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from keyward.engines.base import AccountSet, Level
from keyward.errors import Blocked, Reason

OLDEST: Final = (6, 0)
_CHANNELS: Final = (6, 2)  # the first that knows rules for channels
# What clients ask of a server before they do anything: of themselves, of the other nodes.
_ORIENTATION: Final = ("+info", "+command", "+cluster|slots", "+cluster|shards", "+cluster|nodes", "+acl|whoami")
_COMMANDS: Final = {
    Level.READ_WRITE: ("+@all", "-@admin", "-@dangerous", "-acl", *_ORIENTATION),
    Level.READ_ONLY: ("-@all", "+@read", "+@connection", "-@dangerous", "+readonly", *_ORIENTATION),
}


def level_of(accounts: AccountSet) -> Level:
    """What the accounts may do. Raises Blocked with INVALID_SPEC for a level that Redis does not have."""
    found = {privilege.level for privilege in accounts.privileges}
    if len(found) != 1 or not found <= _COMMANDS.keys():
        raise Blocked(Reason.INVALID_SPEC, "privilege: an account of Redis is ReadWrite or ReadOnly")
    return found.pop()


def of_created(accounts: AccountSet, hashes: Iterable[str], version: tuple[int, int]) -> tuple[str, ...]:
    """Everything of an account that we made: on, these passwords and no other, these rights and no other."""
    return ("reset", "on", *of_password(hashes), *reach(version), *commands_of(accounts))


def reach(version: tuple[int, int]) -> tuple[str, ...]:
    """The keys and channels of an account that we made: all of them."""
    return ("~*", "&*") if version >= _CHANNELS else ("~*",)


def commands_of(accounts: AccountSet) -> tuple[str, ...]:
    """What an account that we made may run. Raises as `level_of`."""
    return _COMMANDS[level_of(accounts)]


def of_added(hashes: Iterable[str]) -> tuple[str, ...]:
    """These passwords beside those that are there, of an account that somebody else made."""
    return tuple(f"#{one}" for one in hashes)


def of_password(hashes: Iterable[str]) -> tuple[str, ...]:
    """These passwords and no other."""
    return ("resetpass", *(f"#{one}" for one in hashes))
