"""What happens beside rotations: values and accounts that people changed, missed times, slots, pruning."""

from __future__ import annotations

import pytest
from tests.world.scenario import EVERY, HOUR, INTERVAL, ISSUED, MINUTE, Scenario, ran

MANAGED = [k for k in EVERY if k != "generic"]
CHOSEN = [k for k in MANAGED if k != ISSUED]  # whose values we pick


@pytest.mark.parametrize("kind", CHOSEN)
def test_a_password_that_a_person_changed_is_replaced_by_a_rotation(kind):
    s = ran(kind)
    current = s.history.current
    s.world.excused = set(s.wish.accounts)
    s.world.server.accounts[current.account].password = b"by hand"
    s.settle(3 * HOUR)
    s.finish()
    assert s.history.current.sequence > current.sequence


@pytest.mark.parametrize("kind", MANAGED)
def test_an_account_that_a_person_locked_is_never_healed(kind):
    s = ran(kind)
    current = s.history.current
    s.world.excused = set(s.wish.accounts)
    s.world.server.accounts[current.account].can_login = False
    s.settle(3 * INTERVAL)
    assert not s.world.server.accounts[current.account].can_login


def test_a_rotation_that_was_missed_is_made_up_for_once_and_not_at_the_moment_of_the_start():
    s = ran("dual create")
    before = s.history.highest.sequence
    s.world.clock.advance(3 * INTERVAL)
    s.controllers = [s.start(s.world.api)]
    s.settle(MINUTE / 60)
    assert s.history.highest.sequence == before
    s.settle(HOUR)
    assert s.history.highest.sequence == before + 1
    s.finish()


def test_a_rotation_waits_for_a_slot_and_gives_it_back():
    s = Scenario("dual create")
    limits = s.controllers[0].limits
    taken = [limits.try_acquire(("Target", "shop", "pg")) for _ in range(4)]
    s.apply()
    s._round()
    assert not s.world.api.versions
    assert not s.world.api.credentials["orders"].status.get("failures")
    taken[0].release()
    s.settle(10 * MINUTE)
    assert s.history.current is not None
    assert limits.running == len(taken) - 1
    s.rotate()
    s.finish()


def test_generic_keeps_ten_versions_and_the_promoted_one():
    s = ran("generic", 2)
    s.apply(promote="v1")
    for n in range(14):
        s.world.source = f"more-{n}".encode()
        s.settle(MINUTE)
        if n == 0:
            s.apply(promote="v1#again")
            s.settle(MINUTE)
    assert len(s.history.versions) <= 11
    assert s.value() == s.world.source
