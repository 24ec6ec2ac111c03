"""A superuser's session that is kept from statement to statement: to log in costs more than most statements do."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Kept:
    """At most one idle session. Whoever comes while it is taken has one of his own, which is closed afterwards."""

    def __init__(self, connect: Callable[[], Any], is_lost: Callable[[Any, Exception], bool]) -> None:
        self._connect, self._is_lost = connect, is_lost
        self._idle: list[Any] = []

    def run(self, work: Callable[[Any], T]) -> T:
        """Do it on a session; on a new one if the kept one was lost meanwhile, as in a restart of the server."""
        session = self._taken()
        if session is not None:
            try:
                return self._done(session, work)
            except Exception as error:
                if not self._is_lost(session, error):
                    raise
        return self._done(self._connect(), work)

    def drop(self) -> None:
        """Close the idle one."""
        while self._idle:
            self._close(self._idle.pop())

    def _taken(self) -> Any:
        try:
            return self._idle.pop()
        except IndexError:  # another thread was faster
            return None

    def _done(self, session: Any, work: Callable[[Any], T]) -> T:
        try:
            found = work(session)
        except BaseException:
            self._close(session)
            raise
        if self._idle:
            self._close(session)
        else:
            self._idle.append(session)
        return found

    def _close(self, session: Any) -> None:
        with contextlib.suppress(Exception):  # it may be gone already
            session.close()
