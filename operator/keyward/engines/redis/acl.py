"""The ACL commands, each on one node."""

from __future__ import annotations

from collections.abc import Iterable

from keyward.engines.redis import errors, users
from keyward.engines.redis.nodes import Member
from keyward.engines.redis.users import User
from keyward.errors import Reason, Retry


async def users_of(member: Member, accounts: Iterable[str]) -> dict[str, User | None]:
    """The users of these names.

    Raises:
        Retry, Blocked: as the server answers.
    """
    found = {}
    for name in accounts:
        found[name] = users.parse(await member.node.ask("ACL", "GETUSER", name, doing="run ACL GETUSER"))
    return found


async def set_user(member: Member, account: str, rules: Iterable[str]) -> None:
    """All rules in one command. Raises Retry or Blocked as the server answers."""
    await member.node.ask("ACL", "SETUSER", account, *rules, doing="run ACL SETUSER")


async def delete(member: Member, accounts: Iterable[str]) -> None:
    """Absent ones are no error; their connections are ended. Raises Retry or Blocked as the server answers."""
    await member.node.ask("ACL", "DELUSER", *accounts, doing="run ACL DELUSER")


async def prove(member: Member, account: str, hashes: Iterable[str]) -> None:
    """Read back that these hashes, and no other, open the account.

    Raises:
        Retry: WRITTEN_BY_ANOTHER if it does not.
    """
    found = (await users_of(member, [account]))[account]
    if found is None or not found.enabled or not found.holds(*hashes):
        text = f"account {account!r} was changed by somebody else at the same moment"
        raise errors.at(member.endpoint, Retry(Reason.WRITTEN_BY_ANOTHER, text))


async def categories(member: Member) -> dict[str, frozenset[str]]:
    """The commands of each category of rules. Raises Retry or Blocked as the server answers."""
    named = await member.node.ask("ACL", "CAT", doing="run ACL CAT")
    found = {}
    for name in named:
        listed = await member.node.ask("ACL", "CAT", name, doing="run ACL CAT")
        found[name.decode()] = frozenset(one.decode("utf-8", "surrogateescape") for one in listed)
    return found


async def all_lines(member: Member) -> dict[str, str]:
    """Each account with its whole rule, hashes included, as one text. Raises Retry or Blocked as the server answers."""
    answer = await member.node.ask("ACL", "LIST", doing="run ACL LIST")
    lines = [line.decode("utf-8", "surrogateescape") for line in answer]
    return {line.split(" ", 2)[1]: line for line in lines}
