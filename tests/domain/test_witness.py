"""What proved a value, where no login can, is told for as long as it is so."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from keyward.domain import status
from keyward.domain.model import Memory, Observed, ScheduleWish, Wish
from keyward.domain.status import Outcome
from keyward.domain.steps import Wait
from keyward.domain.version import Mode

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def told(witness: str, before: dict) -> dict | None:
    """The condition of a status that is built after what proved a value last."""
    wish = Wish("shop", "web", "u", 1, "ecs", Mode.SINGLE, "default", ScheduleWish(automatic=False), accounts=("root",))
    seen = Observed(wish, "cluster", (), memory=Memory(witness=witness))
    built = status.build(seen, Outcome(Wait(None, "NotScheduled")), before, NOW)
    return next((c for c in built["conditions"] if c["type"] == "VerifiedBy"), None)


def test_it_stands_over_a_restart_until_a_login_proves_the_value():
    first = told("Shadow", {})
    assert first is not None
    assert (first["status"], first["reason"]) == ("True", "Shadow")
    before = {"conditions": [first]}
    assert told("", before) == first
    assert told("Shadow", before) == first
    assert told("Login", before) is None


@pytest.mark.parametrize("witness", ["", "Login"])
def test_nothing_is_said_of_values_that_log_in(witness: str):
    assert told(witness, {}) is None
