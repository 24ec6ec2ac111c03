"""What went over the wire to a database during one rotation, so that the driver alone can send the same again.

The yardstick of a rotation's overhead: the same connects with the same settings, the same statements in the same order, the
same rows fetched, the verifier of the password made by libpq, and nothing between them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar
from unittest import mock

import psycopg


@dataclass(slots=True)
class Script:
    """Connects, statements and closes, in their order."""

    events: list[tuple[str, int, Any, Any]] = field(default_factory=list)
    connections: int = 0

    @property
    def statements(self) -> int:
        return sum(kind == "execute" for kind, *_ in self.events)

    async def play(self) -> None:
        """All of it once, by the driver alone."""
        opened: dict[int, psycopg.AsyncConnection[Any]] = {}
        try:
            for kind, number, what, params in self.events:
                if kind == "connect":
                    opened[number] = await psycopg.AsyncConnection.connect(**what)
                elif kind == "execute":
                    await _execute(opened[number], what, params)
                else:
                    await opened.pop(number).close()
        finally:
            for connection in opened.values():
                await connection.close()


async def _execute(connection: psycopg.AsyncConnection[Any], statement: Any, params: Any) -> None:
    if "PASSWORD 'SCRAM-SHA-256$" in _text(statement):
        # Whoever sets a password makes a verifier of it first: libpq's own way, at the same cost of iterations.
        connection.pgconn.encrypt_password(b"a password of the usual length..", b"orders", b"scram-sha-256")
    cursor = await connection.execute(statement, params)
    if cursor.description:
        await cursor.fetchall()


def _text(statement: Any) -> str:
    return statement if isinstance(statement, str) else str(statement.as_string(None))


class _Recording(psycopg.AsyncConnection[Any]):
    """Writes down what it is asked for."""

    script: ClassVar[Script]
    number = 0

    @classmethod
    async def connect(cls, conninfo: str = "", **settings: Any) -> Any:
        made = await super().connect(conninfo, **settings)
        cls.script.connections += 1
        made.number = cls.script.connections
        cls.script.events.append(("connect", made.number, settings, None))
        return made

    async def execute(self, query: Any, params: Any = None, **settings: Any) -> Any:
        self.script.events.append(("execute", self.number, query, params))
        return await super().execute(query, params, **settings)

    async def close(self) -> None:
        self.script.events.append(("close", self.number, None, None))
        await super().close()


@contextmanager
def recording() -> Iterator[Script]:
    """Everything that is sent by psycopg within the body."""
    script = Script()
    with mock.patch.object(psycopg, "AsyncConnection", type("Recording", (_Recording,), {"script": script})):
        yield script
