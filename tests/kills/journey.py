"""Lives that are led to their end, with a kill in each event, when one of them stands at each of its points."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.kills.chronicle import Chronicle
from tests.kills.lives import LEAK, Life, Tale
from tests.kills.process import Operator, until_nothing_is_left
from tests.kills.stage import Stage
from tests.kills.sweep import Sweep, all_as_recorded, kill


def killed_at_each_point(stage: Stage, operator: Operator, chronicle: Chronicle, tales: Iterable[Tale]) -> None:
    """Kill once in each swept event of these tales, start again, and compare with how it goes undisturbed.

    The same lives go from event to event, as many as the event with the most points has.
    """
    journey = Journey(stage, operator, chronicle)
    try:
        for tale in tales:
            journey.people(tale)
        for number in range(max(len(tale.events) for tale in journey.lives)):
            began = time.monotonic()
            points = journey.go_on(number)
            sys.stderr.write(f"event {number + 1}: {points} points, {time.monotonic() - began:.0f} s\n")
    finally:
        operator.end()
        operator.go_on()
        stage.clear(life for lives in journey.lives.values() for life in lives)
        operator.start()


@dataclass(slots=True)
class Journey:
    """All lives of all tales, side by side."""

    stage: Stage
    operator: Operator
    chronicle: Chronicle
    lives: dict[Tale, list[Life]] = field(default_factory=dict)

    def people(self, tale: Tale) -> None:
        """As many lives as there may be points at once."""
        counts = [len(self.chronicle.of(tale, event).points) for event in tale.swept]
        assert all(counts), f"an event of {tale} without any effect"
        self.lives[tale] = [self.stage.life(tale.kin) for _ in range(max(counts))]

    def go_on(self, number: int) -> int:
        """The event of this number happens to each. Returns at how many points somebody stood."""
        sweeps = [self._sweep(tale, number) for tale in self.lives if number < len(tale.events)]
        if any(sweep.lives for sweep in sweeps):
            self._killed(sweeps)
        else:
            for sweep in sweeps:
                sweep.begin()
            all_as_recorded([(sweep, sweep.event) for sweep in sweeps])
        return sum(len(sweep.lives) for sweep in sweeps)

    def _sweep(self, tale: Tale, number: int) -> Sweep:
        event, lives = tale.events[number], self.lives[tale]
        points = self.chronicle.of(tale, event).points if event in tale.swept else []
        sweep = Sweep(self.stage, self.operator, self.chronicle, tale, event, since=self.operator.now())
        sweep.lives = dict(zip(points, lives, strict=False))
        sweep.others = lives[len(points) :]
        return sweep

    def _killed(self, sweeps: Sequence[Sweep]) -> None:
        lives = [(sweep, life) for sweep in sweeps for life in sweep.lives.values()]
        consumers = self.stage.consumers()
        with consumers.at_work(life for sweep, life in lives if sweep.event.publishes):
            kill(sweeps)
            with self.stage.unfinished(self.operator, [life for _, life in lives]):
                self.operator.start()
            all_as_recorded([(sweep, sweep.event) for sweep in sweeps])
            until_nothing_is_left("logins of everybody", consumers.without_a_login)
        consumers.never_refused()
        for sweep in sweeps:
            sweep.values_kept()
        for sweep, life in lives:
            if sweep.event.publishes or sweep.event is LEAK:
                self.stage.proves(life)
                for refusal in consumers.refused(life):
                    # Whoever took longer than the grace period from reading to logging in was promised nothing.
                    late = refusal.ended - refusal.read > life.grace > 0
                    assert late or (not life.grace and sweep.in_the_gap(refusal, life)), refusal
