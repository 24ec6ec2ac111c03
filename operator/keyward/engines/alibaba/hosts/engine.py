"""Users of Linux hosts of the cloud: changed through Cloud Assistant, proven by logins through SSH."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Final

from keyward.engines.alibaba.calls import Caller
from keyward.engines.alibaba.failures import Failure
from keyward.engines.alibaba.hosts.commands import Commands, Memory
from keyward.engines.alibaba.hosts.errors import translate
from keyward.engines.alibaba.hosts.sdk import Instance
from keyward.engines.alibaba.hosts.session import HostSession
from keyward.engines.alibaba.hosts.shell import CommandShell
from keyward.engines.base import AdminSession, Endpoint, Expectation, Login, Place
from keyward.engines.ssh import errors as at_host
from keyward.engines.ssh.connect import Way
from keyward.engines.ssh.engine import SSH
from keyward.errors import Blocked, KeywardError, Reason, Retry

LINUX: Final = "Linux"
_CALL_SECONDS: Final = 10.0
_LOGIN_SECONDS: Final = 12.0


class LinuxHost:
    """Implements `Engine`; its sessions are `OverlapSession`s."""

    name = "AlibabaCloud/Linux"

    def __init__(self) -> None:
        self._wire = SSH()
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
            return await self._shell(Way(place, endpoint, admin, _CALL_SECONDS, admin=True))

        return await self._wire.prove(way, expect, looking)

    async def _shell(self, way: Way) -> CommandShell:
        commands = await reached(way, LINUX, self._memory)
        return CommandShell(way, commands)


async def reached(way: Way, system: str, memory: Memory) -> Commands:
    """Commands on the instance of this place, if Cloud Assistant answers there, and runs on this system.

    Raises:
        Retry, Blocked: it does not, or the admin may not ask.
    """
    cloud = way.place.cloud
    assert cloud is not None
    instance = Instance(Caller(way.place, way.login, _CALL_SECONDS, chain=cloud.default_chain))
    failure: KeywardError
    try:
        found = await instance.assistant()
    except Failure as error:
        failure = translate(error)
    else:
        if found is None:
            text = "spec.ecs.openApi: the region has no such instance, or it is not shown to the admin login: correct one of them"
            failure = Blocked(Reason.INVALID_SPEC, text)
        elif not found.answers:
            text = "Cloud Assistant does not answer on the instance: see that it is running, and its agent installed and started"
            failure = Retry(Reason.UNREACHABLE, text)
        elif found.system and found.system != system:
            failure = Blocked(
                Reason.INVALID_SPEC, f"spec.ecs.engine: the instance runs {found.system}, not {system}: correct it"
            )
        else:
            return Commands(instance, memory)
    raise at_host.at(way.endpoint, failure)
