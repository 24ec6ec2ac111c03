"""Opens connections: the host proves itself with a pinned key first, then one login by one method, and never a second.

Nothing of this machine's own SSH is looked at: no agent, no configuration, no known_hosts, no keys of ours.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any, Final

import asyncssh

from keyward.engines.base import Endpoint, Login, Place
from keyward.engines.deadline import within
from keyward.engines.ssh import errors, names, values
from keyward.errors import Blocked, KeywardError, Reason, Retry

PASSWORD: Final = "password"  # noqa: S105 - the method's name
logging.getLogger("asyncssh").setLevel(logging.WARNING)  # it tells of each connection, and of who logs in


@dataclass(frozen=True, slots=True)
class Way:
    """Where to, as whom, and within how many seconds. `method` is for a password: how sshd takes it."""

    place: Place
    endpoint: Endpoint
    login: Login
    seconds: float
    admin: bool = False
    method: str = PASSWORD


class Asked(Exception):  # noqa: N818 - says how far a failed login got
    """A login failed; `counted` if the host may have counted it as an attempt."""

    def __init__(self, error: KeywardError, *, counted: bool) -> None:
        super().__init__(error.reason)
        self.error, self.counted = error, counted


class _Client(asyncssh.SSHClient):
    reached = False

    def connection_made(self, _conn: asyncssh.SSHClientConnection) -> None:
        self.reached = True


async def connect(way: Way) -> asyncssh.SSHClientConnection:
    """Log in.

    Raises:
        Retry, Blocked: naming the host, without the driver's exception as cause or context.
    """
    try:
        return await attempt(way)
    except Asked as failed:
        failure = failed.error
    raise failure


async def attempt(way: Way) -> asyncssh.SSHClientConnection:
    """Log in. Raises Asked."""
    client = _Client()
    failure: KeywardError
    try:
        return await within(way.seconds, _connect(way, client))
    except TimeoutError:
        failure = Retry(Reason.TIMEOUT, f"the host did not let anybody in within {way.seconds:g} s")
    except KeywardError as error:
        failure = error
    except (asyncssh.Error, OSError, ValueError) as error:
        failure = errors.translate(error)
    lost_on_the_way = client.reached and failure.reason is Reason.UNREACHABLE
    counted = failure.reason is Reason.LOGIN_REFUSED or lost_on_the_way
    if way.admin:
        failure = errors.as_admin(failure)
    raise Asked(errors.at(way.endpoint, failure), counted=counted)


async def _connect(way: Way, client: _Client) -> asyncssh.SSHClientConnection:
    login, place = way.login, way.place
    if not names.fits(login.account):
        raise Blocked(Reason.LOGIN_REFUSED, "a Linux host has no user of such a name")
    if not place.host_keys:
        raise Blocked(Reason.INVALID_SPEC, "hostKeys: no key of the host is given, and an unknown one is never trusted")
    options: dict[str, Any] = {"password": None, "client_keys": None, "preferred_auth": way.method}
    if values.is_key(login.password):
        options |= {"client_keys": [values.private_key(login.password)], "preferred_auth": "publickey"}
    else:
        options["password"] = _text(login)
    conn, _ = await asyncssh.create_connection(
        lambda: client,
        way.endpoint.host,
        way.endpoint.port,
        username=login.account,
        known_hosts=_pins(place.host_keys),
        agent_path=None,
        config=None,
        host_based_auth=False,
        gss_host=None,
        login_timeout=way.seconds,
        connect_timeout=way.seconds,
        **options,
    )
    return conn


def _text(login: Login) -> str:
    try:
        text = login.password.reveal_text()
    except ValueError:
        text = "\0"
    if "\0" not in text:
        return text
    # sshd ends the connection at such a one, and that would look like a network that has to be tried again.
    raise Blocked(Reason.LOGIN_REFUSED, "the value is not valid UTF-8, or has a NUL in it")


def _pins(host_keys: tuple[str, ...]) -> asyncssh.SSHKnownHosts:
    try:
        for key in host_keys:
            asyncssh.import_public_key(key)  # what cannot be read would be passed over without a word
        return asyncssh.import_known_hosts("".join(f"* {key}\n" for key in host_keys))
    except (ValueError, asyncssh.KeyImportError):
        pass
    raise Blocked(
        Reason.INVALID_SPEC, "hostKeys: one of them cannot be read: give lines as in the host's *_key.pub files"
    )


async def close(conn: asyncssh.SSHClientConnection) -> None:
    """End it at once: a peer that says nothing any more is not waited for."""
    conn.abort()
    await asyncio.sleep(0)
