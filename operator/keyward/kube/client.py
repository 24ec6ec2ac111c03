"""The API server over one HTTP session: each call has a deadline, and each failure is one of our errors.

This is the hot path. Bodies are parsed once and handed on as they are; nothing is copied, retried or cached, and no
text of the server leaves this border.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from time import perf_counter
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
import orjson

from keyward.errors import Reason, Retry
from keyward.kube import answers
from keyward.kube.answers import Asked, NotFound
from keyward.kube.connection import Connection
from keyward.kube.kinds import Kind

Json = dict[str, Any]

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
MANAGER: Final = "keyward"
PAGE: Final = 100  # objects of one page of a list: a page of 500 is 10 MB while it is read

_METHODS: Final = {
    "get": "GET", "list": "GET", "watch": "GET", "create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """One finished call, for metrics. `code` 0: no answer came."""

    verb: str
    resource: str
    code: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `timeout` is in seconds and covers the wait for a connection, too."""

    asked: Asked
    body: bytes | None = None
    query: str = ""
    content_type: str = JSON
    accept: str = JSON
    timeout: float = 30.0

    @property
    def url(self) -> str:
        asked = self.asked
        # A subresource is created below its object's name, an object below nobody's.
        name = "" if asked.verb == "create" and not asked.subresource else asked.name
        path = asked.kind.path(asked.namespace, name, asked.subresource)
        return f"{path[1:]}?{self.query}" if self.query else path[1:]


def _ignore(_seen: Seen) -> None:
    pass


def _deaf(_date: str, _seconds: float) -> None:
    pass


