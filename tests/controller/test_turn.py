"""When a Credential is looked at again after a pass."""

from __future__ import annotations

from datetime import timedelta

from tests.kube.worlds import NOW
from tests.world.scenario import wish_of

from keyward.controller.turn import Turn, failures_after, outcome_of, wakes
from keyward.domain.model import Failures, Memory, Observed
from keyward.errors import Blocked, Reason, Retry, Underway


def test_a_secret_that_somebody_else_holds_is_looked_at_again_soon():
    turn = Turn(seen=Observed(wish=wish_of("generic"), cluster="here", versions=()))
    turn.block("theirs", Blocked(Reason.SECRET_CONFLICT, "theirs"))
    due = wakes(turn, outcome_of(turn, Failures(), {}), Failures(), NOW)
    assert min(due) - NOW <= timedelta(seconds=30)


def test_a_system_that_is_at_work_is_looked_at_again_when_it_asks_for_it_and_nothing_failed():
    seen = Observed(wish=wish_of("rds"), cluster="here", versions=())
    at_work, failed = Turn(seen=seen), Turn(seen=seen)
    for _ in range(3):
        at_work.fail(Underway(Reason.BUSY, "at work", 2.0), "Apply")
        failed.fail(Retry(Reason.BUSY, "refused", 2.0), "Apply")
    failures = failures_after(seen, at_work, NOW)
    assert failures == Failures()
    assert min(wakes(at_work, outcome_of(at_work, failures, {}), failures, NOW)) - NOW == timedelta(seconds=2)
    assert failures_after(seen, failed, NOW).count == 1
    assert outcome_of(at_work, failures, {}).rotation_problem.message == "at work"


def test_the_longer_a_system_is_at_work_the_seldomer_it_is_looked_at():
    def wait(looks: int, error: Retry) -> timedelta:
        memory = Memory(at_work=looks)
        turn = Turn(seen=Observed(wish=wish_of("rds"), cluster="here", versions=(), memory=memory))
        turn.fail(error, "Apply")
        return min(wakes(turn, outcome_of(turn, Failures(), {}), Failures(), NOW)) - NOW

    at_work = Underway(Reason.BUSY, "at work", 2.0)
    assert [wait(looks, at_work).total_seconds() for looks in (0, 10, 40, 200)] == [2, 2, 8, 40]
    assert wait(100_000, at_work) <= timedelta(minutes=5)
    assert wait(200, Retry(Reason.BUSY, "refused", 2.0)) == timedelta(seconds=2)
