"""Which right the admin lacks, named before anything is changed. It writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from keyward.api import accounts as accounts_api
from keyward.engines.base import AccountSet, Inspection
from keyward.engines.postgresql.connect import Connection
from keyward.engines.postgresql.inspect import administers_by_option, is_itself, rows
from keyward.errors import Blocked, Reason

_OLDEST: Final = 130000
_DANGEROUS: Final = ["pg_execute_server_program", "pg_read_server_files", "pg_write_server_files"]


def whole(accounts: AccountSet) -> None:
    """Raise Blocked for a name that PostgreSQL would cut or that ends early: it would mean somebody else."""
    privileges = accounts.privileges
    _whole("account", accounts.all_roles)
    _whole("database", [p.database for p in privileges])
    _whole("schema", [name for p in privileges for name in p.schemas])
    _whole("role", [name for p in privileges for name in p.owner_roles] + [accounts.preset_role or "none"])


def _whole(what: str, names: Sequence[str]) -> None:
    for name in names:
        if not accounts_api.fits(name):
            raise Blocked(
                Reason.INVALID_SPEC, f"{what} {name!r} must have 1 to 63 bytes in UTF-8 and no NUL: choose another"
            )


async def admin_may(conn: Connection, accounts: AccountSet, inspection: Inspection) -> None:
    """Raise Blocked naming what the admin lacks for a change of these roles."""
    if conn.info.server_version < _OLDEST:
        raise Blocked(Reason.ENGINE_UNSUPPORTED, "PostgreSQL 13 is the oldest that is supported: update the server")
    _ordinary(accounts, inspection)
    superuser, createrole = (
        await rows(conn, "SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user")
    )[0]
    if not (superuser or createrole):
        raise Blocked(
            Reason.ADMIN_PRIVILEGE_MISSING, "the admin lacks CREATEROLE: give it with ALTER ROLE <admin> CREATEROLE"
        )
    if is_itself(conn, accounts.all_roles):
        await _stays_valid(conn)
    elif not superuser and administers_by_option(conn):
        existing = [name for name in accounts.all_roles if inspection.accounts[name].exists]
        await _admin_option(conn, existing)
    if accounts.preset_role is not None:
        await _preset(conn, accounts.preset_role, superuser=superuser)


def _ordinary(accounts: AccountSet, inspection: Inspection) -> None:
    for name in accounts.all_roles:
        if name.startswith("pg_") or name in ("public", "none"):
            raise Blocked(Reason.ACCOUNT_RESERVED, f"account {name!r}: PostgreSQL reserves this name: choose another")
        if inspection.accounts[name].superuser:
            text = f"account {name!r} is SUPERUSER, REPLICATION or BYPASSRLS, and such accounts are never touched: choose another"
            raise Blocked(Reason.ACCOUNT_RESERVED, text)


async def _stays_valid(conn: Connection) -> None:
    """A login that ends on a day would end with the new password too, and nobody else could mend it."""
    query = "SELECT rolvaliduntil < 'infinity' FROM pg_roles WHERE rolname = current_user"
    if (await rows(conn, query))[0][0]:
        text = (
            f"account {conn.info.user!r} has a VALID UNTIL, which it cannot move itself: set it to 'infinity' on the server, or "
            "have it changed through a Target with another admin"
        )
        raise Blocked(Reason.ACCOUNT_DISABLED, text)


async def _admin_option(conn: Connection, names: list[str]) -> None:
    if conn.info.user in names:
        text = (
            f"account {conn.info.user!r} is the admin itself, and since PostgreSQL 16 no two roles can have the ADMIN OPTION on "
            "each other: use accountManagement Single with spec.admin.selfChange of the Target, or a Target with another admin"
        )
        raise Blocked(Reason.ADMIN_PRIVILEGE_MISSING, text)
    query = "SELECT r FROM unnest(%s::name[]) AS r WHERE NOT pg_has_role(r, 'MEMBER WITH ADMIN OPTION') ORDER BY r"
    for (name,) in await rows(conn, query, [names]):
        text = f"the admin lacks ADMIN OPTION on role {name!r}: GRANT it to the admin WITH ADMIN TRUE, INHERIT FALSE, SET FALSE"
        raise Blocked(Reason.ADMIN_PRIVILEGE_MISSING, text)


async def _preset(conn: Connection, preset: str, *, superuser: bool) -> None:
    query = """
        SELECT r.rolsuper OR r.rolreplication OR r.rolbypassrls OR r.rolname LIKE 'pg\\_%%'
               OR EXISTS (SELECT FROM pg_roles d WHERE (d.rolsuper OR d.rolname = ANY (%s))
                                                   AND pg_has_role(r.oid, d.oid, 'MEMBER')),
               pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION')
        FROM pg_roles r WHERE r.rolname = %s
    """
    found = await rows(conn, query, [_DANGEROUS, preset])
    if not found:
        raise Blocked(
            Reason.INVALID_SPEC,
            f"the Target's privilegedRole {preset!r} is not on the server: create it, or correct the name",
        )
    dangerous, option = found[0]
    if dangerous:
        text = f"the Target's privilegedRole {preset!r} is, or can become, superuser-like, and is never granted: name another"
        raise Blocked(Reason.ACCOUNT_RESERVED, text)
    if not (superuser or option or not administers_by_option(conn)):
        raise Blocked(
            Reason.ADMIN_PRIVILEGE_MISSING,
            f"the admin lacks ADMIN OPTION on role {preset!r}: grant it WITH ADMIN OPTION",
        )
