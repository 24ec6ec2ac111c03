"""What an exception of the SDK is reduced to: code, HTTP status and request id, and whether the call may have been done.

Its text is never read: it holds the URL, which holds what was asked for. What kind of failure of the network it was is told
by the classes in its chain.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import aiohttp
from alibabacloud_credentials.exceptions import CredentialException

_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,95}")
_REQUEST: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_DEEPEST: Final = 16


class Way(StrEnum):
    """How a call failed that got no answer in the cloud's own words."""

    ANSWERED = "Answered"  # it got one
    TLS = "TLS"
    NAME = "Name"
    CONNECT = "Connect"
    LOST = "Lost"
    SILENT = "Silent"  # no answer within the time that it was given
    UNSIGNED = "Unsigned"  # the login is none that a call could be signed with
    NO_LOGIN = "NoLogin"  # the default chain has none
    MALFORMED = "Malformed"  # an answer, but not one of the cloud's


_NEVER_SENT: Final = (Way.TLS, Way.NAME, Way.CONNECT, Way.UNSIGNED, Way.NO_LOGIN)


@dataclass(eq=False)
class Failure(Exception):  # noqa: N818 - it stays within this package
    """A call that failed. `after` is in seconds: the cloud asks to wait for so long."""

    way: Way
    code: str = ""
    status: int = 0
    request_id: str = ""
    after: float | None = None
    operation: str = ""  # that was called, where it is known

    @property
    def is_unknown(self) -> bool:
        """Whether the call may have been done all the same."""
        if self.way is Way.ANSWERED:
            return self.status >= 500
        return self.way not in _NEVER_SENT

    def __str__(self) -> str:
        status = f"HTTP {self.status}" if self.status else ""
        request = f"request {self.request_id}" if self.request_id else ""
        return ", ".join(filter(None, (self.code or self.way, status, request)))


def reduced(error: BaseException) -> Failure:
    """An exception of the SDK without its text."""
    for link in _chain(error):
        code, status = getattr(link, "code", None), getattr(link, "status_code", None)
        if isinstance(code, str) and isinstance(status, int):
            return _answered(link, code, status)
    return Failure(_way(error))


def _answered(error: BaseException, code: str, status: int) -> Failure:
    request, wait = getattr(error, "request_id", None), getattr(error, "retry_after", None)
    return Failure(
        Way.ANSWERED,
        code if _CODE.fullmatch(code) else "",
        status,
        request if isinstance(request, str) and _REQUEST.fullmatch(request) else "",
        wait / 1_000 if isinstance(wait, int) and 0 < wait < 3_600_000 else None,
    )


def _way(error: BaseException) -> Way:
    chain = list(_chain(error))
    kinds: tuple[tuple[type[BaseException], Way], ...] = (
        (CredentialException, Way.NO_LOGIN),  # whatever kept it from one
        (ssl.SSLError, Way.TLS),
        (ssl.CertificateError, Way.TLS),
        (aiohttp.ClientSSLError, Way.TLS),
        (socket.gaierror, Way.NAME),
        (aiohttp.ClientConnectorError, Way.CONNECT),
        (TimeoutError, Way.SILENT),
        (aiohttp.ServerDisconnectedError, Way.LOST),
        (OSError, Way.LOST),
    )
    return next((way for kind, way in kinds if any(isinstance(link, kind) for link in chain)), Way.MALFORMED)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception, those that it wraps, and those that it was raised upon."""
    waiting, seen = [error], set[int]()
    while waiting and len(seen) < _DEEPEST:
        link = waiting.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        wrapped = [getattr(link, name, None) for name in ("inner_exception", "certificate_error", "os_error")]
        waiting += [one for one in (*wrapped, link.__cause__, link.__context__) if isinstance(one, BaseException)]
