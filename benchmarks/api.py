"""The leanest client there is: one aiohttp session, orjson, so many requests in flight. The yardstick and the fleet's maker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import aiohttp
import orjson

from keyward.kube.connection import from_kubeconfig

Json = dict[str, Any]
T = TypeVar("T")
IN_FLIGHT: Final = 32


class RefusedError(Exception):
    """The API server did not do what it was asked for."""


@dataclass(frozen=True, slots=True)
class Api:
    """Sends; parses an answer only for who asks."""

    session: aiohttp.ClientSession

    async def send(self, method: str, path: str, body: Any, content_type: str = "application/json") -> bytes:
        """One request; the answer's bytes. Raises RefusedError."""
        async with self.session.request(
            method, path, data=orjson.dumps(body), headers={"Content-Type": content_type}
        ) as answer:
            text = await answer.read()
        if answer.status >= 300:
            raise RefusedError(f"{method} {path}: {answer.status} {text[:300].decode(errors='replace')}")
        return text

    async def get(self, path: str) -> Json:
        """One object or list. Raises RefusedError."""
        async with self.session.get(path) as answer:
            text = await answer.read()
        if answer.status >= 300:
            raise RefusedError(f"GET {path}: {answer.status}")
        found: Json = orjson.loads(text)
        return found


@asynccontextmanager
async def opened(kubeconfig: Path) -> AsyncIterator[Api]:
    """A session with TLS and the kubeconfig's client certificate."""
    facts = from_kubeconfig(str(kubeconfig))
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT, ssl=facts.ssl_context())
    async with aiohttp.ClientSession(facts.server, connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Api(session)


async def each(things: Iterable[T], work: Callable[[T], Awaitable[object]]) -> None:
    """Do `work` for all things, 32 at a time. Raises the first failure."""
    rest = iter(things)

    async def worker() -> None:
        for thing in rest:
            await work(thing)

    async with asyncio.TaskGroup() as group:
        for _ in range(IN_FLIGHT):
            group.create_task(worker())
