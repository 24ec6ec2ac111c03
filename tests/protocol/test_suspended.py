"""Rotation is switched off, of one Credential or of all: what is published is kept, and nothing new is set (protocol §5)."""

from __future__ import annotations

import pytest
from tests.world.faults import Hit, Kind
from tests.world.scenario import EVERY, HOUR, INTERVAL, ISSUED, MINUTE, NAME, OVERLAPS, UNMARKED, Scenario, ran

from keyward.domain.version import RetiredAs

SWITCHES = ("spec.rotation.suspend", "--freeze")
MANAGED = [kind for kind in EVERY if kind != "generic"]
CHOSEN = [kind for kind in MANAGED if kind != ISSUED]  # whose values we pick
each_switch = pytest.mark.parametrize("switch", SWITCHES)


def turn(s: Scenario, switch: str, *, off: bool) -> None:
    """Switch rotation off, or on again."""
    if switch == "--freeze":
        s.world.freeze = off
    else:
        s.edit(suspended=off)


@each_switch
@pytest.mark.parametrize("kind", [*EVERY, *OVERLAPS, *UNMARKED[1:]])
def test_a_credential_without_a_value_gets_its_first_one(kind, switch):
    s = Scenario(kind)
    turn(s, switch, off=True)
    s.apply()
    s.settle(HOUR)
    first, number = s.value(), s.history.highest.sequence
    s.settle(3 * INTERVAL)
    assert (s.value(), s.history.highest.sequence) == (first, number)
    turn(s, switch, off=False)
    s.rotate()
    s.finish()


@each_switch
@pytest.mark.parametrize("kind", ["dual create", "single create", *UNMARKED[:1]])
def test_a_first_value_that_the_policy_refuses_is_replaced(kind, switch):
    s = Scenario(kind)
    s.world.server.policy = lambda password: password != b"generated-1"
    turn(s, switch, off=True)
    s.apply()
    s.settle(HOUR)
    assert s.value() == b"generated-2"


@each_switch
def test_an_account_whose_versions_are_lost_is_not_set_anew_by_a_takeover(switch):
    """Somebody may still hold its value, so it is none that is new."""
    s = ran("dual create")
    held = {name: account.password for name, account in s.world.server.accounts.items()}
    top = s.history.highest.sequence
    s.world.api.versions.clear()
    turn(s, switch, off=True)
    s.apply(takeover=f"c1:{top}")
    s.settle(HOUR)
    assert {name: account.password for name, account in s.world.server.accounts.items()} == held


@each_switch
@pytest.mark.parametrize("kind", EVERY)
def test_what_falls_due_or_is_asked_for_waits_and_is_done_once_afterwards(kind, switch):
    s = ran(kind)
    value, number, learnt = s.value(), s.history.highest.sequence, len(s.world.server.learnt)
    turn(s, switch, off=True)
    s.apply(rotate="now")
    for _ in range(3):
        s.rotate()
    assert (s.value(), s.history.highest.sequence) == (value, number)
    assert len(s.world.server.learnt) == learnt
    assert "'reason': 'Suspended'" in s.state(s.world.api)
    assert s.world.api.credentials[NAME].status["nextRotation"] == "suspended"
    turn(s, switch, off=False)
    s.settle(HOUR)
    assert s.history.highest.sequence == number + 1
    assert s.value() != value
    s.finish()


@each_switch
@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("kind", EVERY)
def test_a_deleted_secret_is_back_with_the_same_value(kind, restarted, switch):
    s = ran(kind)
    value = s.value()
    turn(s, switch, off=True)
    s.world.forget_secret("orders")
    del s.world.api.secrets["orders"]
    if restarted:
        s.controllers = [s.start(s.world.api)]
    s.settle(MINUTE)
    assert s.value() == value


@each_switch
@pytest.mark.parametrize("kind", MANAGED)
def test_what_is_reserved_and_was_not_sent_stays_so_until_afterwards(kind, switch):
    s = ran(kind)
    value, learnt = s.value(), len(s.world.server.learnt)
    s.at("create v", lambda: turn(s, switch, off=True))
    s.rotate()
    s.settle(2 * INTERVAL)
    pending = s.history.highest
    assert not pending.settled
    assert len(s.world.server.learnt) == learnt
    assert s.value() == value
    turn(s, switch, off=False)
    s.settle(MINUTE)
    assert s.history.current.sequence == pending.sequence
    s.finish()


@each_switch
@pytest.mark.parametrize("answer", ["told", "lost"])
@pytest.mark.parametrize("kind", CHOSEN)
def test_what_was_sent_already_is_published_once_it_logs_in(kind, answer, switch):
    s = ran(kind)
    value = s.value()

    def meanwhile() -> None:
        turn(s, switch, off=True)
        if answer == "lost":
            s.world.faults.hits = (Hit(Kind.ANSWER_LOST, len(s.world.faults.trace) - 1),)

    s.at("apply", meanwhile)
    s.rotate()
    s.settle(HOUR)
    assert s.value() != value
    assert s.history.current is s.history.highest
    turn(s, switch, off=False)
    s.finish()


@each_switch
@pytest.mark.parametrize("kind", ["dual create", "single create"])
def test_a_password_that_a_person_changed_is_left_until_afterwards(kind, switch):
    s = ran(kind)
    current = s.history.current
    s.world.excused = set(s.wish.accounts)
    turn(s, switch, off=True)
    s.world.server.accounts[current.account].password = b"by hand"
    s.settle(2 * INTERVAL)
    assert s.world.server.accounts[current.account].password == b"by hand"
    turn(s, switch, off=False)
    s.settle(HOUR)
    assert s.history.current.sequence > current.sequence
    s.finish()


@each_switch
def test_the_value_before_current_is_not_ended(switch):
    s = ran("overlap create")
    s.settle(10 * MINUTE)
    before = s.value()
    s.apply(rotate="now")
    s.settle(MINUTE)
    turn(s, switch, off=True)
    s.settle(HOUR)
    assert s.world.server.would_let_in("x", before)
    turn(s, switch, off=False)
    s.settle(HOUR)
    assert not s.world.server.would_let_in("x", before)
    assert all(v.retired in (None, RetiredAs.ENDED) for v in s.history.versions)
    s.finish()


@each_switch
def test_going_back_sets_nothing_and_is_done_all_the_same(switch):
    s = ran("dual create", 2)
    previous = s.history.previous
    turn(s, switch, off=True)
    s.apply(promote=previous.version_id)
    s.settle(HOUR)
    assert s.history.current.sequence == previous.sequence
