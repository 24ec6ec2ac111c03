"""Brings nodes that were away, or are new, in line with the others and with what is stored."""

from __future__ import annotations

from keyward.domain.model import Mended
from keyward.engines.base import BeforeSend
from keyward.engines.pernode import Mending, Stored
from keyward.engines.redis import acl, lock, overlap, persist, rules
from keyward.engines.redis.nodes import Member, Nodes
from keyward.engines.redis.users import User

Found = dict[str, dict[str, User | None]]
"""Node → account → what the node has of it."""


async def mend(nodes: Nodes, mending: Mending, before_send: BeforeSend) -> Mended:
    """See `PerNodeSession.mend`."""
    names = mending.accounts.names
    looked = await nodes.each(lambda member: acl.users_of(member, names))
    found: Found = {str(m.endpoint): of for m, of in zip(nodes.members, looked, strict=True)}
    lacks = {node: lack for node in found if (lack := _lack(node, mending, found))}
    if not lacks:
        return Mended((), tuple(node for node in found if _exceeds(node, mending, found)))
    concerned = nodes.only([member for member in nodes.members if str(member.endpoint) in lacks])
    await concerned.each(lambda member: lock.take(member.node, lacks[str(member.endpoint)]))
    await before_send()

    async def give(member: Member) -> None:
        for account, hashes in lacks[str(member.endpoint)].items():
            await acl.set_user(member, account, _rules_of(mending, hashes, member))
            await acl.prove(member, account, hashes)
        await persist.persist(member)

    await concerned.each(give)
    return Mended(tuple(lacks))


def _lack(node: str, mending: Mending, found: Found) -> dict[str, tuple[str, ...]]:
    """Account → hashes, of what this node is to be given."""
    lacking = {}
    for account in mending.accounts.names:
        wanted, user = _wanted_of(account, mending, found), found[node][account]
        if wanted is None:
            continue
        if mending.accounts.created:
            if _is_lacking(user, wanted):
                lacking[account] = wanted
        elif user is not None and _lacks_a_value(user, wanted):
            lacking[account] = tuple({*wanted, *user.hashes})
    return lacking


def _exceeds(node: str, mending: Mending, found: Found) -> bool:
    """Whether it holds a value more than another one of an account that somebody else made: such is not taken from there."""
    for account in mending.accounts.names if not mending.accounts.created else ():
        wanted, user = _wanted_of(account, mending, found), found[node][account]
        if wanted is not None and user is not None and user.hashes > set(wanted):
            return True
    return False


def _wanted_of(account: str, mending: Mending, found: Found) -> tuple[str, ...] | None:
    return _wanted(mending.stored.get(account, Stored()), [of[account] for of in found.values()])


def _rules_of(mending: Mending, hashes: tuple[str, ...], member: Member) -> tuple[str, ...]:
    if mending.accounts.created:
        return rules.of_created(mending.accounts, hashes, member.info.version)
    return rules.of_added(hashes)


def _wanted(stored: Stored, found: list[User | None]) -> tuple[str, ...] | None:
    """The hashes that every node is to have of one account; None if that is not for us to say."""
    there = [user for user in found if user is not None]
    for hashes in overlap.rightly(stored):
        if any(user.holds(*hashes) for user in there):
            return hashes
    if not there and stored.settled is not None:
        return overlap.settled(stored)
    if all(not user.hashes and not user.any_password for user in there):
        return ()  # the second account before its first value
    return None


def _lacks_a_value(user: User, wanted: tuple[str, ...]) -> bool:
    """Of an account that somebody else made, what is missing is added, and nothing is made or taken away."""
    return user.enabled and not user.any_password and not user.hashes >= set(wanted)


def _is_lacking(user: User | None, wanted: tuple[str, ...]) -> bool:
    if user is None:
        return True
    # One that is off was switched off on purpose.
    return user.enabled and (user.hashes != set(wanted) or user.any_password)
