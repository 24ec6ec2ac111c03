"""One account that holds two passwords: which of them each node is to have, judged from what it has. Pure.

A node keeps a set of hashes, and each of them logs in. What somebody else put there is never ended, nor taken for ours.
"""

from __future__ import annotations

from collections.abc import Sequence

from keyward.engines.pernode import Stored
from keyward.engines.redis.users import User, hash_of
from keyward.errors import Blocked, Reason


def hashes(account: str, found: Sequence[User | None], new: str, keep: str | None) -> tuple[str, ...]:
    """What every node is to hold: the new hash, and that of the value in use, if a node still has it.

    Raises:
        Blocked: SECOND_PASSWORD, a node holds what somebody else set beside ours.
    """
    there = [user for user in found if user is not None]
    for user in there:
        _only_ours(account, user, {new, keep})
    is_held = any(keep in user.hashes for user in there)
    return (new,) if keep is None or keep == new or not is_held else (new, keep)


def beside(account: str, user: User | None, new: str) -> tuple[str, ...]:
    """What one node is to hold of an account that somebody else made: the new hash, and the one that is there.

    Raises:
        Blocked: SECOND_PASSWORD, there is no room for it beside what the node holds; ACCOUNT_MISSING.
    """
    if user is None:
        raise Blocked(Reason.ACCOUNT_MISSING, f"account {account!r} is not there any more")
    if user.any_password:
        text = (
            f"account {account!r} is open to any password (nopass), which the change would end: give it one of its own"
        )
        raise Blocked(Reason.SECOND_PASSWORD, text)
    others = user.hashes - {new}
    if len(others) > 1:
        raise _second_password(account)
    return (new, *others)


def ending(account: str, user: User | None, old: str, keep: str) -> tuple[str, ...]:
    """The rules that end `old` on one node; none where it is not there. They take away nothing else, whenever they come.

    Raises:
        Blocked: SECOND_PASSWORD.
    """
    if user is None:
        return ()
    _only_ours(account, user, {old, keep})
    if old not in user.hashes:
        return ()
    return (f"!{old}",) if keep in user.hashes else (f"#{keep}", f"!{old}")


def rightly(stored: Stored) -> list[tuple[str, ...]]:
    """The sets of hashes that a node may rightly have of one account, the newest first."""
    pending, current, beside = (
        None if value is None else hash_of(value) for value in (stored.pending, stored.settled, stored.beside)
    )
    sets = [(pending, current), (pending,), (current, beside), (current,)]
    return [tuple(one for one in hashes if one is not None) for hashes in sets if all(hashes)]


def settled(stored: Stored) -> tuple[str, ...]:
    """What an account is to have that no node knows any more."""
    return tuple(hash_of(value) for value in (stored.settled, stored.beside) if value is not None)


def _only_ours(account: str, user: User, ours: set[str | None]) -> None:
    # One hash alone that is not ours was set over it: that is drift, and is replaced.
    if len(user.hashes) > 1 and not user.hashes <= ours:
        raise _second_password(account)


def _second_password(account: str) -> Blocked:
    return Blocked(
        Reason.SECOND_PASSWORD,
        f"account {account!r} holds a second password that is not of this Credential, and a rotation would end one of the "
        "two: look who uses it, and end it with ACL SETUSER",
    )
