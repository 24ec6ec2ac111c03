"""Which right the admin lacks, and what speaks against an account, named before anything is changed. It writes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from keyward.api import accounts as accounts_api
from keyward.engines.base import AccountSet, Inspection, Transport
from keyward.engines.mysql import grants, hashing, rows, text
from keyward.engines.mysql.flavour import Server
from keyward.engines.mysql.grants import Grants
from keyward.engines.mysql.rows import Row
from keyward.engines.mysql.wire import Wire
from keyward.errors import Blocked, Reason


def admin_may(server: Server, own: Grants) -> None:
    """Raise Blocked with each right that the admin lacks to change accounts, and to see them."""
    if own.roles:
        return  # what it has by its roles, the server tells when it is tried
    table = "global_priv" if server.mariadb else "user"
    lacks = []
    if not own.holds(grants.SERVER, "CREATE USER"):
        lacks.append("CREATE USER ON *.*")
    if not (own.holds("`mysql`.*", "SELECT") or own.holds(f"`mysql`.`{table}`", "SELECT")):
        lacks.append("SELECT ON mysql.*, to see accounts and their rights")
    if lacks:
        text_ = f"the admin lacks {'; and '.join(lacks)}: GRANT it to the admin"
        raise Blocked(Reason.ADMIN_PRIVILEGE_MISSING, text_)


def ordinary(accounts: AccountSet, inspection: Inspection) -> None:
    """Raise Blocked for an account that is the server's own or has rights over all of it."""
    for name in accounts.names:
        if accounts_api.is_reserved_by_mysql(name):
            text_ = f"account {name!r} is the server's own; such accounts are never touched"
            raise Blocked(Reason.ACCOUNT_RESERVED, text_)
        if inspection.accounts[name].superuser and not accounts.admins:
            text_ = f"account {name!r} has rights over the whole server; such accounts are never touched"
            raise Blocked(Reason.ACCOUNT_RESERVED, text_)


def settable(found: Sequence[Row], accounts: AccountSet, transport: Transport) -> None:
    """Raise Blocked for a row whose password cannot be set so that the old one ends."""
    for row in found:
        if not rows.is_listed(row, accounts):
            continue
        if row.odd or (row.second is not None and not accounts.overlap):
            text_ = (
                f"account {row.name!r} has a second password or a second way to log in: remove it (DISCARD OLD PASSWORD, or one "
                "IDENTIFIED VIA), or the old secret would go on to work"
            )
            raise Blocked(Reason.ENGINE_UNSUPPORTED, text_)
        if (transport is Transport.HASHED or accounts.overlap) and row.plugin not in hashing.KNOWN:
            text_ = (
                f"account {row.name!r} logs in by the plug-in {row.plugin!r}, whose hashes are not computed here: use "
                f"{', '.join(sorted(hashing.KNOWN))}, or passwordTransport Plaintext"
            )
            raise Blocked(Reason.ENGINE_UNSUPPORTED, text_)


async def preset(wire: Wire, server: Server, own: Grants, role: str) -> None:
    """Raise Blocked if the Target's privilegedRole is none, is too powerful, or is not the admin's to give."""
    named = f"the Target's privilegedRole {role!r}"
    if not server.has_roles:
        raise Blocked(Reason.ENGINE_UNSUPPORTED, f"{named}: MySQL has roles from 8.0 on: update the server")
    if not await rows.is_role(wire, server, role):
        text_ = f"{named} is no role on the server: make it with CREATE ROLE, or correct the name"
        raise Blocked(Reason.INVALID_SPEC, text_)
    if await rows.is_mighty(wire, server, text.role(role, server)):
        text_ = f"{named} has, or can put on, rights over the whole server, and is never granted: name another"
        raise Blocked(Reason.ACCOUNT_RESERVED, text_)
    if own.roles:
        return  # as in `admin_may`
    lacks = []
    if server.mariadb or not own.holds(grants.SERVER, "ROLE_ADMIN"):
        lacks.append(f"ADMIN OPTION on role {role!r}: GRANT it to the admin WITH ADMIN OPTION")
    if lacks:
        raise Blocked(Reason.ADMIN_PRIVILEGE_MISSING, f"the admin lacks {'; and '.join(lacks)}")


async def takes_hashes(wire: Wire, server: Server) -> None:
    """Raise Blocked if a password-validation plug-in of MariaDB refuses every hash, because it cannot look into it."""
    if not server.mariadb:
        return
    query = (
        "SELECT 1 FROM information_schema.PLUGINS WHERE PLUGIN_TYPE = 'PASSWORD VALIDATION' AND PLUGIN_STATUS = 'ACTIVE' "
        "AND @@strict_password_validation"
    )
    if await wire.rows(query):
        text_ = (
            "the server's password validation refuses hashes: set strict_password_validation = OFF there, or "
            "the Target's passwordTransport to Plaintext"
        )
        raise Blocked(Reason.PASSWORD_REFUSED, text_)


async def databases_exist(wire: Wire, accounts: AccountSet) -> None:
    """Raise Blocked for a database that is not there, or that the admin has no right on."""
    for privilege in accounts.privileges:
        name = privilege.database
        if "\0" in name:
            raise Blocked(Reason.INVALID_SPEC, "a database's name holds a NUL")
        if not await wire.rows("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s", [name]):
            text_ = f"database {name!r} does not exist, or the admin has no right on it"
            raise Blocked(Reason.DATABASE_MISSING, text_)


def can_give(own: Grants, name: str, held: Grants, target: Grants) -> None:
    """Raise Blocked naming each right on a database that has to be given or taken and that the admin has not to give.

    Of tables, columns and routines, and of what the admin has by its roles, the server tells when it is tried.
    """
    if own.roles:
        return
    for verb, rights in (("give", target.rights - held.rights), ("take", held.rights - target.rights)):
        lacks: dict[str, list[str]] = {}
        for obj, right in sorted(rights):
            may = own.grantable(obj, right) or (right == grants.OPTION and own.holds(obj, right))
            if obj.endswith(".*") and not may:
                lacks.setdefault(obj, []).append(right)
        if lacks:
            told = "; ".join(f"{', '.join(each)} on {obj}" for obj, each in lacks.items())
            text_ = f"the admin cannot {verb} {told} of account {name!r}: it needs them WITH GRANT OPTION"
            raise Blocked(Reason.ADMIN_PRIVILEGE_MISSING, text_)
