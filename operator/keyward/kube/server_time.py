"""The API server's time, by the `Date` of its answers: one clock for all that is recorded, whichever node the operator runs on.

The header tells whole seconds (RFC 9110 §5.6.7), and an answer takes its time. A clock that agrees as far as that is left alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


class ServerTime:
    """This machine's clock, moved by what the API server's answers prove that it is off, and by no more."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._date, self._told = "", 0.0  # the last header, and the Unix time that it tells
        self.offset = 0.0  # seconds that this machine's clock is behind

    def __call__(self) -> datetime:
        """Now, aware, in UTC."""
        return datetime.fromtimestamp(self._clock() + self.offset, UTC)

    def heard(self, date: str, seconds: float) -> None:
        """An answer came with this `Date`, so many seconds after it was asked for."""
        if not date:
            return
        if date != self._date:
            try:
                self._date, self._told = date, parsedate_to_datetime(date).timestamp()
            except ValueError:
                return  # not a date
        received = self._clock()
        # It was written between the question and the answer, in the second that begins at `told`.
        least, most = self._told - received, self._told + 1 - (received - seconds)
        self.offset = min(max(self.offset, least), most)
