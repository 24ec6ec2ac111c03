"""What goes wrong, and when: named by the effect that it hits or by the time that it lasts.

Effects are counted through a whole scenario, so that a search can hit the n-th one of a run without faults.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from keyward.errors import Reason, Retry, Unsettled


class Killed(BaseException):
    """The process is gone: nothing after this happens, whatever `finally` says."""


class Kind(StrEnum):
    KILL_BEFORE = "kill before"
    KILL_AFTER = "kill after"
    ANSWER_LOST = "answer lost"  # done, but an error came back
    REQUEST_LOST = "request lost"  # not done, and the same error came back
    LATE = "late"  # not done when the error came back, but some time afterwards


class Side(StrEnum):
    API = "api"
    ENGINE = "engine"


@dataclass(frozen=True)
class Hit:
    """A fault at the n-th effect of the run, counted from 0."""

    kind: Kind
    index: int
    delay: timedelta = timedelta(seconds=1)  # of what comes late


@dataclass(frozen=True)
class Outage:
    """One side answers nothing from `start` until `end`."""

    side: Side
    start: datetime
    end: datetime

    def hits(self, side: Side, now: datetime) -> bool:
        return self.side is side and self.start <= now < self.end


@dataclass
class Faults:
    hits: tuple[Hit, ...] = ()
    outages: tuple[Outage, ...] = ()
    asked: list[tuple[Side, datetime, bool]] = field(default_factory=list)  # which calls an outage could hit, and did
    trace: list[str] = field(default_factory=list)  # names of the effects so far
    moments: list[tuple[str, Callable[[], object]]] = field(
        default_factory=list
    )  # what people do right before an effect

    def unavailable(self, side: Side, now: datetime) -> bool:
        if not self.outages:
            return False
        found = any(outage.hits(side, now) for outage in self.outages)
        self.asked.append((side, now, found))
        return found

    def at_index(self, index: int, act: Callable[[], object]) -> None:
        """Something happens right before the n-th effect."""
        self.moments.append((f"#{index}", act))

    def next_effect(self, name: str) -> Hit | None:
        index = len(self.trace)
        self.trace.append(name)
        for moment in [m for m in self.moments if name.startswith(m[0]) or m[0] == f"#{index}"]:
            self.moments.remove(moment)
            moment[1]()
        return next((h for h in self.hits if h.index == index), None)


def lost(side: Side, *, sent: bool = True) -> Retry:
    """The error that ports raise when an answer does not come."""
    if side is Side.ENGINE and sent:
        return Unsettled(Reason.UNKNOWN_OUTCOME, "sent, and no answer came")
    reason = Reason.UNREACHABLE if side is Side.ENGINE else Reason.API_UNAVAILABLE
    return Retry(reason, "no answer came")


class Switch:
    """A point at which another controller may run: awaiting it suspends once, and only where somebody interleaves."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __await__(self) -> Generator[str, None, None]:
        yield self.name
