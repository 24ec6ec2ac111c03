"""Has a node write its accounts down: what only its memory holds is gone with its next restart."""

from __future__ import annotations

from typing import Final

from keyward.engines.base import Endpoint
from keyward.engines.redis.nodes import Member
from keyward.errors import KeywardError, Reason

_failed: Final[dict[Endpoint, bool]] = {}
"""Whether the last attempt at this endpoint failed; kept for as long as this process lives."""


async def persist(member: Member) -> bool:
    """Write the accounts to the server's ACL file, else to its configuration; whether it could.

    Raises:
        Retry: the connection was lost.
    """
    kept = await _kept(member)
    _failed[member.endpoint] = not kept
    return kept


async def _kept(member: Member) -> bool:
    node = member.node
    # With an ACL file, accounts are in it and nowhere else: REWRITE would succeed and keep none of them.
    command = ("ACL", "SAVE") if await _acl_file(member) else ("CONFIG", "REWRITE")
    try:
        await node.ask(*command, doing=f"run {' '.join(command)}")
    except KeywardError as error:
        if not node.wire.is_connected or error.reason is Reason.TIMEOUT:
            raise
        return False  # no configuration file, a file that is not the server's to write, a full disk
    return True


async def _acl_file(member: Member) -> bool:
    found = await member.node.ask("CONFIG", "GET", "aclfile", doing="run CONFIG GET")
    return bool(found and found[1])


async def keeps_accounts(member: Member, *, again: bool) -> bool:
    """Whether its accounts outlive a restart, as far as can be told without writing; `again` has one that could not try anew.

    Raises:
        Retry, Blocked: as the server answers.
    """
    if _failed.get(member.endpoint):
        return again and await persist(member)
    return member.info.config_file or await _acl_file(member)
