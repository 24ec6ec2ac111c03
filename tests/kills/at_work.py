"""A cloud that is still at work on what a killed operator sent, when the next one starts."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.cloud.pace import Unhurried
from tests.kills.lives import Life
from tests.kills.points import Point
from tests.kills.process import Operator, until_nothing_is_left
from tests.kills.stage import Stage

_CALLS = ("create", "delete", "grant", "revoke", "reset", "modify_account_password")
_WAITS = ("False Busy", "False PropagationTimeout")
_LOOKS = 1


def leaves_it_at_work(point: Point) -> bool:
    """Whether the cloud has just accepted something when somebody stands there."""
    call = point.name.removeprefix("call ")
    return point.is_after and call != point.name and call.startswith(_CALLS)


class CloudStage(Stage):
    """A stage in a cloud that can be made to take its time."""

    takes_its_time = False

    @abstractmethod
    def unhurried(self) -> list[Unhurried]:
        """What there is of the cloud."""

    @property
    def waits_for(self) -> Literal["time", "a look"]:
        """What an instance shall wait for that is made now."""
        return "a look" if self.takes_its_time else "time"

    @contextmanager
    def taking_its_time(self) -> Iterator[None]:
        """Within, the cloud does nothing that it accepts before somebody has looked for it in vain."""
        self._be(takes_its_time=True)
        try:
            yield
        finally:
            self._be(takes_its_time=False)

    def _be(self, *, takes_its_time: bool) -> None:
        self.takes_its_time = takes_its_time
        for one in self.unhurried():
            one.waits_for = self.waits_for
            one.hurry()

    @contextmanager
    def unfinished(self, operator: Operator, lives: list[Life]) -> Iterator[None]:
        """See `Stage`."""
        if not self.takes_its_time:
            yield
            return
        with AtWork(self, operator, self.unhurried(), lives).met():
            yield


@dataclass(slots=True)
class AtWork:
    """What is left to do for these lives, each of which died right after a call that was accepted."""

    stage: Stage
    operator: Operator
    there: list[Unhurried]
    lives: list[Life]
    _sent: list[tuple[str, str]] = field(default_factory=list)

    @contextmanager
    def met(self) -> Iterator[None]:
        """The body starts an operator. It looks, says what it waits for, and sends nothing; so does the one after it."""
        self._wait_for("a word")
        self._sent = self._accepted()
        assert not [life.name for life in self.lives if not self._unfinished(life)], "died when nothing was left to do"
        yield
        self._is_waited_for()
        self.operator.kill()
        self.operator.start()
        self._is_waited_for()
        assert self._accepted() == self._sent
        self._wait_for("a look")

    def _is_waited_for(self) -> None:
        before = self._looks()
        until_nothing_is_left("looks in vain", lambda: self._unseen(before))
        until_nothing_is_left("the word for it", self._not_told)

    def _wait_for(self, what: Any) -> None:
        for one in self.there:
            one.waits_for = what

    def _unfinished(self, life: Life) -> set[str]:
        return {name for one in self.there for name in one.unfinished() & {*life.accounts}}

    def _accepted(self) -> list[tuple[str, str]]:
        """Calls, by account, that were for these lives."""
        accounts = {name for life in self.lives for name in life.accounts}
        return [call for one in self.there for call in list(one.done) if call[1] in accounts]

    def _looks(self) -> dict[str, int]:
        """How often each life was looked at in vain."""
        return {life.name: sum(one.looks[name] for one in self.there for name in life.accounts) for life in self.lives}

    def _unseen(self, before: dict[str, int]) -> list[str]:
        return [name for name, looks in self._looks().items() if looks < before[name] + _LOOKS]

    def _not_told(self) -> dict[str, Any]:
        found = {name: look["credential"] for name, look in self.stage.looks(self.lives).items()}
        return {
            name: told
            for name, told in found.items()
            if told is None or told["failures"] or not told["conditions"].get("Rotated", "").startswith(_WAITS)
        }
