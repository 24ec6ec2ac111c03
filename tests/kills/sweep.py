"""Lives of which each stands at another point of an event, and a kill when all do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.kills.chronicle import Chronicle, is_settled
from tests.kills.consumers import Refusal
from tests.kills.lives import Event, Life, Tale
from tests.kills.points import Point
from tests.kills.process import Operator, until_nothing_is_left
from tests.kills.stage import Stage

Json = dict[str, Any]
_STILL = 0.4


@dataclass(slots=True)
class Sweep:
    """All kills of one event: each of the lives stands at another point when the operator is killed."""

    stage: Stage
    operator: Operator
    chronicle: Chronicle
    tale: Tale
    event: Event
    lives: dict[Point, Life] = field(default_factory=dict)
    others: list[Life] = field(default_factory=list)  # to whom it happens as well, and who stand nowhere
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

    @property
    def everybody(self) -> list[Life]:
        return [*self.lives.values(), *self.others]

    def act(self, event: Event) -> None:
        for life in self.everybody:
            event.act(self.stage, life)

    def begin(self) -> None:
        self.act(self.event)

    def not_among(self, standing: set[str]) -> list[str]:
        return [f"{point} ({life.name})" for point, life in self.lives.items() if life.key not in standing]

    def until_as_recorded(self, event: Event) -> None:
        """Wait until all is as if nothing had come between."""
        all_as_recorded([(self, event)])

    def other_than_recorded(self, event: Event, looks: Json) -> dict[str, list[str]]:
        """Whose look is another one than at the end of the event that nobody disturbed, and in what."""
        end = self.chronicle.of(self.tale, event).end
        points = {life.name: str(point) for point, life in self.lives.items()}
        return {
            f"{life.name} at {points.get(life.name, 'no point')} in {event.name} of {self.tale}": differences(
                end, looks[life.name]
            )
            for life in self.everybody
            if looks[life.name] != end
        }

    def unready(self) -> Json:
        """Who is not Ready, or not at rest."""
        looks = self.stage.looks(self.lives.values())
        return {name: look["credential"] for name, look in looks.items() if not is_settled(look)}

    def in_the_gap(self, refusal: Refusal, life: Life) -> bool:
        """Whether what was read before the Secret told of a send was refused after it: single accounts have no second."""
        passed = self.operator.passed(life.key, self.since)
        sends = [p.at for p in passed if p.name == "apply:send" and not (self.died and p.stands)]
        told = max(p.at for p in passed if p.name in ("create secrets:after", "update secrets:after"))
        return bool(sends) and min(sends) < refusal.ended and refusal.read < told

    def values_kept(self) -> None:
        """Whatever was reserved when the operator died is what is there now."""
        versions = self.stage.versions_of(self.lives.values())
        for point, life in self.lives.items():
            now = {v["metadata"]["name"]: v for v in versions[life.name]}
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
            all_as_recorded(now)
        yield sweeps
    finally:
        operator.end()
        operator.go_on()
        stage.clear(life for sweep in sweeps for life in sweep.lives.values())
        operator.start()


def all_as_recorded(cases: Sequence[tuple[Sweep, Event]]) -> None:
    """Wait until each of these events has ended as if nothing had come between."""
    stage, operator = cases[0][0].stage, cases[0][0].operator
    lives = [life for sweep, _ in cases for life in sweep.everybody]
    since = min(sweep.since for sweep, _ in cases)

    def left() -> object:
        restless = operator.restless((life.key for life in lives), since, _STILL)
        if restless:
            return restless
        looks = stage.looks(lives)
        return {
            name: found for sweep, event in cases for name, found in sweep.other_than_recorded(event, looks).items()
        }

    until_nothing_is_left("the end of an event, as if nothing had come between", left)


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

    def absent() -> list[str]:
        standing = operator.standing(since)
        return [one for sweep in sweeps for one in sweep.not_among(standing)]

    until_nothing_is_left("standing at each point", absent)
    for sweep in sweeps:
        sweep.stored = stage.versions_of(sweep.lives.values())


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
