"""Applications that read their Secret anew before each login, all the time, and say which logins were refused."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from tests.kills.api import decoded
from tests.kills.lives import Life

from keyward.errors import KeywardError
from keyward.kube.client import Client
from keyward.kube.connection import from_kubeconfig
from keyward.kube.kinds import SECRETS

_REFUSED = re.compile("authentication failed|not permitted to log in")
_PAUSE = 0.2
_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Refusal:
    """A login that the server refused: when its value was read and when it ended, in seconds of CLOCK_MONOTONIC."""

    name: str
    read: float
    ended: float
    text: str


class Unanswered(Exception):  # noqa: N818 - what a consumer meets, no fault of the test
    """No server said yes or no to a login."""


@dataclass(slots=True)
class Consumers:
    """What they saw. `logins` counts the good ones; `unanswered` those that no server answered."""

    kubeconfig: Path
    ca_file: Path
    logins: Counter[str] = field(default_factory=Counter)
    unanswered: Counter[str] = field(default_factory=Counter)
    refusals: list[Refusal] = field(default_factory=list)
    _held: dict[str, tuple[float, dict[str, str]]] = field(
        default_factory=dict
    )  # what a mounted file would hold, since when
    _lives: list[Life] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def at_work(self, lives: Iterable[Life]) -> Iterator[Consumers]:
        """For as long as the body runs."""
        self._lives = [life for life in lives if life.kin.logs_in]
        self._stop.clear()
        thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="consumers")
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join()

    def refused(self, life: Life) -> list[Refusal]:
        return [refusal for refusal in self.refusals if refusal.name == life.name]

    def without_a_login(self) -> list[str]:
        return [life.name for life in self._lives if not self.logins[life.name]]

    def never_refused(self) -> None:
        """Dual accounts: not one login was refused, and there were some."""
        dual = [life for life in self._lives if life.kin.is_dual]
        assert not [r for life in dual for r in self.refused(life)]
        assert not self.unanswered, self.unanswered
        assert all(self.logins[life.name] for life in dual), self.logins

    async def _run(self) -> None:
        async with (
            Client(from_kubeconfig(str(self.kubeconfig)), limit=_AT_ONCE) as client,
            asyncio.TaskGroup() as group,
        ):
            for first in range(_AT_ONCE):
                group.create_task(self._work(client, self._lives[first::_AT_ONCE]))

    async def _work(self, client: Client, lives: list[Life]) -> None:
        while not self._stop.is_set():
            for life in lives:
                await self._try(client, life)
                await asyncio.sleep(_PAUSE)
            await asyncio.sleep(_PAUSE)

    async def _try(self, client: Client, life: Life) -> None:
        asked = time.monotonic()
        try:
            item = await client.get(SECRETS, life.namespace, life.name)
        except KeywardError:
            pass  # a file stays as it is while the API server is away
        else:
            self._held[life.name] = asked, decoded(item) if item else {}
        read, secret = self._held.get(life.name, (asked, {}))
        if not secret:
            return
        try:
            refused = await self.log_in(life, secret)
        except Unanswered:
            self.unanswered[life.name] += 1
            return
        if refused:
            self.refusals.append(Refusal(life.name, read, time.monotonic(), refused))
        else:
            self.logins[life.name] += 1

    async def log_in(self, life: Life, secret: dict[str, str]) -> str:
        """What the server says when it refuses; empty if it lets them in. Raises Unanswered."""
        try:
            session = await psycopg.AsyncConnection.connect(
                host="127.0.0.1",
                port=life.port,
                dbname=life.database,
                user=secret["username"],
                password=secret["password"],
                sslmode="verify-full",
                sslrootcert=str(self.ca_file),
                connect_timeout=20,
                application_name="consumer",
            )
        except psycopg.Error as error:
            if _REFUSED.search(str(error)):
                return str(error)
            raise Unanswered from error
        await session.close()
        return ""
