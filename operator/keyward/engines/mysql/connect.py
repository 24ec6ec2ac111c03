"""Opens connections: verified TLS or none at all, no plug-in that would hand out the password, limits set on the server.

A password never gets into a URL, an exception or a file.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import pymysql

from keyward.engines.base import Endpoint, Login, Place
from keyward.engines.deadline import within
from keyward.engines.mysql import errors
from keyward.engines.mysql.wire import Wire, in_thread
from keyward.errors import Blocked, KeywardError, Reason, Retry

_LONGEST_NAME: Final = 128
_LATER: Final = 5.0  # seconds: our own deadline is to be the first that passes


@dataclass(frozen=True, slots=True)
class Goal:
    """Where to, as whom, and within how many seconds."""

    place: Place
    endpoint: Endpoint
    login: Login
    timeout: float
    admin: bool = False
    database: str | None = None

    @property
    def name(self) -> str:
        return f"{self.endpoint.host}:{self.endpoint.port}"


async def connect(goal: Goal) -> Wire:
    """Log in.

    Raises:
        Retry, Blocked: without the driver's exception as cause or context.
    """
    user, password = _user(goal), _password(goal)
    try:
        return await within(goal.timeout, _first_of(goal, user, password))
    except TimeoutError:
        pass
    raise Retry(Reason.TIMEOUT, f"{goal.name} did not answer within {goal.timeout:g} s")


async def _first_of(goal: Goal, user: str, password: bytes) -> Wire:
    failure: KeywardError | None = None
    for family, address in await _addresses(goal):
        outcome = await _attempt(goal, family, address, (user, password))
        if isinstance(outcome, Wire):
            return outcome
        failure = outcome
        if failure.reason is not Reason.UNREACHABLE:
            break
    assert failure is not None
    raise type(failure)(failure.reason, f"{goal.name}: {failure.message}")


async def _addresses(goal: Goal) -> list[tuple[socket.AddressFamily, Any]]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(goal.endpoint.host, goal.endpoint.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        found = []
    if not found:
        raise Retry(Reason.NAME_RESOLUTION, f"the name of {goal.name} has no address: correct it, or the DNS")
    return [(family, address) for family, _, _, _, address in found]


async def _attempt(
    goal: Goal, family: socket.AddressFamily, address: Any, who: tuple[str, bytes]
) -> Wire | KeywardError:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, address)
        sock.setblocking(True)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        spare = sock.dup()
    except OSError as error:
        sock.close()
        return errors.of_connection(error, admin=goal.admin)
    except BaseException:
        sock.close()
        raise
    return await _log_in(goal, sock, spare, who)


async def _log_in(goal: Goal, sock: socket.socket, spare: socket.socket, who: tuple[str, bytes]) -> Wire | KeywardError:
    try:
        driver = _driver(goal, *who)
        wire = Wire(driver, spare)
    except BaseException:
        spare.close()
        sock.close()
        raise
    failure: KeywardError
    try:
        await in_thread(lambda: driver.connect(sock))
    except asyncio.CancelledError:
        wire.abort()
        spare.close()
        raise
    except Exception as error:  # noqa: BLE001 - what does not speak the protocol makes the driver fail in any way
        failure = errors.of_connection(error, admin=goal.admin)
    else:
        return wire
    spare.close()
    return failure


def _driver(goal: Goal, user: str, password: bytes) -> pymysql.Connection[Any]:
    return pymysql.Connection(
        host=goal.place.server_name or goal.endpoint.host,  # what the certificate has to say
        user=user,
        password=password,
        database=goal.database,
        charset="utf8mb4",
        autocommit=True,
        read_timeout=goal.timeout + _LATER,
        write_timeout=goal.timeout + _LATER,
        program_name="keyward",
        ssl=_context(goal.place.ca_pem),
        local_infile=False,
        auth_plugin_map=dict.fromkeys(errors.REFUSED_PLUGINS, errors.Refusing),
        defer_connect=True,
    )


@lru_cache(maxsize=256)
def _context(ca_pem: str | None) -> ssl.SSLContext:
    """Made once for each CA: it is most of what a connection costs."""
    try:
        context = ssl.create_default_context(cadata=ca_pem)
    except (ssl.SSLError, ValueError):
        context = None
    if context is None:
        raise Blocked(Reason.UNKNOWN_CA, "the Target's CA cannot be read")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Newer Pythons refuse CAs without key identifiers; OpenSSL itself, libpq and managed services do not mind.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def _user(goal: Goal) -> str:
    name = goal.login.account
    if not name or "\0" in name or len(name) > _LONGEST_NAME:
        reason = Reason.ADMIN_SECRET_INVALID if goal.admin else Reason.INVALID_SPEC
        raise Blocked(reason, f"the user name must have 1 to {_LONGEST_NAME} characters and no NUL")
    return name


def _password(goal: Goal) -> bytes:
    """The server ends a password at a NUL, and lets an account without one in with an empty one."""
    password = goal.login.password
    try:
        sound = bool(password) and "\0" not in password.reveal_text()
    except ValueError:
        sound = False
    if not sound:
        reason = Reason.ADMIN_SECRET_INVALID if goal.admin else Reason.LOGIN_REFUSED
        raise Blocked(reason, "the password is empty, is no UTF-8 or holds a NUL")
    return password.reveal()
