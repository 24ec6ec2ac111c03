"""Each statement that changes roles, composed by psycopg.sql. A password gets in only as its SCRAM verifier."""

from __future__ import annotations

import re
from typing import Final

from psycopg.sql import SQL, Composed, Identifier, Literal

_VERIFIER: Final = re.compile(r"SCRAM-SHA-256\$\d+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+")


def create(role: str, *, login: bool) -> Composed:
    kind = SQL("LOGIN") if login else SQL("NOLOGIN")
    return SQL("CREATE ROLE {} {} INHERIT").format(Identifier(role), kind)


def comment(role: str, text: str) -> Composed:
    return SQL("COMMENT ON ROLE {} IS {}").format(Identifier(role), Literal(text))


def grant_role(role: str, member: str) -> Composed:
    return SQL("GRANT {} TO {}").format(Identifier(role), Identifier(member))


def revoke_role(role: str, member: str, grantor: str | None) -> Composed:
    by = SQL("") if grantor is None else SQL(" GRANTED BY {}").format(Identifier(grantor))
    return SQL("REVOKE {} FROM {}").format(Identifier(role), Identifier(member)) + by


def act_as(account: str, role: str) -> Composed:
    return SQL("ALTER ROLE {} SET role = {}").format(Identifier(account), Literal(role))


def set_password(account: str, verifier: str) -> Composed:
    # A text that is no verifier would be taken as a password, in clear, into the server's log.
    if not _VERIFIER.fullmatch(verifier):
        raise ValueError("not a SCRAM verifier")
    return SQL("ALTER ROLE {} PASSWORD {}").format(Identifier(account), Literal(verifier))


def never_expires(account: str) -> Composed:
    return SQL("ALTER ROLE {} VALID UNTIL 'infinity'").format(Identifier(account))


def login(account: str, *, allowed: bool) -> Composed:
    return SQL("ALTER ROLE {} {}").format(Identifier(account), SQL("LOGIN") if allowed else SQL("NOLOGIN"))


def drop(role: str) -> Composed:
    return SQL("DROP ROLE {}").format(Identifier(role))


def keep_setting(account: str, database: str | None, name: str) -> Composed:
    where = SQL("") if database is None else SQL("IN DATABASE {} ").format(Identifier(database))
    # Dotted names of extensions are two identifiers to the parser.
    setting = SQL(".").join(Identifier(part) for part in name.split("."))
    return SQL("ALTER ROLE {} {}SET {} FROM CURRENT").format(Identifier(account), where, setting)
