"""The engine: a shell of root for changes, and logins that are proven with fresh connections."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from keyward.engines.base import AdminSession, Endpoint, Expectation, Login, Place, Transport
from keyward.engines.deadline import within
from keyward.engines.overlap import OverlapSession
from keyward.engines.ssh.connect import Way
from keyward.engines.ssh.probes import Probes
from keyward.engines.ssh.session import Session
from keyward.engines.ssh.shell import Shell, opened
from keyward.engines.ssh.verify import Admin, by_login, verify
from keyward.errors import Blocked, Reason, Retry

_VERIFY_SECONDS: Final = 30.0
_LOGIN_SECONDS: Final = 12.0


class SSH:
    """Implements `Engine`; its sessions are `OverlapSession`s."""

    name = "Linux"

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._probes = Probes(clock)

    def open(self, place: Place, admin: Login, timeout: float) -> AbstractAsyncContextManager[AdminSession]:
        return self._open(Way(place, place.primary, admin, timeout, admin=True))

    @asynccontextmanager
    async def _open(self, way: Way) -> AsyncIterator[OverlapSession]:
        shell = await self._as_admin(way)
        try:
            yield Session(shell, way.place.transport is Transport.PLAINTEXT)
        finally:
            await shell.close()

    async def _as_admin(self, way: Way) -> Shell:
        """As `opened`; a login that was refused is not tried again by each Credential of the host."""
        held = self._probes.refused(way.endpoint, way.login)
        if held is not None:
            raise held
        try:
            return await opened(way)
        except Blocked as error:
            if error.reason is Reason.ADMIN_LOGIN_REFUSED:
                self._probes.refuse(way.endpoint, way.login, error)
            raise

    async def verify(self, place: Place, endpoint: Endpoint, login: Login, expect: Expectation) -> str | None:
        way = Way(place, endpoint, login, _LOGIN_SECONDS)
        return await self.prove(way, expect, lambda: by_login(way, expect, self._as_admin))

    async def prove(self, way: Way, expect: Expectation, admin: Admin) -> str | None:
        """As `verify`, where the admin looks at the host in a way of its own."""
        endpoint = way.endpoint
        try:
            return await within(_VERIFY_SECONDS, verify(way, expect, self._probes, admin))
        except TimeoutError:
            pass
        raise Retry(Reason.TIMEOUT, f"{endpoint} did not answer within {_VERIFY_SECONDS:g} s")
