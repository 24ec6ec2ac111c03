"""Which right the admin lacks, and what speaks against an account, named before anything is changed. It writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from keyward.api import accounts as accounts_api
from keyward.engines.base import AccountSet, Change, Inspection, Transport
from keyward.engines.mysql import grants, hashing, rows, text
from keyward.engines.mysql.admin import Admin
from keyward.engines.mysql.flavour import Server
from keyward.engines.mysql.grants import Grants
from keyward.engines.mysql.rows import Row
from keyward.engines.mysql.wire import Wire
from keyward.errors import Blocked, Reason

_ACCOUNTS: Final = "`mysql`.*"


def admin_may(server: Server, own: Grants) -> None:
    """Raise Blocked with each right that the admin lacks to change accounts, and to see them."""
    lacks = []
    if not own.holds(grants.SERVER, "CREATE USER"):
        lacks.append("CREATE USER ON *.*")
    # MariaDB shows what others were granted to nobody who has this on single tables alone.
    sees = own.holds(_ACCOUNTS, "SELECT") or (not server.mariadb and own.holds("`mysql`.`user`", "SELECT"))
    if not sees:
        lacks.append("SELECT ON mysql.*, to see accounts and their rights")
    _lacking(lacks)


def _lacking(lacks: Sequence[str]) -> None:
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


def may_be_set(change: Change) -> None:
    """Raise Blocked for an account that is missing, locked, made to expire or the server's own."""
    state = change.expected.accounts[change.account]
    if not state.exists and not change.create:
        raise Blocked(Reason.ACCOUNT_MISSING, f"account {change.account!r} does not exist")
    mighty = any(change.expected.accounts[name].superuser for name in change.accounts.names)
    if mighty and not change.accounts.admins:
        text_ = "an account has rights over the whole server; such accounts are never touched"
        raise Blocked(Reason.ACCOUNT_RESERVED, text_)
    if state.exists and not state.can_login and not change.enable:
        raise Blocked(
            Reason.ACCOUNT_DISABLED, f"account {change.account!r} is locked: unlock it on the server, we never do"
        )
    if state.expired and not change.accounts.created:
        # A new password would let it in again.
        raise Blocked(Reason.ACCOUNT_DISABLED, f"the password of account {change.account!r} was made to expire")


async def preset(wire: Wire, server: Server, role: str) -> None:
    """Raise Blocked if the Target's privilegedRole is none, or is too powerful."""
    named, written = f"the Target's privilegedRole {role!r}", text.role(role, server)
    if not server.has_roles:
        raise Blocked(Reason.ENGINE_UNSUPPORTED, f"{named}: MySQL has roles from 8.0 on: update the server")
    if not await rows.is_role(wire, server, role):
        text_ = f"{named} is no role on the server: make it with CREATE ROLE, or correct the name"
        raise Blocked(Reason.INVALID_SPEC, text_)
    if await rows.is_mighty(wire, server, written):
        text_ = f"{named} has, or can put on, rights over the whole server, and is never granted: name another"
        raise Blocked(Reason.ACCOUNT_RESERVED, text_)


def can_give_preset(server: Server, role: str, own: Grants) -> None:
    """Raise Blocked if the Target's privilegedRole is not the admin's to give, or not to make a default one."""
    lacks = []
    if not own.gives(text.role(role, server), server):
        lacks.append(f"ADMIN OPTION on role {role!r} (GRANT … WITH ADMIN OPTION)")
    _lacking([*lacks, *_defaults(server, own)])


def can_set_defaults(server: Server, own: Grants) -> None:
    """Raise Blocked if the admin cannot say which role a login puts on."""
    _lacking(_defaults(server, own))


def _defaults(server: Server, own: Grants) -> list[str]:
    if server.mariadb and not own.holds(_ACCOUNTS, "UPDATE"):
        return ["UPDATE ON mysql.*, where default roles are kept"]
    return []


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


async def databases_exist(who: Admin, accounts: AccountSet) -> None:
    """Raise Blocked for a database that is not there, or that the admin has no right on."""
    for privilege in accounts.privileges:
        name = privilege.database
        if "\0" in name:
            raise Blocked(Reason.INVALID_SPEC, "a database's name holds a NUL")
        if not await who.wire.rows("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s", [name]):
            text_ = f"database {name!r} does not exist, or the admin has no right on it"
            remedy = await who.remedy(partial(_sees, text.database(name, who.server)))
            raise Blocked(Reason.DATABASE_MISSING, text_ + remedy)


def _sees(database: str, own: Grants) -> None:
    if not own.sees(database):
        raise Blocked(Reason.DATABASE_MISSING, "not with these rights")


def can_give(server: Server, name: str, held: Grants, target: Grants, own: Grants) -> None:
    """Raise Blocked naming each right, and each role, that the admin would have to give or take and cannot."""
    for verb, less, more in (("give", held, target), ("take", target, held)):
        lacks: dict[str, list[str]] = {}
        for obj, right in sorted(more.rights - less.rights):
            if not (own.grantable(obj, right) or (right == grants.OPTION and own.holds(obj, right))):
                lacks.setdefault(obj, []).append(right)
        told = [f"{', '.join(each)} on {obj}" for obj, each in lacks.items()]
        _cannot(verb, told, name, "them WITH GRANT OPTION")
        roles = [f"role {role}" for role in sorted(more.roles - less.roles) if not own.gives(role, server)]
        _cannot(verb, roles, name, f"{'it' if len(roles) == 1 else 'them'} WITH ADMIN OPTION")


def _cannot(verb: str, what: Sequence[str], name: str, needs: str) -> None:
    if what:
        text_ = f"the admin cannot {verb} {'; '.join(what)} of account {name!r}: it needs {needs}"
        raise Blocked(Reason.ADMIN_PRIVILEGE_MISSING, text_)
