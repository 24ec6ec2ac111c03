"""Opens connections: verified TLS, SCRAM only, keyword arguments only, each with limits set on the server.

It writes the public CA, and nothing else, to a private folder, because libpq reads a file. A password never gets into a
URL, an exception or a file.
"""

from __future__ import annotations

import asyncio
import atexit
import hashlib
import shutil
import socket
import ssl
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

from keyward.api import accounts
from keyward.engines.base import Endpoint, Login, Place
from keyward.engines.postgresql import errors
from keyward.errors import Blocked, KeywardError, Reason, Retry

Connection = psycopg.AsyncConnection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Goal:
    """Where to, as whom, and within how many seconds."""

    place: Place
    endpoint: Endpoint
    database: str
    login: Login
    timeout: float
    admin: bool = False


async def connect(goal: Goal) -> Connection:
    """Log in.

    Raises:
        Retry, Blocked: without the driver's exception as cause or context, for that one holds the password.
    """
    try:
        async with asyncio.timeout(goal.timeout):
            return await _first_of(goal, await _addresses(goal.endpoint))
    except TimeoutError:
        pass
    raise Retry(
        Reason.TIMEOUT,
        f"{_name(goal.endpoint)} did not answer within {goal.timeout:g} s: see to the server and the way to it",
    )


async def _addresses(endpoint: Endpoint) -> tuple[str, ...]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise Retry(
            Reason.NAME_RESOLUTION, f"{_name(endpoint)}: the host's name has no address: correct it, or the DNS here"
        )
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


async def _first_of(goal: Goal, addresses: tuple[str, ...]) -> Connection:
    failure: KeywardError | None = None
    for address in addresses:
        outcome = await _attempt(goal, address)
        if not isinstance(outcome, KeywardError):
            return outcome
        failure = outcome
        if failure.reason is not Reason.UNREACHABLE:
            break
    assert failure is not None
    raise type(failure)(failure.reason, f"{_name(goal.endpoint)}: {failure.message}")


async def _attempt(goal: Goal, address: str) -> Connection | KeywardError:
    if not accounts.fits(goal.login.account):
        reason = Reason.ADMIN_SECRET_INVALID if goal.admin else Reason.INVALID_SPEC
        return Blocked(reason, "the user name must have 1 to 63 bytes in UTF-8 and no NUL: correct it")
    if not accounts.fits(goal.database):
        return Blocked(
            Reason.DATABASE_MISSING,
            f"database {goal.database!r} must have 1 to 63 bytes in UTF-8 and no NUL: correct it",
        )
    try:
        return await psycopg.AsyncConnection.connect(
            host=goal.place.server_name or goal.endpoint.host,
            hostaddr=address,
            port=goal.endpoint.port,
            dbname=goal.database,
            user=goal.login.account,
            password=_password(goal),
            autocommit=True,
            prepare_threshold=None,
            **_settings(goal),
        )
    except psycopg.Error as error:
        return errors.of_connection(error, admin=goal.admin, account=goal.login.account, database=goal.database)


def _settings(goal: Goal) -> dict[str, Any]:
    statement = max(1, int(min(goal.timeout, 15.0) * 1000))
    # Whoever waits for a lock is told so before its own time is over.
    limits = (
        f"-c lock_timeout={min(5000, statement * 3 // 4)} -c statement_timeout={statement} -c search_path=pg_catalog"
    )
    return {
        "sslmode": "verify-full",
        "sslrootcert": _trust(goal.place.ca_pem),
        "sslcertmode": "disable",
        "ssl_min_protocol_version": "TLSv1.2",
        "gssencmode": "disable",
        "require_auth": "scram-sha-256",
        "channel_binding": "prefer",
        "connect_timeout": max(2, int(goal.timeout)),
        "application_name": "keyward",
        "client_encoding": "UTF8",
        "options": limits,
    }


def _password(goal: Goal) -> str:
    reason = Reason.ADMIN_SECRET_INVALID if goal.admin else Reason.LOGIN_REFUSED
    try:
        text = goal.login.password.reveal_text()
    except ValueError:
        text = ""
    # libpq would cut a password at NUL and take an empty one as "look into the environment".
    if not text or "\0" in text:
        raise Blocked(reason, "the password is empty, is no UTF-8 or holds a NUL: correct it")
    return text


def _trust(pem: str | None) -> str:
    if pem is not None:
        return str(_ca_file(pem))
    paths = (ssl.get_default_verify_paths().cafile, "/etc/ssl/certs/ca-certificates.crt")
    return next((path for path in paths if path and Path(path).is_file()), "system")


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="keyward-ca-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _ca_file(pem: str) -> Path:
    path = _folder() / f"{hashlib.sha256(pem.encode()).hexdigest()}.pem"
    if not path.exists():
        draft = path.with_suffix(".new")
        draft.write_text(pem, encoding="utf-8")
        draft.replace(path)
    return path


def _name(endpoint: Endpoint) -> str:
    return f"{endpoint.host}:{endpoint.port}"
