"""What MySQL and MariaDB said, as our reasons and our words, by their error numbers.

Their texts echo statements, and the driver's exceptions hold more: nothing of either leaves this module.
"""

from __future__ import annotations

import ssl
from typing import Any, Final, NoReturn

import pymysql
from pymysql.constants import CR

from keyward.errors import Blocked, KeywardError, Reason, Rejected, Retry

REFUSED_PLUGINS: Final = ("mysql_clear_password", "dialog", "mysql_old_password")


class WeakDemandError(Exception):
    """The server asked for the password itself, or for a proof that gives it away."""


class Refusing:
    """Stands in for the plug-ins that are refused."""

    def __init__(self, _driver: Any) -> None:
        """The driver hands itself over."""

    def authenticate(self, _packet: Any) -> NoReturn:
        raise WeakDemandError


POLICY_NUMBERS: Final = frozenset({1819, 3638, 4165})

_Kind = tuple[type[KeywardError], Reason, str]
_POLICY: Final[_Kind] = (Rejected, Reason.PASSWORD_REFUSED, "the server's password policy refused the candidate")
_RIGHT: Final[_Kind] = (Blocked, Reason.ADMIN_PRIVILEGE_MISSING, "the admin lacks a right for this change")
_CROWDED: Final[_Kind] = (
    Retry,
    Reason.BUSY,
    "the server has no connection left: raise max_connections or max_user_connections, or end what holds them",
)
_HELD: Final[_Kind] = (Retry, Reason.BUSY, "somebody else holds a lock that the change needs")
_LATE: Final[_Kind] = (Retry, Reason.TIMEOUT, "the server ended the statement after its time limit")
_READ_ONLY: Final[_Kind] = (
    Retry,
    Reason.READ_ONLY_ENDPOINT,
    "the server is read-only: give its endpoint the role Replica, or wait for the end of a failover",
)
_GONE: Final[_Kind] = (Retry, Reason.UNREACHABLE, "the connection was lost")
_STATEMENT: Final[dict[int, _Kind]] = {
    **dict.fromkeys(POLICY_NUMBERS, _POLICY),
    1044: _RIGHT,
    1045: _RIGHT,
    1142: _RIGHT,
    1143: _RIGHT,
    1227: _RIGHT,
    1370: _RIGHT,
    1410: _RIGHT,
    3879: _RIGHT,
    1049: (Blocked, Reason.DATABASE_MISSING, "a database that the privileges name does not exist"),
    1133: (Blocked, Reason.ACCOUNT_MISSING, "an account that the change needs does not exist"),
    1396: (Blocked, Reason.ACCOUNT_MISSING, "an account that the change needs does not exist, or exists already"),
    1470: (Blocked, Reason.INVALID_SPEC, "a name is longer than the server takes"),
    1524: (Blocked, Reason.ENGINE_UNSUPPORTED, "the account's authentication plug-in is not loaded on the server"),
    1820: (Blocked, Reason.ACCOUNT_DISABLED, "the password of the account that is logged in has expired"),
    3894: (Blocked, Reason.ENGINE_UNSUPPORTED, "the account's second password is of another authentication plug-in"),
    4006: (Blocked, Reason.OBJECT_OWNER, "views, routines, triggers or events are defined by the account"),
    1205: _HELD,
    1206: _HELD,
    1213: _HELD,
    3058: _HELD,
    3572: _HELD,
    1040: _CROWDED,
    1203: _CROWDED,
    1226: _CROWDED,
    1969: _LATE,
    3024: _LATE,
    1317: _LATE,
    1290: _READ_ONLY,
    1792: _READ_ONLY,
    1836: _READ_ONLY,
    1053: (Retry, Reason.UNREACHABLE, "the server is shutting down"),
    1927: _GONE,
    2006: _GONE,
    2013: _GONE,
    2014: _GONE,
    2055: _GONE,
    4031: _GONE,
}
# After these numbers nobody is left on the other side, or the server is on its way down: the outcome is unknown.
_LOST: Final = frozenset({1053, 1927, 2006, 2013, 2014, 2055, 4031})

