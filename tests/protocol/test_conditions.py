"""What the conditions say to tools that wait for a spec: of a new or changed one that it is on its way, of a rotation nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.world.clock import START
from tests.world.faults import Outage, Side
from tests.world.scenario import EVERY, HOUR, MINUTE, NAME, Scenario, ran, wish_of

from keyward.domain.model import AccountsPolicy, DeletionWish

SILENT = Outage(Side.ENGINE, START, START + HOUR)
MANAGED = [k for k in EVERY if k != "generic"]


def said(s: Scenario, kind: str) -> str:
    """Status and reason of a condition; empty if it is not there."""
    conditions = s.world.api.credentials[NAME].status["conditions"]
    return next((f"{c['status']} {c['reason']}" for c in conditions if c["type"] == kind), "")


@pytest.mark.parametrize("kind", MANAGED)
def test_a_new_spec_is_reconciling_until_it_is_ready_and_says_what_it_waits_for(kind):
    s = Scenario(kind, outages=(SILENT,))
    s.apply()
    s.settle(MINUTE)
    assert (said(s, "Ready"), said(s, "Reconciling")) == ("False Unreachable", "True Unreachable")
    s.settle(2 * HOUR)
    assert (said(s, "Ready"), said(s, "Reconciling")) == ("True Projected", "")


def test_where_a_person_is_needed_it_is_stalled_and_goes_on_reconciling_after():
    s = Scenario("dual create")
    allowed = s.world.target
    s.world.target = replace(allowed, may_manage=())
    s.apply()
    s.settle(MINUTE)
    assert (said(s, "Stalled"), said(s, "Reconciling")) == ("True AccountNotAllowed", "")
    s.world.target = allowed
    s.world.faults.outages = (Outage(Side.ENGINE, START, START + HOUR),)
    s.settle(10 * MINUTE)
    assert (said(s, "Stalled"), said(s, "Reconciling")) == ("", "True Unreachable")


def unready(kind: str) -> Scenario:
    """What is published is refused, as somebody changed it, and so is each new value."""
    s = ran(kind)
    s.world.excused = set(s.wish.accounts)
    s.world.server.policy = lambda _password: False
    s.world.server.accounts[s.history.current.account].password = b"by hand"
    s.settle(3 * HOUR)
    assert said(s, "Ready") == "False LoginRefused"
    return s


@pytest.mark.parametrize("kind", ["dual create", "single create"])
def test_a_spec_that_was_ready_once_is_never_reconciling_again_whatever_its_rotations_meet(kind):
    s = unready(kind)
    assert said(s, "Rotated").startswith("False")
    assert said(s, "Reconciling") == ""


def test_a_spec_that_is_changed_is_reconciling_until_it_is_ready():
    s = unready("dual create")
    s.edit(drift_interval=HOUR)
    s.settle(MINUTE)
    assert said(s, "Reconciling") == "True LoginRefused"
    s.settle(HOUR)
    assert said(s, "Reconciling") == "True LoginRefused"
    s.world.server.policy = lambda _password: True
    s.settle(HOUR)
    assert (said(s, "Ready"), said(s, "Reconciling")) == ("True Projected", "")


def test_what_is_switched_off_is_not_on_its_way():
    s = unready("dual create")
    s.edit(suspended=True)
    s.settle(MINUTE)
    assert (said(s, "Ready"), said(s, "Reconciling")) == ("False LoginRefused", "")


def test_what_is_deleted_is_not_on_its_way():
    disabling = DeletionWish(accounts=AccountsPolicy.DISABLE)
    s = Scenario("dual create", wish=replace(wish_of("dual create"), deletion=disabling))
    s.at("apply", lambda: setattr(s.world.faults, "outages", (SILENT,)))
    s.apply()
    s.settle(MINUTE)
    assert said(s, "Reconciling").startswith("True")
    s.remove()
    s.settle(MINUTE)
    assert s.world.api.credentials[NAME].status["state"] == "PendingDeletion"
    assert said(s, "Ready").startswith("False")
    assert said(s, "Reconciling") == ""
