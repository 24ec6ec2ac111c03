"""The engine: opens admin sessions on a writable primary, and proves logins with fresh ones on any endpoint."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from keyward.engines.base import AdminSession, Endpoint, Expectation, Login, Place
from keyward.engines.deadline import within
from keyward.engines.postgresql import rights
from keyward.engines.postgresql.connect import Connection, Goal, connect
from keyward.engines.postgresql.inspect import rows
from keyward.engines.postgresql.session import Session
from keyward.errors import Blocked, Reason, Retry

_VERIFY_SECONDS: Final = 15.0


class PostgreSQL:
    """Implements `Engine`."""

    name = "PostgreSQL"

    def open(self, place: Place, admin: Login, timeout: float) -> AbstractAsyncContextManager[AdminSession]:
        return _open(Goal(place, place.primary, place.database, admin, timeout, admin=True))

    async def verify(self, place: Place, endpoint: Endpoint, login: Login, expect: Expectation) -> None:
        try:
            await within(_VERIFY_SECONDS, _verify(place, endpoint, login, expect))
        except TimeoutError:
            pass
        else:
            return
        raise Retry(
            Reason.TIMEOUT,
            f"{endpoint.host}:{endpoint.port} did not answer within {_VERIFY_SECONDS:g} s: see to the server and the way to it",
        )


@asynccontextmanager
async def _open(goal: Goal) -> AsyncIterator[AdminSession]:
    conn = await connect(goal)
    try:
        await _writable(conn)
        yield Session(conn, goal)
    finally:
        await conn.close()


async def _writable(conn: Connection) -> None:
    query = "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::bool"
    if (await rows(conn, query))[0][0]:
        raise Retry(
            Reason.READ_ONLY_ENDPOINT,
            "the primary leads to a read-only server: correct the roles, or wait for the end of a failover",
        )


async def _verify(place: Place, endpoint: Endpoint, login: Login, expect: Expectation) -> None:
    # Rights are looked at where they are: a login to one database proves nothing about another.
    databases = dict.fromkeys(p.database for p in expect.accounts.privileges) or {place.database: None}
    for database in databases:
        goal = Goal(place, endpoint, database, login, _VERIFY_SECONDS)
        conn = await connect(goal)
        try:
            await _identity(conn, login.account, expect.current_user or login.account)
            await _effective(conn, database, expect)
        finally:
            await conn.close()


async def _identity(conn: Connection, account: str, role: str) -> None:
    session_user, current_user = (await rows(conn, "SELECT session_user::text, current_user::text"))[0]
    if session_user != account:
        raise Blocked(
            Reason.WRONG_IDENTITY,
            f"the login of account {account!r} is another one on the server: see to its pg_hba.conf",
        )
    # A membership that was taken away lets the login go on, as the account itself, with no more than a warning.
    if current_user != role:
        raise Blocked(
            Reason.WRONG_IDENTITY, f"account {account!r} does not act as role {role!r}: grant it the membership again"
        )


async def _effective(conn: Connection, database: str, expect: Expectation) -> None:
    accounts = expect.accounts
    for privilege in accounts.privileges:
        if privilege.database != database:
            continue
        role = expect.current_user or accounts.names[0]
        lack = rights.lacking_login(await rights.missing(conn, privilege, role), privilege)
        if lack is not None:
            raise Blocked(
                Reason.PRIVILEGE_MISSING, f"role {role!r} lacks {lack} in database {database!r}: grant it, or rotate"
            )
    if accounts.preset_role is not None:
        held = await rows(
            conn, "SELECT pg_has_role(oid, 'USAGE') FROM pg_roles WHERE rolname = %s", [accounts.preset_role]
        )
        if not held or not held[0][0]:
            raise Blocked(
                Reason.PRIVILEGE_MISSING,
                f"the account lacks the privilegedRole {accounts.preset_role!r}: grant it, or rotate",
            )
