"""One connection of the driver, which blocks, behind awaits: each call runs in a thread, and ends when its caller is cancelled.

A thread cannot be cancelled, but the connection under it can be shut down. It is never used again after that: what the
server made of the last statement is unknown.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from typing import Any, TypeVar

import pymysql

from keyward.engines.mysql import errors
from keyward.errors import KeywardError

T = TypeVar("T")
Row = tuple[Any, ...]
Params = Sequence[Any] | Mapping[str, Any] | None
_THREADS = 64  # at most so many statements wait for servers at once


@cache
def _pool() -> ThreadPoolExecutor:
    # Not the loop's own pool: servers that answer slowly must not hold up sealing and opening.
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="keyward-mysql")


async def in_thread(work: Callable[[], T]) -> T:
    """Run it in one of our threads."""
    return await asyncio.get_running_loop().run_in_executor(_pool(), work)


class Wire:
    """A logged-in connection. `spare` is a second handle on its socket, by which it is shut down."""

    def __init__(self, driver: pymysql.Connection[Any], spare: socket.socket) -> None:
        self._driver, self._spare = driver, spare
        self.lost = False

    async def rows(self, statement: str, params: Params = None, *, setting_password: bool = False) -> list[Row]:
        """All rows of a statement; `params` fill its %s, and without them a % is a %.

        Raises:
            KeywardError: as of the server's answer, without its text. After one that tells of a lost connection, `lost` is
                set.
        """
        failure: KeywardError
        try:
            return await in_thread(lambda: self._run(statement, params))
        except Exception as error:  # noqa: BLE001 - an answer that the driver does not understand makes it fail in any way
            self.lost = self.lost or errors.is_lost(error)
            failure = errors.of_statement(error, setting_password=setting_password)
        except BaseException:
            self.abort()
            raise
        raise failure

    def _run(self, statement: str, params: Params) -> list[Row]:
        with self._driver.cursor() as cursor:
            cursor.execute(statement, params)
            return list(cursor.fetchall())

    def abort(self) -> None:
        """Shut it down at once; a thread that waits on it ends."""
        self.lost = True
        with suppress(OSError):
            self._spare.shutdown(socket.SHUT_RDWR)

    async def close(self) -> None:
        """Say goodbye, if there is anybody to say it to."""
        if not self.lost:
            with suppress(Exception):
                await in_thread(self._driver.close)
        self.abort()
        self._spare.close()
