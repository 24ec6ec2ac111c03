"""Makes every mistake of a table at once and records what is said, what is written, and how long mending takes."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from tests.inputs.case import Case
from tests.inputs.desk import Desk
from tests.whole_path.running import Operator
from tests.whole_path.world import Json, until

WATCHED = 12.0
"""Seconds during which all mistakes stand and nobody mends anything."""


@dataclass(slots=True)
class Told:
    """What came of one mistake."""

    conditions: dict[str, Json] = field(default_factory=dict)
    events: list[Json] = field(default_factory=list)
    ready_after: float | None = None

    @property
    def ready(self) -> Json:
        return self.conditions["Ready"]


@dataclass(slots=True)
class Record:
    """What came of them all.

    `writes` and `logins` are those of the time when nothing changed, `well` is the Secret of the Credential that nobody
    touched, before and after.
    """

    told: dict[str, Told] = field(default_factory=dict)
    writes: Counter[str] = field(default_factory=Counter)
    logins: Counter[str] = field(default_factory=Counter)
    said: str = ""
    alive: bool = False
    secrets: list[str] = field(default_factory=list)
    well: tuple[dict[str, str], dict[str, str]] = ({}, {})


def record(desk: Desk, operator: Operator, cases: tuple[Case, ...]) -> Record:
    """The whole course; everything is Ready in the end, or its `ready_after` is None."""
    found = Record(told={case.name: Told() for case in cases})
    for case in cases:
        desk.apply(*case.arrange(desk))
    for case in cases:
        found.told[case.name].conditions = _condition(desk, case)
    _watch(desk, found)
    for case in cases:
        found.told[case.name].events = desk.events(case.name)
    for case in cases:
        if (desk.get("credential", case.name) or {}).get("status", {}).get("failures"):
            desk.give_up_hope(case.name)
    _mend(desk, cases, found)
    found.said = desk.everything_said(operator)
    found.alive = operator.process.poll() is None
    found.secrets = [text for case in cases for key, text in desk.secret(case.name).items() if key == "password"]
    return found


def _condition(desk: Desk, case: Case) -> dict[str, Json]:
    def stands() -> dict[str, Json] | None:
        conditions = desk.conditions(case.name)
        return conditions if conditions.get("Ready", {}).get("reason") == case.reason else None

    try:
        stood: dict[str, Json] = until("the condition", stands, 60)
    except AssertionError:
        return desk.conditions(case.name) or {"Ready": {"reason": "none", "message": "none", "status": "none"}}
    return stood


def _watch(desk: Desk, found: Record) -> None:
    writes, logins = desk.writes(), desk.logins()
    time.sleep(WATCHED)  # the absence of a storm takes time to see
    writes.read()
    # In the same cluster there may be something to do for what other tests left.
    places = (write.name.partition("/") for write in writes.writes)
    found.writes = Counter(name for namespace, _, name in places if namespace == desk.namespace)
    found.logins = logins()


def _mend(desk: Desk, cases: tuple[Case, ...], found: Record) -> None:
    left: dict[str, tuple[float, Case]] = {}
    for case in cases:
        case.mend(desk)
        left[case.name] = (time.monotonic(), case)
        _look(desk, left, found)
    while left and any(time.monotonic() - began < case.soon + 2 for began, case in left.values()):
        time.sleep(0.5)  # the API server and all targets are asked by each look
        _look(desk, left, found)


def _look(desk: Desk, left: dict[str, tuple[float, Case]], found: Record) -> None:
    for name in desk.all_ready() & left.keys():
        began, _ = left.pop(name)
        found.told[name].ready_after = time.monotonic() - began
