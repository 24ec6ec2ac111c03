"""Which points there are, found by leading lives that nobody disturbs, and a kill at each of them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.kills.consumers import Refusal
from tests.kills.lives import AGAIN, BACK, LEAK, ROTATION, Event, Life, Tale
from tests.kills.points import NOBODY, Passed, Point
from tests.kills.process import Operator, until, until_nothing_is_left
from tests.kills.stage import Stage

Json = dict[str, Any]
TWINS = 2
COMMANDS = (ROTATION, AGAIN, BACK, LEAK)
_QUIET = 1.0
_STILL = 0.4


@dataclass(slots=True)
class Record:
    """How one event goes if nothing comes between: the points in their order, and what is there at its end."""

    points: list[Point] = field(default_factory=list)
    end: Json = field(default_factory=dict)


@dataclass(slots=True)
class Chronicle:
    """How each tale goes. `beside` is what the operator passes on behalf of nobody in particular."""

    records: dict[tuple[Tale, Event], Record] = field(default_factory=dict)
    beside: list[Point] = field(default_factory=list)

    def of(self, tale: Tale, event: Event) -> Record:
        return self.records[tale, event]


def discover(stage: Stage, operator: Operator, tales: Iterable[Tale]) -> Chronicle:
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
        looks = stage.looks(everyone)
        for tale, event in now.items():
            chronicle.records[tale, event] = _agreed(operator, twins[tale], since, looks)
    chronicle.beside = sorted({Point(p.name) for p in operator.passed(NOBODY, began)}, key=str)
    operator.end()
    stage.clear(life for lives in twins.values() for life in lives)
    operator.start()
    return chronicle


def told(stage: Stage, operator: Operator, tales: Iterable[Tale], what: str) -> Chronicle:
    """How these tales go. How many points there are is said."""
    tales = tuple(tales)
    found = discover(stage, operator, tales)
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
        if not _is_settled(look) or (name in told and not look["answered"])
    }


def _is_settled(look: Json) -> bool:
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


def _agreed(operator: Operator, twins: list[Life], since: int, looks: dict[str, Json]) -> Record:
    traces = [points(operator.passed(life.key, since)) for life in twins]
    common = [point for point in traces[0] if all(point in trace for trace in traces)]
    ends = [looks[life.name] for life in twins]
    assert all(end == ends[0] for end in ends), ends
    return Record(common, ends[0])


def points(passed: Iterable[Passed]) -> list[Point]:
    """Passages by name and number, one before and one after each effect.

    A step that turned out to have nothing to do is none. A write goes by the name of its step, if it has one.
    """
    counts: Counter[str] = Counter()
    found: list[Point] = []
    for one in passed:
        counts[one.name] += 1
        point = Point(one.name, counts[one.name])
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


# --- the kills ---


@dataclass(slots=True)
class Sweep:
    """All kills of one event: each of the lives stands at another point when the operator is killed."""

    stage: Stage
    operator: Operator
    chronicle: Chronicle
    tale: Tale
    event: Event
    lives: dict[Point, Life] = field(default_factory=dict)
    stored: dict[str, list[Json]] = field(default_factory=dict)  # the versions when all stood
    since: int = 0
    died: bool = False

    def people(self) -> None:
        """One life for each point."""
        self.lives = {p: self.stage.life(self.tale.kin) for p in self.chronicle.of(self.tale, self.event).points}

    @property
    def earlier(self) -> tuple[Event, ...]:
        """What happens in these lives before."""
        return self.tale.events[: self.tale.events.index(self.event)]

    def act(self, event: Event) -> None:
        for life in self.lives.values():
            event.act(self.stage, life)

    def begin(self) -> None:
        self.act(self.event)

    def not_standing(self) -> list[str]:
        standing = self.operator.standing(self.since)
        return [f"{point} ({life.name})" for point, life in self.lives.items() if life.key not in standing]

    def until_as_recorded(self, event: Event) -> None:
        """Wait until all is as if nothing had come between."""
        until_nothing_is_left(f"{event.name} of {self.tale}", partial(self._other_than_recorded, event))

    def _other_than_recorded(self, event: Event) -> object:
        restless = self.operator.restless((life.key for life in self.lives.values()), self.since, _STILL)
        if restless:
            return restless
        end = self.chronicle.of(self.tale, event).end
        looks = self.stage.looks(self.lives.values())
        return {
            f"{life.name} at {point}": differences(end, looks[life.name])
            for point, life in self.lives.items()
            if looks[life.name] != end
        }

    def unready(self) -> Json:
        """Who is not Ready, or not at rest."""
        looks = self.stage.looks(self.lives.values())
        return {name: look["credential"] for name, look in looks.items() if not _is_settled(look)}

    def in_the_gap(self, refusal: Refusal, life: Life) -> bool:
        """Whether what was read before the Secret told of a send was refused after it: single accounts have no second."""
        passed = self.operator.passed(life.key, self.since)
        sends = [p.at for p in passed if p.name == "apply:send" and not (self.died and p.stands)]
        told = max(p.at for p in passed if p.name in ("create secrets:after", "update secrets:after"))
        return bool(sends) and min(sends) < refusal.ended and refusal.read < told

    def values_kept(self) -> None:
        """Whatever was reserved when the operator died is what is there now."""
        for point, life in self.lives.items():
            now = {v["metadata"]["name"]: v for v in self.stage.versions(life)}
            for before in self.stored[life.name]:
                after = now.get(before["metadata"]["name"])
                same = after is None or _identity(after) == _identity(before)
                assert same, f"killed at {point}, {life.name} has another value under the same number"


@contextmanager
def swept(
    stage: Stage, operator: Operator, chronicle: Chronicle, cases: Iterable[tuple[Tale, Event]]
) -> Iterator[list[Sweep]]:
    """Sweeps whose lives are ready for their event, and are cleared away afterwards."""
    sweeps = [Sweep(stage, operator, chronicle, tale, event) for tale, event in cases]
    try:
        for sweep in sweeps:
            sweep.people()
            assert sweep.lives, "an event without any effect"
        for number in range(max(len(sweep.earlier) for sweep in sweeps)):
            now = [(sweep, sweep.earlier[number]) for sweep in sweeps if number < len(sweep.earlier)]
            for sweep, event in now:
                sweep.act(event)
            for sweep, event in now:
                sweep.until_as_recorded(event)
        yield sweeps
    finally:
        operator.end()
        operator.go_on()
        stage.clear(life for sweep in sweeps for life in sweep.lives.values())
        operator.start()


def kill(sweeps: Iterable[Sweep]) -> None:
    """Let the events happen to all, and kill the operator when each life stands at its point."""
    sweeps = list(sweeps)
    stand(sweeps)
    sweeps[0].operator.kill()
    sweeps[0].operator.go_on()
    for sweep in sweeps:
        sweep.died = True


def stand(sweeps: Iterable[Sweep]) -> None:
    """Let the events happen, until each life stands at its point."""
    sweeps = list(sweeps)
    stage, operator = sweeps[0].stage, sweeps[0].operator
    since = operator.now()
    operator.stand_at({life.key: point for sweep in sweeps for point, life in sweep.lives.items()})
    for sweep in sweeps:
        sweep.since = since
        sweep.begin()
    until_nothing_is_left("standing at each point", lambda: [one for sweep in sweeps for one in sweep.not_standing()])
    for sweep in sweeps:
        sweep.stored = {life.name: stage.versions(life) for life in sweep.lives.values()}


def killed_at_each_point(
    stage: Stage, operator: Operator, chronicle: Chronicle, tales: Iterable[Tale], event: Event
) -> None:
    """Kill once, when of each tale one life stands at each point of the event; start again, and compare."""
    with swept(stage, operator, chronicle, [(tale, event) for tale in tales if event in tale.swept]) as sweeps:
        lives = [(sweep, life) for sweep in sweeps for life in sweep.lives.values()]
        consumers = stage.consumers()
        with consumers.at_work(life for _, life in lives if event.publishes):
            kill(sweeps)
            operator.start()
            for sweep in sweeps:
                sweep.until_as_recorded(event)
            until_nothing_is_left("logins of everybody", consumers.without_a_login)
        consumers.never_refused()
        for sweep in sweeps:
            sweep.values_kept()
        for sweep, life in lives if event.publishes or event is LEAK else ():
            stage.proves(life)
            for refusal in consumers.refused(life):
                # Whoever took longer than the grace period from reading to logging in was promised nothing.
                late = refusal.ended - refusal.read > life.grace > 0
                assert late or (not life.grace and sweep.in_the_gap(refusal, life)), refusal


def _identity(version: Json) -> Json:
    return {"uid": version["metadata"]["uid"], "spec": version["spec"], "envelope": version["envelope"]}


def differences(wanted: Any, found: Any, path: str = "") -> list[str]:
    """What differs, as `path: found (instead of wanted)`."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        keys = sorted({*wanted, *found})
        return [line for key in keys for line in differences(wanted.get(key), found.get(key), f"{path}.{key}")]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return [
            line
            for i, pair in enumerate(zip(wanted, found, strict=True))
            for line in differences(*pair, f"{path}[{i}]")
        ]
    return [] if wanted == found else [f"{path}: {found} (instead of {wanted})"]
