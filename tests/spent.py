"""Says now and then, while tests run, how long they have run: their dots do not tell it.

A line on a terminal each twenty seconds, elsewhere each minute, where it stays in a log.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

_TERMINAL_SECONDS, _LINE_SECONDS = 20.0, 60.0


class Spent:
    """Of several processes, this one hands the tests out and is told of each that ended."""

    def __init__(self, reporter: pytest.TerminalReporter, clock: Callable[[], float] = time.monotonic) -> None:
        self._reporter, self._clock = reporter, clock
        self._pause = _TERMINAL_SECONDS if reporter.isatty else _LINE_SECONDS
        self._began = self._told = clock()

    def pytest_runtest_logfinish(self) -> None:
        now = self._clock()
        if now - self._told >= self._pause:
            self._told = now
            minutes, seconds = divmod(int(now - self._began), 60)
            self._reporter.write_line(f" {minutes}:{seconds:02} min")
