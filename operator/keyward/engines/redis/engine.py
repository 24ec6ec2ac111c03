"""The engine: admin sessions at every node of a system, and logins that are proven with fresh connections."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from keyward.engines.base import AdminSession, Endpoint, Expectation, Login, Place, Topology
from keyward.engines.deadline import within
from keyward.engines.pernode import NodeWatch
from keyward.engines.redis.connect import Way
from keyward.engines.redis.nodes import opened
from keyward.engines.redis.session import Session
from keyward.engines.redis.verify import verify
from keyward.engines.redis.watch import SECONDS, Watch
from keyward.errors import Reason, Retry

_VERIFY_SECONDS: Final = 15.0


class Redis:
    """Implements `Engine`, and `PerNode`: accounts are kept by each node for itself."""

    name = "Redis"

    def open(self, place: Place, admin: Login, timeout: float) -> AbstractAsyncContextManager[AdminSession]:
        return _open(Way(place, admin, timeout, admin=True))

    async def verify(self, place: Place, endpoint: Endpoint, login: Login, expect: Expectation) -> None:
        try:
            await within(_VERIFY_SECONDS, verify(Way(place, login, _VERIFY_SECONDS / 3), endpoint, expect))
        except TimeoutError:
            pass
        else:
            return
        raise Retry(Reason.TIMEOUT, f"{endpoint} did not answer within {_VERIFY_SECONDS:g} s")

    async def nodes(self, place: Place, login: Login) -> tuple[Endpoint, ...]:
        """See `PerNode`."""
        if place.topology is Topology.STANDALONE:
            return place.endpoints
        async with opened(Way(place, login, _VERIFY_SECONDS / 3)) as found:
            return (*place.endpoints, *(e for e in found.endpoints if e not in place.endpoints))

    def watch(self, place: Place, admin: Login) -> AbstractAsyncContextManager[NodeWatch]:
        """See `PerNode`."""
        return _watching(Way(place, admin, SECONDS, admin=True))


@asynccontextmanager
async def _watching(way: Way) -> AsyncIterator[NodeWatch]:
    watch = Watch(way)
    try:
        yield watch
    finally:
        await watch.close()


@asynccontextmanager
async def _open(way: Way) -> AsyncIterator[AdminSession]:
    async with opened(way) as nodes:
        yield Session(nodes, way.login.account, way.seconds)
