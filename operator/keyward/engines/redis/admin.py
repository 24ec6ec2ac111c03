"""What the admin's login has to be allowed to do."""

from __future__ import annotations

from typing import Final

from keyward.engines.redis import errors
from keyward.engines.redis.nodes import Member
from keyward.errors import Blocked, Reason

_DRYRUN: Final = (7, 0)
_NEEDED: Final = (
    ("ACL", "GETUSER", "keyward"),
    ("ACL", "SETUSER", "keyward"),
    ("ACL", "DELUSER", "keyward"),
    ("ACL", "LIST"),
    ("ACL", "SAVE"),
    ("CONFIG", "GET", "keyward"),
    ("CONFIG", "REWRITE"),
    ("CLIENT", "ID"),
    ("CLIENT", "LIST"),
    ("CLIENT", "SETNAME", "keyward"),
    ("CLIENT", "KILL", "ID", "1"),
)


async def may(member: Member, account: str) -> None:
    """See that it may do all of it on this node.

    Raises:
        Blocked: PRIVILEGE_MISSING of an account, ADMIN_PRIVILEGE_MISSING of the admin.
        Retry: as the server answers.
    """
    if member.info.version < _DRYRUN:
        return  # it cannot be asked; the first command that is refused will say so, and changes nothing
    reason = Reason.ADMIN_PRIVILEGE_MISSING if member.node.admin else Reason.PRIVILEGE_MISSING
    who = "the admin" if member.node.admin else f"account {account!r}, the admin's login,"
    for command in _NEEDED:
        answer = await member.node.ask("ACL", "DRYRUN", account, *command, doing="run ACL DRYRUN")
        if answer != b"OK":
            text = f"{who} lacks the right to run {command[0]} {command[1]}"
            raise errors.at(member.endpoint, Blocked(reason, text))
