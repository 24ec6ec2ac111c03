"""Accounts on the test's PostgreSQL as Credentials make them or take them over."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier, Literal
from tests.whole_path.world import Json, Shop

READ_WRITE = [{"database": "orders", "level": "ReadWrite"}]


def created(name: str, **changes: Any) -> Json:
    """Have an account made."""
    return {"create": {"name": name, "privileges": READ_WRITE} | changes}


def rds(shop: Shop, name: str, account: Json, *, target: str = "pg", mode: str = "Dual", **spec: Any) -> Json:
    """A Credential that projects to a Secret of its own name."""
    wanted = {
        "rds": {"targetRef": {"name": target}, "accountManagement": mode, "databaseName": "orders"} | account,
        "rotation": {"interval": "24h", "gracePeriod": "0s"},
        "projections": [{"secretName": name}],
    }
    return shop.made("Credential", name, wanted | spec)


def existing(shop: Shop, credential: str, *logins: tuple[str, str]) -> Json:
    """Accounts that are on the server already, a Secret that holds a password of each, and the import of them.

    The administrator makes them, as PostgreSQL 16 lets nobody else but a superuser change them.
    """
    with shop.postgres.connect("orders", "rotator", "rotators-password") as session:
        for name, password in logins:
            session.execute(SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(Identifier(name), Literal(password)))
    hand_over(shop, credential, *logins)
    accounts = [{"name": name, "passwordFrom": {"secretName": f"{credential}-old", "key": name}} for name, _ in logins]
    return {"import": {"accounts": accounts}}


def hand_over(shop: Shop, credential: str, *logins: tuple[str, str]) -> None:
    """Write down the passwords of accounts that are to be imported."""
    labels = {"keyward.dev/source-for": credential}
    shop.apply(shop.plain_secret(f"{credential}-old", dict(logins), labels=labels))


def published(shop: Shop, name: str) -> dict[str, str]:
    """The first Secret of a Credential."""
    return shop.published(name)


def rotated(shop: Shop, name: str, token: str) -> tuple[dict[str, str], dict[str, str]]:
    """Ask for a rotation; the Secret before and after it."""
    return shop.rotated(name, token)


def refused(shop: Shop, secret: dict[str, str]) -> str:
    """Why the server does not let this login in; empty if it does."""
    try:
        shop.logs_in(secret)
    except psycopg.OperationalError as error:
        for why in ("password authentication failed", "is not permitted to log in"):
            if why in str(error):
                return why
        raise
    return ""


def mark(shop: Shop, account: str) -> str:
    """The comment on an account; empty if there is none, or no account."""
    query = "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = %s"
    found = shop.postgres.sql(query, params=[account])
    return str(found[0][0] or "") if found else ""


def exists(shop: Shop, account: str) -> bool:
    return bool(shop.postgres.sql("SELECT 1 FROM pg_roles WHERE rolname = %s", params=[account]))
