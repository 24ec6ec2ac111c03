"""A Target that the platform's team has suspended, or that does not allow these accounts (protocol §9)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.world.scenario import EVERY, HOUR, INTERVAL, MINUTE, NAME, Scenario, ran

MANAGED = [kind for kind in EVERY if kind != "generic"]


@pytest.mark.parametrize("kind", MANAGED)
def test_nobody_goes_to_a_suspended_target_and_what_fell_due_is_done_once_when_it_is_resumed(kind):
    s = ran(kind)
    value, number = s.value(), s.history.highest.sequence
    _suspend(s, suspended=True)
    server = s.world.network.pop("pg")  # whoever went there would find nobody, and say so
    s.apply(rotate="now")
    s.settle(3 * INTERVAL)
    status = s.world.api.credentials[NAME].status
    assert status["waiting"] == {"reason": "TargetSuspended"}
    assert "failures" not in status
    assert (s.value(), s.history.highest.sequence) == (value, number)
    s.world.network["pg"] = server
    _suspend(s, suspended=False)
    s.settle(HOUR)
    assert s.history.highest.sequence == number + 1
    s.finish()


@pytest.mark.parametrize("kind", MANAGED)
def test_nothing_begins_on_a_suspended_target(kind):
    s = Scenario(kind)
    _suspend(s, suspended=True)
    s.apply()
    s.settle(HOUR)
    assert not s.world.api.versions
    assert "TargetSuspended" in s.state(s.world.api)
    _suspend(s, suspended=False)
    s.settle(10 * MINUTE)
    s.rotate()
    s.finish()


@pytest.mark.parametrize("kind", MANAGED)
def test_a_secret_that_is_deleted_while_its_target_is_suspended_is_back_at_once(kind):
    s = ran(kind)
    value = s.value()
    _suspend(s, suspended=True)
    s.world.forget_secret("orders")
    del s.world.api.secrets["orders"]
    s.settle(MINUTE)
    assert s.value() == value


@pytest.mark.parametrize("kind", MANAGED)
def test_an_account_that_the_target_does_not_allow_is_not_touched_any_more(kind):
    s = ran(kind)
    value, learnt = s.value(), len(s.world.server.learnt)
    allowed = s.world.target
    s.world.target = replace(allowed, may_manage=s.wish.accounts[1:])
    s.settle(3 * INTERVAL)
    assert f"does not cover {s.wish.accounts[0]}" in s.state(s.world.api)
    assert len(s.world.server.learnt) == learnt
    assert s.value() == value
    s.world.target = allowed
    s.settle(HOUR)
    assert s.value() != value
    s.finish()


def _suspend(s: Scenario, *, suspended: bool) -> None:
    s.world.target = replace(s.world.target, suspended=suspended)
