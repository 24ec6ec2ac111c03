"""The session of a server's superuser that is kept from one statement to the next: a login costs more than most statements."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any


class Kept:
    """At most one session, idle. Who takes it has it alone: threads that work at once get one each."""

    def __init__(self) -> None:
        self._idle: list[tuple[Any, int]] = []

    @contextmanager
    def lent(self, connect: Callable[[], Any], descriptor: Callable[[Any], int]) -> Iterator[Any]:
        """It, or a new one. One in which anything failed is kept no more."""
        session, number = self._taken() or _opened(connect, descriptor)
        try:
            yield session
        except BaseException:
            session.close()
            raise
        if self._idle:
            session.close()
        else:
            self._idle.append((session, number))

    def end(self) -> None:
        """Before its server stops."""
        while self._idle:
            _close(self._idle.pop()[0])

    def _taken(self) -> tuple[Any, int] | None:
        with suppress(IndexError):
            session, number = self._idle.pop()
            if not _has_news(number):
                return session, number
            _close(session)
        return None


def _opened(connect: Callable[[], Any], descriptor: Callable[[Any], int]) -> tuple[Any, int]:
    session = connect()
    return session, descriptor(session)


def _has_news(number: int) -> bool:
    """A server says nothing to an idle session but that it is over."""
    look = select.poll()
    look.register(number, select.POLLIN)
    return bool(look.poll(0))


def _close(session: Any) -> None:
    with suppress(Exception):  # the server may have ended it
        session.close()
