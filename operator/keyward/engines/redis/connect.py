"""Opens connections: verified TLS, a login by user name, no retries, both timeouts, and never a second time by itself.

The driver would log in as `default` where a server is too old for user names, and would connect anew behind our back: so
it is asked for neither. A password goes into one command, AUTH, and nowhere else.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from redis import exceptions as said
from redis.asyncio.connection import Connection
from redis.backoff import NoBackoff
from redis.retry import Retry as Retries

from keyward.engines.base import Endpoint, Login, Place
from keyward.engines.deadline import within
from keyward.engines.redis import errors, names
from keyward.errors import Blocked, KeywardError, Reason, Retry

_RESP2: Final = 2


class _Tls(Connection):
    """A connection whose server may have another name in its certificate than its address."""

    def __init__(self, context: ssl.SSLContext, name: str, **settings: Any) -> None:
        self._context, self._name = context, name
        self._opened: asyncio.StreamWriter | None = None
        super().__init__(**settings)

    async def _connect(self) -> None:
        await super()._connect()  # type: ignore[no-untyped-call]
        self._opened = self._writer

    async def end(self) -> None:
        """Close the socket at once. The driver, and TLS, would wait for a peer that may say nothing any more."""
        if self._opened is not None:
            self._opened.transport.abort()
            with suppress(OSError):
                await self._opened.wait_closed()
            self._opened = self._reader = self._writer = None

    def _connection_arguments(self) -> dict[str, Any]:
        return {"host": self.host, "port": self.port, "ssl": self._context, "server_hostname": self._name}


@dataclass(frozen=True, slots=True)
class Way:
    """Where to, as whom, and within how many seconds each answer has to come."""

    place: Place
    login: Login
    seconds: float
    admin: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """A login at one server."""

    endpoint: Endpoint
    wire: _Tls
    admin: bool

    async def ask(self, *command: str | bytes | int, doing: str = "") -> Any:
        """The answer to one command; texts are bytes.

        Args:
            command: the command and its arguments.
            doing: what a right is lacked for, in our words.

        Raises:
            Retry, Blocked: naming the server, without anything that the driver said.
        """
        failure: KeywardError
        if not self.wire.is_connected:
            # The driver would connect again, without a login.
            raise errors.at(self.endpoint, Retry(Reason.UNREACHABLE, "the connection was lost"))
        try:
            await self.wire.send_command(*command, check_health=False)
            return await self.wire.read_response(disable_decoding=True)
        except (said.RedisError, OSError) as error:
            failure = errors.translate(error)
        if self.admin:
            failure = errors.as_admin(failure, doing or f"run {command[0]!s}")
        raise errors.at(self.endpoint, failure)

    async def close(self) -> None:
        await self.wire.end()


async def connect(way: Way, endpoint: Endpoint) -> Node:
    """Log in.

    Raises:
        Retry, Blocked: naming the server, without the driver's exception as cause or context.
    """
    wire = _Tls(
        _context(way.place.ca_pem),
        way.place.server_name or endpoint.host,
        host=endpoint.host,
        port=endpoint.port,
        socket_timeout=way.seconds,
        socket_connect_timeout=way.seconds,
        retry=Retries(NoBackoff(), 0),
        protocol=_RESP2,
        driver_info=None,
    )
    node = Node(endpoint, wire, way.admin)
    failure: KeywardError
    try:
        await within(way.seconds, _log_in(node, way))
    except TimeoutError:
        failure = errors.at(
            endpoint, Retry(Reason.TIMEOUT, f"did not answer within {way.seconds:g} s; is TLS offered at this port?")
        )
    except KeywardError as error:
        failure = error
    except BaseException:
        await node.close()
        raise
    else:
        return node
    await node.close()
    raise failure


async def _log_in(node: Node, way: Way) -> None:
    login = way.login
    if not names.fits(login.account):
        reason = Reason.ADMIN_SECRET_INVALID if node.admin else Reason.LOGIN_REFUSED
        raise errors.at(node.endpoint, Blocked(reason, "Redis has no account of such a name"))
    failure: KeywardError | None = None
    try:
        await node.wire.connect()  # type: ignore[no-untyped-call]
    except (said.RedisError, OSError, UnicodeError) as error:
        failure = errors.at(node.endpoint, errors.translate(error))
    if failure is not None:
        raise failure
    await node.ask("AUTH", *_words(way), doing="log in")


def _words(way: Way) -> tuple[str | bytes, ...]:
    """What AUTH is given: name and password, or both in one word, where the server knows no ACL users."""
    account, password = way.login.account, way.login.password.reveal()
    return (account.encode() + b":" + password,) if way.place.combined_auth else (account, password)


@lru_cache(maxsize=64)
def _context(ca_pem: str | None) -> ssl.SSLContext:
    """Making one costs far more than a handshake. Raises Blocked with UNKNOWN_CA."""
    try:
        context = ssl.create_default_context(cadata=ca_pem)
    except (ssl.SSLError, ValueError):
        context = None
    if context is None:
        raise Blocked(Reason.UNKNOWN_CA, "the Target's CA cannot be read")
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def all_of(work: list[Any]) -> list[Any]:
    """Results and `KeywardError`s, in order; anything else ends all of them."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return [await _outcome(task) for task in tasks]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _outcome(task: asyncio.Future[Any]) -> Any:
    try:
        return await task
    except KeywardError as error:
        return error
