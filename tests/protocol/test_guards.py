"""What each guard is for: with it taken out, the scenario that is named beside it fails; with it, it holds."""

from __future__ import annotations

import inspect
import re
from datetime import timedelta
from pathlib import Path

import pytest
from tests.protocol.removals import doubt, ends, planner, scenarios, settled

from keyward import domain
from keyward.domain import reserving, rotation
from keyward.domain.steps import Wait
from keyward.domain.version import CauseKind

REMOVALS = [*planner.REMOVALS, *settled.REMOVALS, *doubt.REMOVALS, *ends.REMOVALS]
ELSEWHERE = {"hold_for_consumers"}  # below: no scenario comes to it yet
WHOLE = {"plan", "resolve", "judge", "settle"}  # a module's own question: its guards are functions of the module
PROTOCOL = Path(__file__).parents[2] / "docs" / "protocol.md"


@pytest.mark.parametrize("removal", REMOVALS, ids=lambda r: r.guard.strip("_"))
def test_the_scenario_holds_with_its_guard_and_fails_without_it(removal, monkeypatch):
    removal.play()
    monkeypatch.setattr(removal.owner, removal.name, removal.without)
    with pytest.raises((AssertionError, KeyError)):  # no TypeError: a removal that cannot be called removes nothing
        removal.play()


def test_every_guard_of_the_planner_has_a_scenario_that_shows_it():
    shown = {r.guard for r in REMOVALS} | ELSEWHERE
    assert {g.__name__ for g in (*rotation.GUARDS, *reserving.GUARDS)} <= shown


def test_every_guard_that_the_protocol_names_has_a_scenario_that_shows_it():
    shown = {name for r in REMOVALS for name in (r.name, r.guard)}
    modules = {r.owner.__name__.rpartition(".")[2] for r in REMOVALS if inspect.ismodule(r.owner)}
    named = _guards_of_the_protocol()
    assert len(named) > 30
    for module, guard in named:
        assert (module in modules) if guard in WHOLE else guard in shown, f"{module}.{guard}"


def _guards_of_the_protocol() -> set[tuple[str, str]]:
    """(module, function) of the third column of its tables, as far as they are the planner's."""
    modules = {path.stem for path in Path(domain.__path__[0]).glob("[a-z]*.py")}
    rows = [line.split(" | ") for line in PROTOCOL.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    spans = [span for row in rows if len(row) == 4 for span in re.findall(r"`([A-Za-z_.]+)`", row[2])]
    names = [span.split(".") for span in spans]
    return {(name[0], name[-1]) for name in names if len(name) > 1 and name[0] in {*modules, "History"}}


def test_every_scenario_that_stands_there_is_played():
    written = {
        found
        for name, found in vars(scenarios).items()
        if inspect.isfunction(found) and found.__module__ == scenarios.__name__ and not name.startswith("_")
    }
    assert written
    assert written <= {r.play for r in REMOVALS}


def test_who_still_holds_the_previous_value_stops_the_next_reserve():
    class Seen:
        gate = "pod web-0 holds version v3"

    class Situation:
        seen, now = Seen(), timedelta()

    need = reserving.Need(CauseKind.SCHEDULE, None)  # type: ignore[arg-type]
    wait = reserving.hold_for_consumers(Situation(), need)  # type: ignore[arg-type]
    assert isinstance(wait, Wait)
    assert wait.message == Seen.gate
    forced = reserving.Need(CauseKind.TOKEN, None, "leak#force")  # type: ignore[arg-type]
    assert reserving.hold_for_consumers(Situation(), forced) is None  # type: ignore[arg-type]
