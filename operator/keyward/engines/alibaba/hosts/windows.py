"""Users of Windows hosts: their passwords, set and proven on the machine itself, by commands of Cloud Assistant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from keyward.engines.alibaba.errors import FIELD
from keyward.engines.alibaba.hosts import powershell
from keyward.engines.alibaba.hosts.commands import Memory
from keyward.engines.alibaba.hosts.parameters import Parameters, Step
from keyward.engines.alibaba.hosts.reach import caller, reached
from keyward.engines.alibaba.hosts.windows_session import WINDOWS, WindowsSession, answer_of, role_of
from keyward.engines.base import AdminSession, Endpoint, Expectation, Login, Place
from keyward.engines.deadline import within
from keyward.errors import Blocked, Reason, Retry

ON_HOST: Final = "OnHost"
"""What proves a value in place of a login from here."""
_VERIFY_SECONDS: Final = 30.0


class WindowsHost:
    """Implements `Engine`."""

    name = "AlibabaCloud/Windows"

    def __init__(self) -> None:
        self._memory = Memory()

    def open(self, place: Place, admin: Login, timeout: float) -> AbstractAsyncContextManager[AdminSession]:
        return self._open(place, admin, timeout)

    @asynccontextmanager
    async def _open(self, place: Place, admin: Login, seconds: float) -> AsyncIterator[WindowsSession]:
        called = caller(place, admin, seconds)
        yield WindowsSession(await reached(called, WINDOWS, self._memory), Parameters(called), seconds)

    async def verify(self, place: Place, endpoint: Endpoint, login: Login, expect: Expectation) -> str | None:  # noqa: ARG002 - no login comes from here
        try:
            return await within(_VERIFY_SECONDS, self._verify(place, login, expect))
        except TimeoutError:
            pass
        raise Retry(Reason.TIMEOUT, f"{FIELD}the cloud did not answer within {_VERIFY_SECONDS:g} s")

    async def _verify(self, place: Place, login: Login, expect: Expectation) -> str:
        assert expect.admin is not None
        if not login.password.reveal():
            raise Blocked(Reason.LOGIN_REFUSED, "an empty password is none that the cloud would carry")
        called = caller(place, expect.admin)
        commands, parameters = await reached(called, WINDOWS, self._memory), Parameters(called)
        await role_of(commands.instance)
        async with Step(parameters, self._memory, expect.version or login.account, login.password) as step:
            said = await commands.look(step.script(powershell.prove(login.account, step.name)))
        answer = answer_of(said)
        if answer.status == 0:
            return ON_HOST
        where, user = commands.instance.id, login.account
        if answer.status == powershell.SHUT:
            text = f"{where}: user {user!r} is disabled, locked or expired, or has to change its password"
            raise Blocked(Reason.ACCOUNT_DISABLED, text)
        if answer.status == powershell.MISSING:
            raise Blocked(Reason.LOGIN_REFUSED, f"{where}: the host has no user {user!r}")
        if answer.status == powershell.WRONG:
            raise Blocked(Reason.LOGIN_REFUSED, f"{where}: the login of user {user!r} was refused")
        raise Retry(Reason.CLOUD_REFUSED, f"{where}: the login could not be tried on the host (code {answer.number})")
