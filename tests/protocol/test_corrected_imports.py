"""An imported password that was given wrong and is corrected afterwards (protocol §10)."""

from __future__ import annotations

import pytest
from tests.world.faults import Hit, Kind
from tests.world.scenario import HOUR, MINUTE, Scenario

WRONG = [("single import", "a"), ("dual import", "a"), ("dual import", "b"), ("dual import", "ab")]


def given_wrong(kind: str, wrong: str, *hits: Hit) -> Scenario:
    s = Scenario(kind, *hits)
    for name in wrong:
        s.world.imports[name] = f"wrong-{name}".encode()
    s.apply()
    s.settle(HOUR)
    return s


def correct(s: Scenario, wrong: str) -> None:
    for name in wrong:
        s.world.imports[name] = f"imported-{name}".encode()
    s.settle(HOUR)


def imported_and_untouched(s: Scenario) -> bool:
    marks = [a.comment for a in s.world.server.accounts.values()]
    return s.history.current.account == "a" and s.value() == b"imported-a" and marks == [None] * len(marks)


@pytest.mark.parametrize(("kind", "wrong"), WRONG)
def test_a_corrected_password_is_taken_as_if_it_had_been_right_at_once(kind, wrong):
    s = given_wrong(kind, wrong)
    assert "orders" not in s.world.api.secrets
    correct(s, wrong)
    assert imported_and_untouched(s)
    s.rotate()
    s.rotate()
    s.finish()
    assert not any(p.startswith(b"wrong") for _, p in s.world.server.learnt)


@pytest.mark.parametrize(("kind", "wrong"), WRONG)
def test_another_wrong_one_changes_nothing(kind, wrong):
    s = given_wrong(kind, wrong)
    for attempt in range(3):
        for name in wrong:
            s.world.imports[name] = f"wrong-again-{attempt}".encode()
        s.settle(HOUR)
    assert "ImportedValueUnverified" in s.state(s.world.api)
    assert "orders" not in s.world.api.secrets
    assert all(a.comment is None for a in s.world.server.accounts.values())
    assert len(s.history.versions) <= 4, "what was given up is not kept"
    correct(s, wrong)
    assert imported_and_untouched(s)


def test_a_correction_waits_for_no_grace_as_it_overwrites_nothing():
    s = Scenario("dual import")
    s.world.imports["a"] = b"wrong"
    s.apply()
    s.settle(MINUTE)
    s.world.imports["a"] = b"imported-a"
    s.settle(2 * MINUTE)
    assert imported_and_untouched(s)


@pytest.mark.parametrize("fault", list(Kind))
@pytest.mark.parametrize(("kind", "wrong"), WRONG)
def test_any_fault_on_the_way_is_survived(kind, wrong, fault):
    s = given_wrong(kind, wrong)
    before = len(s.world.faults.trace)
    correct(s, wrong)
    s.settle(10 * MINUTE)
    for index in range(before, len(s.world.faults.trace)):
        again = given_wrong(kind, wrong, Hit(fault, index))
        correct(again, wrong)
        again.settle(HOUR)
        assert imported_and_untouched(again), s.world.faults.trace[index]
        again.rotate()
        again.finish()


@pytest.mark.parametrize(("kind", "wrong"), WRONG)
def test_until_it_is_corrected_no_rotation_touches_any_account(kind, wrong):
    s = given_wrong(kind, wrong)
    s.rotate()
    s.rotate()
    assert all(a.comment is None for a in s.world.server.accounts.values())
    assert {n: a.password for n, a in s.world.server.accounts.items()} == {
        name: f"imported-{name}".encode() for name in s.wish.accounts
    }
