"""Imported pairs: the second account becomes a member of the first, acts as it and has its settings.

Objects never change owner: whichever account makes them, the first one owns them.
"""

from __future__ import annotations

from typing import Final

from keyward.engines.postgresql import statements
from keyward.engines.postgresql.connect import Connection
from keyward.engines.postgresql.errors import translated
from keyward.engines.postgresql.inspect import rows
from keyward.errors import Blocked, Reason

_DIRECT: Final = """
    SELECT 1 FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles u ON u.oid = m.member
    WHERE r.rolname = %s AND u.rolname = %s
"""
_SETTINGS: Final = """
    SELECT d.datname, split_part(c, '=', 1), substr(c, strpos(c, '=') + 1)
    FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase,
         unnest(s.setconfig) AS c
    WHERE r.rolname = %s AND split_part(c, '=', 1) NOT IN ('role', 'session_authorization')
"""


async def equal(conn: Connection, names: tuple[str, ...], *, created: bool) -> None:
    """Raise Blocked for what is of who logs in, not of the role that it acts as, and of one of a pair alone.

    Settings that the first of an imported pair has are given to the second; those that the second alone has are nobody's.
    """
    query = "SELECT rolname, rolconnlimit FROM pg_roles WHERE rolname = ANY (%s)"
    limits = dict(await rows(conn, query, [list(names)]))
    if len(limits) < len(names):
        return  # one is made anew, with nothing of its own
    told = ", ".join(f"{name!r} has {limit}" for name, limit in sorted(limits.items()))
    unequal = [f"CONNECTION LIMIT ({told})"] if len(set(limits.values())) > 1 else []
    first, second = [set(await rows(conn, _SETTINGS, [name])) for name in names]
    alone = first ^ second if created else {s for s in second if s[:2] not in {one[:2] for one in first}}
    unequal += sorted({f"the setting of {name}" for _, name, _ in alone})
    if unequal:
        raise Blocked(
            Reason.PRIVILEGE_MISSING,
            f"accounts {names[0]!r} and {names[1]!r} are not equal: {', '.join(unequal)}: who goes over from the one to the "
            "other may be refused, or find it otherwise: give both the same with ALTER ROLE",
        )


async def is_member(conn: Connection, role: str, member: str) -> bool:
    """Whether membership of the role was given to the member itself."""
    return bool(await rows(conn, _DIRECT, [role, member]))


async def join(conn: Connection, role: str, member: str) -> None:
    """Membership, if it is not there."""
    if not await is_member(conn, role, member):
        await translated(conn.execute(statements.grant_role(role, member)))


async def act_as(conn: Connection, account: str, role: str) -> None:
    """Membership, and the session's role from the first statement on."""
    await join(conn, role, account)
    await translated(conn.execute(statements.act_as(account, role)))


async def copy_settings(conn: Connection, source: str, account: str) -> None:
    """Settings of `source` that `account` lacks. FROM CURRENT keeps lists such as search_path as they are."""
    have = set(await rows(conn, _SETTINGS, [account]))
    for database, name, value in await rows(conn, _SETTINGS, [source]):
        if (database, name, value) in have:
            continue
        before = (await rows(conn, "SELECT current_setting(%s, true)", [name]))[0][0]
        await rows(conn, "SELECT set_config(%s, %s, true)", [name, value])
        await translated(conn.execute(statements.keep_setting(account, database, name)))
        await rows(conn, "SELECT set_config(%s, %s, true)", [name, before])
