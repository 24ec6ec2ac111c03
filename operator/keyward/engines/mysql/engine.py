"""The engines: they open admin sessions on a writable primary, and prove logins with fresh ones on any endpoint."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from keyward.engines.base import AdminSession, Endpoint, Expectation, Login, Place
from keyward.engines.deadline import within
from keyward.engines.mysql import proof
from keyward.engines.mysql.connect import Goal, connect
from keyward.engines.mysql.flavour import Flavour
from keyward.engines.mysql.greeting import greet
from keyward.engines.mysql.session import Session
from keyward.errors import Reason, Retry

_VERIFY_SECONDS: Final = 15.0


class _Family:
    """What both engines do."""

    def __init__(self, flavour: Flavour) -> None:
        self.name = flavour.value
        self._flavour = flavour

    def open(self, place: Place, admin: Login, timeout: float) -> AbstractAsyncContextManager[AdminSession]:
        return _open(self._flavour, Goal(place, place.primary, admin, timeout, admin=True))

    async def verify(self, place: Place, endpoint: Endpoint, login: Login, expect: Expectation) -> None:
        goal = Goal(place, endpoint, login, _VERIFY_SECONDS, database=place.database or None)
        try:
            await within(_VERIFY_SECONDS, proof.prove(self._flavour, goal, expect))
        except TimeoutError:
            pass
        else:
            return
        raise Retry(Reason.TIMEOUT, f"{goal.name} did not answer within {_VERIFY_SECONDS:g} s")


class MySQL(_Family):
    """Implements `Engine`, for 5.7.8 and newer."""

    def __init__(self) -> None:
        super().__init__(Flavour.MYSQL)


class MariaDB(_Family):
    """Implements `Engine`, for 10.4.3 and newer."""

    def __init__(self) -> None:
        super().__init__(Flavour.MARIADB)


@asynccontextmanager
async def _open(stated: Flavour, goal: Goal) -> AsyncIterator[AdminSession]:
    wire = await connect(goal)
    late = False
    try:
        try:
            server = await within(goal.timeout, greet(wire, stated, goal.timeout))
        except TimeoutError:
            late = True
        if late:
            raise Retry(Reason.TIMEOUT, f"{goal.name} did not answer within {goal.timeout:g} s")
        yield Session(wire, goal, server)
    finally:
        await wire.close()
