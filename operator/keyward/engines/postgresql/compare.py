"""What a rotation would do to the rights of the account that it sets next. It writes nothing.

Accounts that are made have their rights by the role that both act as, so what that role differs by from the spec is meant,
and that the account is its member. Of an imported pair the second one has its rights by membership of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

from keyward.engines import differences
from keyward.engines.base import AccountSet, Inspection
from keyward.engines.postgresql import clone, rights, taking
from keyward.engines.postgresql.connect import Connection
from keyward.errors import KeywardError, Reason

Connect = Callable[[str], AbstractAsyncContextManager[Connection]]
SHUT_OUT = (Reason.ADMIN_PRIVILEGE_MISSING, Reason.UNREACHABLE)
"""Why an admin is not let in to a database, in which then nothing can be given or taken."""


async def judge(
    conn: Connection, accounts: AccountSet, inspection: Inspection, databases: Sequence[str], connect: Connect
) -> None:
    """Raise Blocked as `differences` words it.

    Stopped is a flip that refuses what it would change in these databases, and one by which the second of an imported pair
    would become a member of the first where rights are bounded.
    """
    flip = accounts.flip
    if flip is None or not inspection.accounts[flip.account].exists:
        return
    role = accounts.rights_role if accounts.created else flip.like if flip.account != accounts.names[0] else None
    lacks = [] if role is None else await _memberships(conn, role, flip.account)
    if flip.like is not None and flip.allowed is not None:
        differences.limit(flip, lacks)  # no level bounds what the first account may do, or will
    if not flip.refuse:
        return
    has: list[str] = []
    if accounts.created:
        holder = role or flip.account
        if accounts.preset_role is not None:
            lacks += await _memberships(conn, accounts.preset_role, holder)
            has += [f"role {name!r}" for name, _ in await taking.former(conn, holder, accounts.preset_role)]
        for database in databases:
            more = await _in_database(database, accounts, holder, connect)
            lacks, has = [*lacks, *more[0]], [*has, *more[1]]
    # Rights on a database itself are seen from each of them.
    differences.refuse(flip, list(dict.fromkeys(lacks)), list(dict.fromkeys(has)))


async def _memberships(conn: Connection, role: str, member: str) -> list[str]:
    return [] if await clone.is_member(conn, role, member) else [f"membership of role {role!r}"]


async def _in_database(
    database: str, accounts: AccountSet, holder: str, connect: Connect
) -> tuple[list[str], list[str]]:
    """What the holder lacks there and has too much, which only counts where the spec says what it shall have."""
    try:
        async with connect(database) as conn:
            lacks = [
                lack
                for privilege in accounts.privileges
                if privilege.database == database
                for lack in await rights.missing(conn, privilege, holder)
            ]
            has = await taking.exceeding(conn, database, accounts.privileges, holder) if accounts.privileges else []
    except KeywardError as error:
        if error.reason not in SHUT_OUT or any(p.database == database for p in accounts.privileges):
            raise
        return [], []
    return [_told(lack, database) for lack in lacks], [_told(held, database) for held in has]


def _told(found: rights.Missing | taking.Held, database: str) -> str:
    return str(found) if found.kind == "DATABASE" else f"{found} in database {database!r}"
