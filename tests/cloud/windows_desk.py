"""A Windows instance with one user, and the calls of the engine in the order of the executor. No PowerShell is run."""

from __future__ import annotations

import itertools
from contextlib import asynccontextmanager

import pytest
from tests.cloud.hosts import mark
from tests.cloud.windows import Person

from keyward.engines import registry
from keyward.engines.base import AccountSet, Change, Endpoint, Expectation, Login, Place
from keyward.engines.guard import guarded
from keyward.errors import KeywardError
from keyward.sensitive import Sensitive

USER = "Administrator"
ACCOUNTS = AccountSet((USER,), created=False)
FIRST, NEW = Sensitive("Of-a-person-1"), Sensitive("Correct-horse_7")
_numbers = itertools.count(1, 10)


class Desk:
    """A Windows instance with one user, and the engine that reaches it."""

    def __init__(self, cloud) -> None:
        self.cloud, self.ecs, self.oos, self.host = cloud, cloud.ecs, cloud.oos, cloud.ecs.host
        self.ecs.role = "keyward-reader"
        self.host.people[USER] = Person(FIRST.reveal_text())
        self.place = Place((Endpoint("10.0.0.9", 3389),), "", cloud=cloud.api)
        self._number = next(_numbers)
        self.version = mark(self._number)
        self.start_anew()

    def start_anew(self) -> None:
        """As a process that has just started."""
        self.engine = guarded(registry.get("AlibabaCloud/Windows"))

    @asynccontextmanager
    async def opened(self):
        async with self.engine.open(self.place, self.cloud.admin, 20.0) as session:
            yield session

    async def apply(self, value: Sensitive = NEW, send=None) -> None:
        async with self.opened() as session:
            seen = await session.inspect(ACCOUNTS)
            await session.check(ACCOUNTS, seen)
            await session.apply(Change(USER, value, ACCOUNTS, seen, {USER: self.version}), send or nothing)

    async def verify(self, value: Sensitive = NEW) -> str | None:
        expect = Expectation(ACCOUNTS, admin=self.cloud.admin, version=self.version)
        return await self.engine.verify(self.place, self.place.primary, Login(USER, value), expect)

    @property
    def password(self) -> str:
        return self.host.people[USER].password

    def next_version(self) -> None:
        self._number += 1
        self.version = mark(self._number)


async def nothing() -> None:
    return None


async def refused(work) -> KeywardError:
    with pytest.raises(KeywardError) as caught:
        await work
    assert caught.value.__cause__ is None
    assert "leaky" not in str(caught.value)
    return caught.value


def changes(script: str) -> bool:
    return "Set-LocalUser" in script


def proves(script: str) -> bool:
    return "Add-Type" in script and not changes(script)
