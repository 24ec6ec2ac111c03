"""Which points there are, found by leading lives that nobody disturbs."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from tests.kills.lives import AGAIN, BACK, LEAK, ROTATION, Event, Life, Tale
from tests.kills.points import NOBODY, Passed, Point
from tests.kills.process import Operator, until, until_nothing_is_left
from tests.kills.stage import Stage

Json = dict[str, Any]
Keeps = Callable[[Point], bool]
TWINS = 2
COMMANDS = (ROTATION, AGAIN, BACK, LEAK)
_QUIET = 1.0


@dataclass(slots=True)
class Record:
    """How one event goes if nothing comes between: the points in their order, and what is there at its end.

    `passages` are all, also those of which several are one point.
    """

    points: list[Point] = field(default_factory=list)
    end: Json = field(default_factory=dict)
    passages: list[Point] = field(default_factory=list)


@dataclass(slots=True)
class Chronicle:
    """How each tale goes. `beside` is what the operator passes on behalf of nobody in particular."""

    records: dict[tuple[Tale, Event], Record] = field(default_factory=dict)
    beside: list[Point] = field(default_factory=list)

    def of(self, tale: Tale, event: Event) -> Record:
        return self.records[tale, event]

    @property
    def tales(self) -> tuple[Tale, ...]:
        return tuple(dict.fromkeys(tale for tale, _ in self.records))

    def only(self, keeps: Keeps) -> Chronicle:
        """The same with these passages for points; in an event that has none of them nobody is killed."""
        found = Chronicle(beside=self.beside)
        for tale in self.tales:
            kept = {event: [p for p in self.of(tale, event).passages if keeps(p)] for event in tale.events}
            less = replace(tale, swept=tuple(event for event in tale.swept if kept[event]))
            found.records |= {(less, event): replace(self.of(tale, event), points=kept[event]) for event in tale.events}
        return found


def every(_point: Point) -> bool:
    """Where nothing comes at moments of its own."""
    return True


def everybodys(point: Point) -> bool:
    """What the status says comes at moments of its own, and a Target is approved once, for whoever comes first."""
    return point.step != "patch secrets" and (point.step != "status" or point.nth == 1)


def discover(stage: Stage, operator: Operator, tales: Iterable[Tale], keeps: Keeps = every) -> Chronicle:
    """Live through each tale twice, all side by side. Twins have to agree on how it went."""
    chronicle = Chronicle()
    until("its start", lambda: operator.ready)
    began = operator.now()
    stage.lose_our_part_of_a_key()
    twins = {tale: [stage.life(tale.kin) for _ in range(TWINS)] for tale in tales}
    for number in range(max(len(tale.events) for tale in twins)):
        now = {tale: tale.events[number] for tale in twins if number < len(tale.events)}
        since = operator.now()
        everyone = [life for tale in now for life in twins[tale]]
        for tale, event in now.items():
            for life in twins[tale]:
                event.act(stage, life)
        told = {life.name for tale, event in now.items() if event in COMMANDS for life in twins[tale]}
        until_nothing_is_left("the end of an event", partial(_unsettled, stage, operator, everyone, since, told))
        until_nothing_is_left("twins that agree", partial(_unlike, stage, [twins[tale] for tale in now]))
        looks = stage.looks(everyone)
        for tale, event in now.items():
            chronicle.records[tale, event] = _agreed(operator, twins[tale], since, looks, keeps)
    chronicle.beside = sorted({Point(p.name) for p in operator.passed(NOBODY, began)}, key=str)
    operator.end()
    stage.clear(life for lives in twins.values() for life in lives)
    operator.start()
    return chronicle


def told(stage: Stage, operator: Operator, tales: Iterable[Tale], what: str, keeps: Keeps = every) -> Chronicle:
    """How these tales go, by the points that `keeps` says are the same for all lives. How many there are is said."""
    tales = tuple(tales)
    found = discover(stage, operator, tales, keeps)
    points = sum(len(found.of(tale, event).points) for tale in tales for event in tale.swept)
    sys.stderr.write(f"kills of {what}: {points} points of {sum(len(tale.swept) for tale in tales)} events\n")
    return found


def _unsettled(stage: Stage, operator: Operator, lives: list[Life], since: int, told: set[str]) -> object:
    """Who is not at rest, or was `told` something and has not done it: a busy machine keeps still before it begins, too."""
    keys = [life.key for life in lives]
    restless = operator.restless(keys, since, _QUIET) or operator.amid(keys, since)
    return restless or {
        name: look
        for name, look in stage.looks(lives).items()
        if not is_settled(look) or (name in told and not look["answered"])
    }


def _unlike(stage: Stage, twins: list[list[Life]]) -> list[str]:
    """Whose twin looks otherwise: what is pruned at last is pruned of one after the other."""
    looks = stage.looks(life for pair in twins for life in pair)
    return [life.name for pair in twins for life in pair if looks[life.name] != looks[pair[0].name]]


def is_settled(look: Json) -> bool:
    credential, secret = look["credential"], look["secret"]
    if credential is None:
        # The garbage collector takes the Secret, and the sweep begins the recovery window.
        return (secret is None or secret["owner"] is None) and all(v["orphaned"] for v in look["versions"][-1:])
    return (
        credential["conditions"].get("Ready", "").startswith("True")
        and credential["seen"]
        and not credential["failures"]
        and not credential["going"]
        and all(v["promoted"] or v["retired"] for v in look["versions"] if v["live"])
        and not look.get("waits")
    )


def _agreed(operator: Operator, twins: list[Life], since: int, looks: dict[str, Json], keeps: Keeps) -> Record:
    traces = [points(operator.passed(life.key, since)) for life in twins]
    common = [point for point in traces[0] if keeps(point) and all(point in trace for trace in traces)]
    ends = [looks[life.name] for life in twins]
    assert all(end == ends[0] for end in ends), ends
    first, *others = [passages(operator.passed(life.key, since)) for life in twins]
    return Record(distinct(common), ends[0], [one for one in first if all(one in other for other in others)])


def distinct(found: list[Point]) -> list[Point]:
    """Before the first effect, within each, and after each.

    Whoever dies after one effect has died before the next one: the same world is left, and it is one point.
    """
    earlier = [None, *found]
    return [
        point for last, point in zip(earlier, found, strict=False) if not (last and last.is_after and point.is_before)
    ]


def passages(passed: Iterable[Passed]) -> list[Point]:
    """Each by its name and number."""
    counts: Counter[str] = Counter()
    found: list[Point] = []
    for one in passed:
        counts[one.name] += 1
        found.append(Point(one.name, counts[one.name]))
    return found


def points(passed: Iterable[Passed]) -> list[Point]:
    """Passages, one before and one after each effect.

    A step that turned out to have nothing to do is none. A write goes by the name of its step, if it has one.
    """
    found: list[Point] = []
    for point in passages(passed):
        last = found[-1] if found else None
        if point.is_after and not point.is_write and last is not None:
            if last.name == f"{point.step}:before":
                found.pop()
                continue
            if last.is_write and last.is_after:
                found.pop()
        if point.is_write and not point.is_after and last is not None and not last.is_write and not last.is_after:
            continue
        found.append(point)
    return found