_LOGIN: Final[_Kind] = (Blocked, Reason.LOGIN_REFUSED, "the server refused user name and password")
_LOCKED: Final[_Kind] = (
    Blocked,
    Reason.ACCOUNT_DISABLED,
    "the account is locked: ALTER USER … ACCOUNT UNLOCK gives it back, which we never do",
)
_EXPIRED: Final[_Kind] = (
    Blocked,
    Reason.ACCOUNT_DISABLED,
    "the account's password was made to expire: somebody has to set it anew, which we never do",
)
_BLOCKED: Final[_Kind] = (
    Retry,
    Reason.BUSY,
    "the server blocks this host after broken connections: TRUNCATE TABLE performance_schema.host_cache (MariaDB: FLUSH HOSTS)",
)
_CONNECTION: Final[dict[int, _Kind]] = {
    1045: _LOGIN,
    1698: _LOGIN,
    3118: _LOCKED,
    4151: _LOCKED,
    1820: _EXPIRED,
    1862: _EXPIRED,
    1044: (Blocked, Reason.PRIVILEGE_MISSING, "the account has no right on the database"),
    1049: (Blocked, Reason.DATABASE_MISSING, "the database does not exist"),
    1130: (Retry, Reason.UNREACHABLE, "the server has no account that may log in from here: see the host of user@host"),
    1129: _BLOCKED,
    1040: _CROWDED,
    1203: _CROWDED,
    1226: _CROWDED,
    1053: (Retry, Reason.UNREACHABLE, "the server is shutting down"),
    3159: (Blocked, Reason.TLS_REFUSED, "the server asks for TLS in a way that was not offered"),
    CR.CR_SSL_CONNECTION_ERROR: (
        Blocked,
        Reason.TLS_REFUSED,
        "the server does not offer TLS: set ssl_cert and ssl_key there",
    ),
    CR.CR_AUTH_PLUGIN_CANNOT_LOAD: (
        Blocked,
        Reason.ENGINE_UNSUPPORTED,
        "the account's authentication plug-in is one that the driver cannot log in with",
    ),
    1251: (Blocked, Reason.ENGINE_UNSUPPORTED, "the server does not take the driver's way to log in"),
}
_WEAK: Final = "the server asks for the password in clear or for a weaker proof than its hash; nothing was sent"


def is_lost(error: Exception) -> bool:
    """Whether the connection is of no more use, so that the outcome of a statement is unknown."""
    return not isinstance(error, pymysql.MySQLError) or _number(error) in _LOST or not _number(error)


def of_statement(error: Exception, *, setting_password: bool = False) -> KeywardError:
    """The error of a statement on an open connection."""
    if is_lost(error):
        kind, reason, text = _STATEMENT.get(_number(error), _GONE)
        return kind(reason, text)
    number = _number(error)
    kind, reason, text = _STATEMENT.get(
        number, (Retry, Reason.INTERNAL_ERROR, f"the server answered with error {number}")
    )
    if kind is Rejected and not setting_password:
        return Blocked(Reason.PASSWORD_REFUSED, "the server's password policy stands in the way of this change")
    return kind(reason, text)


def refusal() -> Rejected:
    """A candidate that the password policy refused."""
    return Rejected(*_POLICY[1:])


def of_connection(error: Exception, *, admin: bool) -> KeywardError:
    """The error of a connection that was not made; whose login it was decides what a refusal means."""
    if isinstance(error, WeakDemandError):
        return Blocked(Reason.WEAK_AUTHENTICATION, _WEAK)
    if isinstance(error, KeywardError):
        return error
    # A refused certificate comes as number 2003, with what happened beneath it.
    beneath = getattr(error, "original_exception", error)
    if isinstance(beneath, OSError):
        return _of_socket(beneath)
    number = _number(error)
    if number in _LOST:
        return Retry(Reason.UNREACHABLE, "the server closed the connection")
    if number not in _CONNECTION:
        return Retry(Reason.UNREACHABLE, f"the connection failed ({number or 'it does not speak the protocol'})")
    kind, reason, text = _CONNECTION[number]
    return _as_admin(reason, text) if admin and kind is Blocked else kind(reason, text)


def _of_socket(error: OSError) -> KeywardError:
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in (62, 63, 64):  # host name, e-mail, IP address
            return Blocked(
                Reason.UNKNOWN_CA,
                "the endpoint's certificate does not match its host name; set serverName, or mend the certificate",
            )
        text = "the server's certificate is not signed by the Target's CA, or has expired"
        return Blocked(Reason.UNKNOWN_CA, text)
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)):
        return Retry(Reason.UNREACHABLE, "the server closed the connection")
    if isinstance(error, ssl.SSLError):
        return Retry(Reason.TLS_REFUSED, "the TLS handshake failed")
    if isinstance(error, TimeoutError):
        return Retry(Reason.TIMEOUT, "the server did not answer in time")
    if isinstance(error, ConnectionRefusedError):
        return Retry(Reason.UNREACHABLE, "nobody listens there: start the server, or correct host and port")
    return Retry(Reason.UNREACHABLE, "there is no way to the endpoint, or the connection was lost")


def _as_admin(reason: Reason, message: str) -> KeywardError:
    if reason in (Reason.LOGIN_REFUSED, Reason.ACCOUNT_DISABLED):
        return Blocked(Reason.ADMIN_LOGIN_REFUSED, f"admin login: {message}")
    if reason is Reason.PRIVILEGE_MISSING:
        return Blocked(Reason.ADMIN_PRIVILEGE_MISSING, f"the admin lacks a right: {message}")
    return Blocked(reason, message)


def _number(error: Exception) -> int:
    number = error.args[0] if error.args else 0
    return number if isinstance(number, int) else 0
