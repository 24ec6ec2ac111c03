"""When a stand-in does what it accepted: at once, some time later, once somebody has looked in vain, or when a test says so."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(eq=False, slots=True)
class _Accepted:
    """Something that is not done yet, to one account."""

    account: str
    work: Callable[[], None]
    timer: threading.Timer | None = None


class Unhurried:
    """What instances have in common whose accounts are changed some time after a call was accepted.

    `waits_for` says what has to come first. Time: `delay` seconds. A look: an answer that shows the account as not done. A word:
    `hurry`, which a test calls.
    """

    def __init__(self, delay: float = 0.0) -> None:
        self.delay = delay
        self.waits_for: Literal["time", "a look", "a word"] = "time"
        self.looks: Counter[str] = Counter()  # answers that showed an account as not done, by its name
        self.done: list[tuple[str, str]] = []  # (action, account) that was accepted
        self._lock = threading.RLock()
        self._waiting: list[_Accepted] = []

    @property
    def at_rest(self) -> bool:
        """Whether everything that was accepted is done."""
        return not self._waiting

    def unfinished(self) -> set[str]:
        """The accounts to which something is still to be done."""
        return {one.account for one in tuple(self._waiting)}

    def rest(self) -> None:
        """Until everything that takes its time is done."""
        for one in tuple(self._waiting):
            if one.timer is not None:
                one.timer.join(10)

    def hurry(self) -> None:
        """Do now what was accepted."""
        for one in tuple(self._waiting):
            self._do(one)

    def _later(self, action: str, account: str, work: Callable[[], None]) -> None:
        self.done.append((action, account))
        one = _Accepted(account, work)
        self._waiting.append(one)
        if self.waits_for != "time":
            return
        if not self.delay:
            self._do(one)
            return
        one.timer = threading.Timer(self.delay, self._do, [one])
        one.timer.daemon = True
        one.timer.start()

    def _do(self, one: _Accepted) -> None:
        with self._lock:
            if one not in self._waiting:
                return
            self._waiting.remove(one)
            if one.timer is not None:
                one.timer.cancel()
            one.work()

    def _looked(self, accounts: Iterable[str]) -> None:
        """An answer has shown these as they are."""
        names = set(accounts)
        for one in [one for one in self._waiting if one.account in names]:
            self.looks[one.account] += 1
            if self.waits_for == "a look":
                self._do(one)
