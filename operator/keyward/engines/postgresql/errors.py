"""What PostgreSQL and libpq said, as our reasons and our words.

Statements are judged by SQLSTATE, failed connections by libpq's text, because libpq gives no SQLSTATE there. The text is only
searched: nothing of it leaves this module, and an exception of the driver (it holds the password) is never kept.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable
from typing import Final, TypeVar

import psycopg

from keyward.errors import Blocked, KeywardError, Reason, Rejected, Retry

T = TypeVar("T")

_POLICY = "the server's password policy refused the candidate: it has to let SCRAM verifiers pass"
_NAMED: Final[dict[str, tuple[type[KeywardError], Reason, str]]] = {
    "25006": (
        Retry,
        Reason.READ_ONLY_ENDPOINT,
        "the server is read-only: give its endpoint the role Replica, or wait for the end of a failover",
    ),
    "28000": (
        Blocked,
        Reason.ADMIN_LOGIN_REFUSED,
        "the server does not let the admin log in from here: admit it in pg_hba.conf",
    ),
    "28P01": (
        Blocked,
        Reason.ADMIN_LOGIN_REFUSED,
        "the server refused the admin's login: correct user name and password in the Secret",
    ),
    "3D000": (Blocked, Reason.DATABASE_MISSING, "the database is not on the server: create it, or correct the name"),
    "3F000": (
        Blocked,
        Reason.INVALID_SPEC,
        "a schema that the privileges name is not there: create it, or correct the name",
    ),
    "0LP01": (Blocked, Reason.INVALID_SPEC, "the first account is a member of the second: revoke that, or swap them"),
    "42501": (
        Blocked,
        Reason.ADMIN_PRIVILEGE_MISSING,
        "the admin lacks a right for this change: grant it on the server",
    ),
    "42704": (
        Blocked,
        Reason.ACCOUNT_MISSING,
        "a role that the change needs is not on the server: create it, or correct its name",
    ),
    "42710": (Blocked, Reason.ACCOUNT_EXISTS, "a role of that name is on the server already: choose another name"),
    "42939": (Blocked, Reason.ACCOUNT_RESERVED, "the account's name is reserved by PostgreSQL: choose another"),
    "2BP01": (Blocked, Reason.OBJECT_OWNER, "other objects still depend on the account: REASSIGN OWNED first"),
    "22023": (Rejected, Reason.PASSWORD_REFUSED, _POLICY),
    "23514": (Rejected, Reason.PASSWORD_REFUSED, _POLICY),
    "28P02": (Rejected, Reason.PASSWORD_REFUSED, _POLICY),
    "P0001": (Rejected, Reason.PASSWORD_REFUSED, _POLICY),
    "0A000": (
        Blocked,
        Reason.ENGINE_UNSUPPORTED,
        "the server does not support a statement that the change needs: update it",
    ),
    "55P03": (Retry, Reason.BUSY, "somebody else holds a lock on the account"),
    "57014": (Retry, Reason.TIMEOUT, "the server cancelled the statement after its time limit"),
    "XX000": (Retry, Reason.BUSY, "the account was changed by somebody else at the same moment"),
}
_CLASSES: Final[dict[str, tuple[Reason, str]]] = {
    "08": (Reason.UNREACHABLE, "the connection was lost"),
    "40": (Reason.BUSY, "the change collided with another transaction"),
    "53": (Reason.BUSY, "the server is out of connections, memory or disk"),
    "55": (Reason.BUSY, "the server is not in a state to do this now"),
    "57": (Reason.UNREACHABLE, "the server is starting, stopping or in recovery"),
}
# Refusals of a password candidate make sense only while one is being set.
_REFUSALS: Final = frozenset({"22023", "23514", "28P02", "P0001"})


def of_statement(error: psycopg.Error, *, setting_password: bool = False) -> KeywardError:
    """The error of a statement on an open connection."""
    state = error.sqlstate or ""
    if state in _NAMED and (state not in _REFUSALS or setting_password):
        kind, reason, text = _NAMED[state]
        return kind(reason, text)
    if state[:2] in _CLASSES:
        return Retry(*_CLASSES[state[:2]])
    if not state:
        return Retry(Reason.UNREACHABLE, "the connection was lost")
    return Retry(Reason.INTERNAL_ERROR, f"the server answered with SQLSTATE {state}")


_WEAK = "the server asks for a weaker authentication than scram-sha-256, so nothing was sent: ask for it in pg_hba.conf"
_TRUST = "the server's certificate does not match the endpoint's host: set serverName to the name in it, or mend the certificate"
_CONNECT: Final[tuple[tuple[str, type[KeywardError], Reason, str], ...]] = tuple(
    (pattern, kind, reason, text)
    for pattern, kind, reason, text in (
        (
            r"does not support SSL",
            Blocked,
            Reason.TLS_REFUSED,
            "the server does not offer TLS, and without it nothing is sent: set ssl = on there",
        ),
        (
            r"invalid response to SSL negotiation",
            Retry,
            Reason.UNREACHABLE,
            "what answers there is no PostgreSQL: correct host and port, or the Target's engine",
        ),
        (r"authentication method requirement|channel binding required", Blocked, Reason.WEAK_AUTHENTICATION, _WEAK),
        (r"does not match host name|host name must be specified", Blocked, Reason.UNKNOWN_CA, _TRUST),
        (
            r"certificate verify failed|self[- ]signed|unknown ca|unable to get (local )?issuer",
            Blocked,
            Reason.UNKNOWN_CA,
            "the server's certificate is not signed by the Target's CA, or has expired: put its CA into ca, or renew it",
        ),
        (
            r"root certificate file|could not read root cert",
            Blocked,
            Reason.UNKNOWN_CA,
            "the Target's CA cannot be read: put certificates in PEM into ca",
        ),
        (
            r"password authentication failed|SASL authentication failed|authentication failed for user",
            Blocked,
            Reason.LOGIN_REFUSED,
            "the server refused user name and password: correct them",
        ),
        (
            r"is not permitted to log in",
            Blocked,
            Reason.ACCOUNT_DISABLED,
            "account {account!r} may not log in (NOLOGIN): give the right back on the server",
        ),
        (
            r"no pg_hba\.conf entry|pg_hba\.conf rejects",
            Retry,
            Reason.UNREACHABLE,
            "pg_hba.conf does not admit this login: add a line for it",
        ),
        (
            r'database ".*" does not exist',
            Blocked,
            Reason.DATABASE_MISSING,
            "database {database!r} is not on the server: create it, or correct the name",
        ),
        (
            r"permission denied for database",
            Blocked,
            Reason.PRIVILEGE_MISSING,
            "CONNECT on database {database!r} is missing: grant it",
        ),
        (
            r"too many c(lients|onnections)|connection slots",
            Retry,
            Reason.BUSY,
            "the server has no connection left: raise max_connections, or end what holds them",
        ),
        (
            r"starting up|shutting down|in recovery mode|not (yet|currently) accepting",
            Retry,
            Reason.UNREACHABLE,
            "the server is starting, stopping or in recovery",
        ),
        (r"timeout expired|timed out", Retry, Reason.TIMEOUT, "the server did not answer in time"),
        (
            r"resolve|translate host name|Name or service",
            Retry,
            Reason.NAME_RESOLUTION,
            "the host's name has no address: correct it, or the DNS",
        ),
        (r"refused", Retry, Reason.UNREACHABLE, "nobody listens there: start the server, or correct host and port"),
        (
            r"unreachable|No route",
            Retry,
            Reason.UNREACHABLE,
            "there is no route to it: see to the network, or correct host and port",
        ),
        (
            r"SSL (error|SYSCALL)|SSL connection",
            Retry,
            Reason.TLS_REFUSED,
            "the TLS handshake failed: the server has to offer TLS 1.2 or newer",
        ),
        (
            r"closed the connection|reset by peer",
            Retry,
            Reason.UNREACHABLE,
            "the connection was closed at once: see whether a server runs there and what its log says",
        ),
    )
)


def of_connection(error: psycopg.Error, *, admin: bool, account: str, database: str) -> KeywardError:
    """The error of a connection that was not made; whose login it was decides what a refusal means."""
    text = str(error)
    for pattern, kind, reason, message in _CONNECT:
        if re.search(pattern, text, re.IGNORECASE):
            said = message.format(account=account, database=database)
            return _as_admin(reason, said) if admin and kind is Blocked else kind(reason, said)
    return Retry(Reason.UNREACHABLE, "the connection failed for a reason that is not known: see the server's log")


def _as_admin(reason: Reason, message: str) -> KeywardError:
    if reason in (Reason.LOGIN_REFUSED, Reason.ACCOUNT_DISABLED):
        return Blocked(Reason.ADMIN_LOGIN_REFUSED, message)
    if reason is Reason.PRIVILEGE_MISSING:
        return Blocked(Reason.ADMIN_PRIVILEGE_MISSING, f"for the admin, {message}")
    return Blocked(reason, message)


async def translated(work: Awaitable[T], *, setting_password: bool = False) -> T:
    """Await a statement. The driver's exception is let go before ours is raised, so that ours has no context at all.

    Raises:
        KeywardError: as `of_statement`.
    """
    try:
        return await work
    except psycopg.Error as error:
        failure = of_statement(error, setting_password=setting_password)
    raise failure
