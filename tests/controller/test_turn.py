"""When a Credential is looked at again after a pass."""

from __future__ import annotations

from datetime import timedelta

from tests.kube.worlds import NOW
from tests.world.scenario import wish_of

from keyward.controller.turn import Turn, outcome_of, wakes
from keyward.domain.model import Failures, Observed
from keyward.errors import Blocked, Reason


def test_a_secret_that_somebody_else_holds_is_looked_at_again_soon():
    turn = Turn(seen=Observed(wish=wish_of("generic"), cluster="here", versions=()))
    turn.block("theirs", Blocked(Reason.SECRET_CONFLICT, "theirs"))
    due = wakes(turn, outcome_of(turn, Failures(), {}), Failures(), NOW)
    assert min(due) - NOW <= timedelta(seconds=30)
