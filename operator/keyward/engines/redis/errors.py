"""What Redis and redis-py said, as our reasons and our words.

The driver's exceptions are only looked at: an answer to ACL SETUSER repeats the rule, which holds a password's hash. An
AuthenticationError is a ConnectionError too, and a certificate that fails is an OSError within one: the order matters.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from typing import Final

from redis import exceptions as said

from keyward.errors import Blocked, KeywardError, Reason, Retry

_HOSTNAME_MISMATCH: Final = frozenset({62, 64})  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_TRUST: Final = "the endpoint's certificate does not match its host name; set serverName, or mend the certificate"
_CA: Final = "the server's certificate is not signed by the Target's CA, or has expired"
_PLAIN: Final = "the server does not offer TLS at this port: set tls-port there"
_OLD: Final = "the server knows no ACL users: Redis 6 or newer is needed, with the command ACL under its own name"
_ANSWERS: Final[tuple[tuple[type[Exception], type[KeywardError], Reason, str], ...]] = (
    (said.AuthenticationWrongNumberOfArgsError, Blocked, Reason.ENGINE_UNSUPPORTED, _OLD),
    (said.AuthenticationError, Blocked, Reason.LOGIN_REFUSED, "the server refused user name and password"),
    (said.NoPermissionError, Blocked, Reason.PRIVILEGE_MISSING, "the account lacks a right"),
    (said.BusyLoadingError, Retry, Reason.BUSY, "the server is loading its data"),
    (said.ReadOnlyError, Retry, Reason.READ_ONLY_ENDPOINT, "the endpoint is read-only; a failover may be going on"),
    (said.MasterDownError, Retry, Reason.UNREACHABLE, "the replica has lost its primary"),
    (said.OutOfMemoryError, Retry, Reason.BUSY, "the server is out of memory"),
    (said.TryAgainError, Retry, Reason.BUSY, "the cluster is moving data"),
    (said.ClusterDownError, Retry, Reason.BUSY, "the cluster is down"),
    (said.TimeoutError, Retry, Reason.TIMEOUT, "the server did not answer in time"),
)
_TEXTS: Final = (
    (r"max number of clients", Retry, Reason.BUSY, "the server has no connection left (maxclients)"),
    (r"unknown command .?acl|unknown subcommand", Blocked, Reason.ENGINE_UNSUPPORTED, _OLD),
    (
        r"unknown command|command .* not found",
        Blocked,
        Reason.ENGINE_UNSUPPORTED,
        "the server lacks a command that the change needs",
    ),
    (
        r"error in acl setuser",
        Blocked,
        Reason.ENGINE_UNSUPPORTED,
        "the server does not know a rule that the rights need",
    ),
)


def translate(error: Exception) -> KeywardError:
    """The error of a connection that was not made, or of a command. A refusal is the account's: see `as_admin`."""
    for kind, ours, reason, text in _ANSWERS:
        if isinstance(error, kind):
            return ours(reason, text)
    for cause in _chain(error):
        if (found := _of_network(cause)) is not None:
            return found
    return _by_text(error)


def as_admin(error: KeywardError, doing: str) -> KeywardError:
    """The same, said of the admin's login."""
    if error.reason is Reason.LOGIN_REFUSED:
        return Blocked(Reason.ADMIN_LOGIN_REFUSED, f"admin login: {error.message}")
    if error.reason is Reason.PRIVILEGE_MISSING:
        return Blocked(Reason.ADMIN_PRIVILEGE_MISSING, f"the admin lacks the right to {doing}")
    return error


def at(where: object, error: KeywardError) -> KeywardError:
    """The same, with the node that it speaks of."""
    return type(error)(error.reason, f"{where}: {error.message}")


def _chain(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    for _ in range(8):
        if found is None:
            return
        yield found
        found = found.__cause__ or found.__context__


def _of_network(error: BaseException) -> KeywardError | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Blocked(Reason.UNKNOWN_CA, _TRUST if error.verify_code in _HOSTNAME_MISMATCH else _CA)
    if isinstance(error, ssl.SSLError):
        plain = error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")
        kind, text = (Blocked, _PLAIN) if plain else (Retry, "the TLS handshake failed")
        return kind(Reason.TLS_REFUSED, text)
    if isinstance(error, socket.gaierror):
        return Retry(Reason.NAME_RESOLUTION, "the host's name has no address: correct it, or the DNS")
    if isinstance(error, ConnectionRefusedError):
        return Retry(Reason.UNREACHABLE, "nobody listens there: start the server, or correct host and port")
    if isinstance(error, TimeoutError):
        return Retry(Reason.TIMEOUT, "the server did not answer in time")
    return None


def _by_text(error: Exception) -> KeywardError:
    text = str(error)
    for pattern, kind, reason, message in _TEXTS:
        if re.search(pattern, text, re.IGNORECASE):
            return kind(reason, message)
    if isinstance(error, said.ConnectionError | OSError):
        return Retry(
            Reason.UNREACHABLE,
            "the connection was lost, or the server closed it: see maxclients, and whether another kind of server listens there",
        )
    return Retry(Reason.INTERNAL_ERROR, f"the server's answer is none that is known ({type(error).__name__})")
