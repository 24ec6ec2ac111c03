"""Users of Linux hosts of the cloud: changed through Cloud Assistant, proven by logins through SSH."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Final

from keyward.engines.alibaba.hosts.commands import Memory
from keyward.engines.alibaba.hosts.reach import caller, reached
from keyward.engines.alibaba.hosts.session import HostSession
from keyward.engines.alibaba.hosts.shell import CommandShell
from keyward.engines.base import AdminSession, Endpoint, Expectation, Login, Place
from keyward.engines.ssh.connect import Way
from keyward.engines.ssh.engine import SSH

LINUX: Final = "Linux"
_LOGIN_SECONDS: Final = 12.0


class LinuxHost:
    """Implements `Engine`; its sessions are `OverlapSession`s."""

    name = "AlibabaCloud/Linux"

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._wire = SSH(clock)
        self._memory = Memory()

    def open(self, place: Place, admin: Login, timeout: float) -> AbstractAsyncContextManager[AdminSession]:
        return self._open(Way(place, place.primary, admin, timeout, admin=True))

    @asynccontextmanager
    async def _open(self, way: Way) -> AsyncIterator[HostSession]:
        yield HostSession(await self._shell(way))

    async def verify(self, place: Place, endpoint: Endpoint, login: Login, expect: Expectation) -> str | None:
        way = Way(replace(place, cloud=None), endpoint, login, _LOGIN_SECONDS)
        admin = expect.admin

        async def looking() -> CommandShell | None:
            if admin is None:
                return None
            return await self._shell(Way(place, endpoint, admin, _LOGIN_SECONDS, admin=True))

        return await self._wire.prove(way, expect, looking)

    async def _shell(self, way: Way) -> CommandShell:
        return CommandShell(way, await reached(caller(way.place, way.login, way.seconds), LINUX, self._memory))