class Client:
    """Verbs of the API. Use it as an async context manager; `limit` bounds the requests at once, streams come on top.

    `heard` is told the `Date` of each answer, and the seconds that it took.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        limit: int = 48,
        timeout: float = 30.0,
        observe: Callable[[Seen], None] = _ignore,
        heard: Callable[[str, float], None] = _deaf,
    ) -> None:
        self.connection = connection
        self._timeout, self._observe, self._heard = timeout, observe, heard
        self._turns = asyncio.Semaphore(limit)
        self._opened: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        # The pool itself must not make anybody wait: it gives a free connection to whoever asks first, not to who has waited
        # longest, and some of our workers would be passed by until their deadline.
        self._opened = self.connection.session(limit=0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()
            self._opened = None

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            raise Retry(Reason.API_UNAVAILABLE, "the API client is closed")
        return self._opened

    # --- verbs ---

    async def get(self, kind: Kind, namespace: str, name: str, *, accept: str = JSON) -> Json | None:
        """Read one object by a quorum read; None if it is not there."""
        try:
            return await self.request(Call(Asked("get", kind, namespace, name), accept=accept, timeout=self._timeout))
        except NotFound:
            return None

    async def create(self, kind: Kind, namespace: str, body: Json) -> Json:
        """POST. Raises AlreadyExists if the name is taken, NotFound if the namespace is not there."""
        asked = Asked("create", kind, namespace, body["metadata"].get("name", ""))
        return await self.request(self._write(asked, body))

    async def update(self, kind: Kind, namespace: str, name: str, body: Json) -> Json:
        """PUT: the object as a whole, with the resourceVersion that `body` carries."""
        return await self.request(self._write(Asked("update", kind, namespace, name), body))

    async def merge(self, asked: Asked, patch: Json) -> Json:
        """JSON merge patch; a resourceVersion in it makes it a compare-and-swap."""
        return await self.request(self._write(asked, patch, MERGE_PATCH))

    async def json_patch(self, asked: Asked, patch: list[Json]) -> Json:
        """JSON patch, all of it or nothing; raises Conflict where a `test` in it fails."""
        return await self.request(self._write(asked, patch, JSON_PATCH))

    async def delete(self, kind: Kind, namespace: str, name: str, preconditions: Json | None = None) -> bool:
        """Delete; False if it was not there. Raises Conflict where a precondition (uid, resourceVersion) fails."""
        options: Json = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if preconditions:
            options["preconditions"] = preconditions
        call = Call(Asked("delete", kind, namespace, name), orjson.dumps(options), timeout=self._timeout)
        try:
            await self.request(call)
        except NotFound:
            return False
        return True

    async def pages(
        self, kind: Kind, namespace: str = "", *, query: str = "", accept: str = JSON
    ) -> AsyncIterator[Json]:
        """List in pages of 100: each page as the server sent it. Raises WatchExpired if it took too long to read on."""
        more = ""
        while True:
            parts = [f"limit={PAGE}", *([query] if query else []), *([f"continue={more}"] if more else [])]
            call = Call(Asked("list", kind, namespace), None, "&".join(parts), accept=accept, timeout=self._timeout)
            page = await self.request(call)
            yield page
            more = page.get("metadata", {}).get("continue", "")
            if not more:
                return

    def _write(self, asked: Asked, body: Json | list[Json], content_type: str = JSON) -> Call:
        return Call(asked, orjson.dumps(body), f"fieldManager={MANAGER}", content_type, timeout=self._timeout)

    # --- the wire ---

    async def request(self, call: Call) -> Json:
        """One request and its answer, parsed.

        Raises:
            NotFound, AlreadyExists, Conflict: see `answers`.
            Retry: 429 (with `after`), 5xx, or no answer; the outcome of a write is then not known.
            Blocked: forbidden, invalid, or the kind is unknown.
        """
        started, code = perf_counter(), 0
        try:
            await self._turn(call)
            try:
                left = max(call.timeout - (perf_counter() - started), 0.001)
                async with self._send(call, aiohttp.ClientTimeout(total=left)) as response:
                    body = await response.read()
                    code = response.status
                    headers = response.headers
            finally:
                self._turns.release()
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise answers.unreachable(call.asked, timed_out=isinstance(error, TimeoutError)) from None
        finally:
            took = perf_counter() - started
            self._observe(Seen(call.asked.verb, call.asked.kind.resource, code, took))
        self._heard(headers.get("Date", ""), took)
        if code >= 400:
            raise answers.error(call.asked, code, headers, body)
        return parse(body, call.asked)

    async def _turn(self, call: Call) -> None:
        """Wait until it is our turn to ask. Raises TimeoutError."""
        if not self._turns.locked():
            await self._turns.acquire()
            return
        async with asyncio.timeout(call.timeout):
            await self._turns.acquire()

    async def stream(self, call: Call, silence: float) -> AsyncIterator[bytes]:
        """The lines of a watch, until the server ends it. `silence` in seconds without a byte is a Retry."""
        started, code = perf_counter(), 0
        try:
            async with self._send(call, aiohttp.ClientTimeout(total=None, connect=10, sock_read=silence)) as response:
                code = response.status
                if code >= 400:
                    raise answers.error(call.asked, code, response.headers, await response.read())
                async for line in _lines(response.content):
                    yield line
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise answers.unreachable(call.asked, timed_out=isinstance(error, TimeoutError)) from None
        finally:
            self._observe(Seen(call.asked.verb, call.asked.kind.resource, code, perf_counter() - started))

    def _send(self, call: Call, timeout: aiohttp.ClientTimeout) -> Any:
        headers = {"Accept": call.accept}
        if call.body is not None:
            headers["Content-Type"] = call.content_type
        return self._session.request(
            _METHODS[call.asked.verb],
            call.url,
            data=call.body,
            headers=headers,
            timeout=timeout,
            server_hostname=self.connection.server_name,
            allow_redirects=False,
        )


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    # Not readline(): it refuses lines of more than 128 KiB, and a CredentialVersion may have them.
    rest = b""
    async for chunk in content.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line:
                yield line
        # A burst that is in the buffer already must not keep everything else on the loop waiting.
        await asyncio.sleep(0)


def parse(body: bytes, asked: Asked) -> Json:
    """An answer's JSON object."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, dict):
        raise Retry(Reason.API_UNAVAILABLE, f"the API server's answer is not a JSON object ({asked})")
    return parsed
