"""What a rotation would do to the rights of the account that it sets next, on any node. It writes nothing.

A server writes the same rights in more than one way, by its version. So rules are followed to the commands that they allow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from keyward.engines import differences
from keyward.engines.base import AccountSet
from keyward.engines.redis import acl, rules
from keyward.engines.redis.nodes import Member, Nodes

Categories = Mapping[str, frozenset[str]]
_ALL: Final = "@all"


async def judge(nodes: Nodes, accounts: AccountSet) -> None:
    """Raise Blocked as `differences` words it, if the flip refuses what it would change."""
    flip = accounts.flip
    if flip is None or not flip.refuse or not accounts.created:
        return
    found = await nodes.each(lambda member: _on_node(member, accounts, flip.account))
    lacks = dict.fromkeys(one for each in found for one in each[0])
    has = dict.fromkeys(one for each in found for one in each[1])
    differences.refuse(flip, list(lacks), list(has))


async def _on_node(member: Member, accounts: AccountSet, account: str) -> tuple[list[str], list[str]]:
    """What the account lacks on this node, and has too much; nothing where it is to be made."""
    user = (await acl.users_of(member, [account]))[account]
    if user is None:
        return [], []
    of = await acl.categories(member)
    wanted, held = allowed(rules.commands_of(accounts), of), allowed(user.commands, of)
    wanted |= set(rules.reach(member.info.version))
    held |= set(user.reach)
    return sorted(wanted - held), sorted(held - wanted)


def allowed(listed: Iterable[str], of: Categories) -> set[str]:
    """The commands that these rules allow, followed in their order. A command with subcommands is each of these."""
    every = set().union(*of.values())
    leaves = {one for one in every if not any(other.startswith(f"{one}|") for other in every)}
    found, meant = set[str](), set[str]()
    for rule in listed:
        sign, what = rule[:1], rule[1:].lower()
        if what == _ALL:
            meant = leaves
        elif what.startswith("@"):
            meant = leaves & of.get(what[1:], frozenset())
        else:
            # An older server knows a subcommand by such a rule alone.
            meant = {one for one in leaves | found if one == what or one.startswith(f"{what}|")} or {what}
        found = found | meant if sign == "+" else found - meant
    return found
