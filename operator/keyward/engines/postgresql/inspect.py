"""Reads roles, and compares them with what was judged. It writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from keyward.engines.base import ABSENT, AccountState, Inspection
from keyward.engines.postgresql.connect import Connection
from keyward.engines.postgresql.errors import translated
from keyward.errors import Conflict, Reason

_BY_OPTION: Final = 160000
_STATES: Final = """
    SELECT r.rolname, r.rolcanlogin, coalesce(r.rolvaliduntil <= now(), false),
           r.rolsuper OR r.rolreplication OR r.rolbypassrls, shobj_description(r.oid, 'pg_authid'),
           EXISTS (SELECT FROM pg_shdepend d
                   WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid AND d.deptype = 'o')
    FROM pg_roles r WHERE r.rolname = ANY (%s)
"""


async def rows(conn: Connection, query: Any, params: Sequence[Any] | dict[str, Any] | None = None) -> list[Any]:
    """All rows of a query.

    Raises:
        KeywardError: as of the server's answer, without its text.
    """
    cursor = await translated(conn.execute(query, params))
    return await translated(cursor.fetchall())


async def states(conn: Connection, names: Sequence[str]) -> Inspection:
    """The state of these roles; a role that is superuser-like in any way counts as superuser."""
    found = {row[0]: AccountState(True, *row[1:]) for row in await rows(conn, _STATES, [list(names)])}
    return Inspection({name: found.get(name, ABSENT) for name in names}, keeps_marks=not is_itself(conn, names))


def is_itself(conn: Connection, names: Sequence[str]) -> bool:
    """Whether the admin would change itself alone, and may set no more than its password: no mark, no VALID UNTIL.

    Since 16 all else needs the ADMIN OPTION, which no role can have on itself. A mark from before stays as it was.
    """
    return administers_by_option(conn) and tuple(names) == (conn.info.user,)


def administers_by_option(conn: Connection) -> bool:
    """Since 16, CREATEROLE is a right over the roles that one has the ADMIN OPTION on, and over no others."""
    return conn.info.server_version >= _BY_OPTION


def compare(expected: Inspection, found: Inspection) -> None:
    """Raises Conflict if existence, the right to log in or the comment of a role differ."""
    for name, state in expected.accounts.items():
        now = found.accounts[name]
        if (state.exists, state.can_login, state.mark) != (now.exists, now.can_login, now.mark):
            raise Conflict(Reason.WRITTEN_BY_ANOTHER, f"account {name!r} changed after it was judged")
