"""A leak is over when a login with the leaked value was refused, and not before; and what single mode costs is measured."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.world.faults import Hit, Kind
from tests.world.scenario import HOUR, MINUTE, NAME, Scenario

LEAKED = (
    "dual create",
    "dual import",
    "dual create unmarked",
    "single create",
    "single import unmarked",
    "overlap create",
)


def ran(kind: str, *hits: Hit) -> Scenario:
    s = Scenario(kind, *hits)
    s.apply()
    s.settle(10 * MINUTE)
    s.rotate()
    return s


def leak(s: Scenario) -> tuple[str, bytes]:
    """The account and the value that have leaked; the end of it is asked for, and is worth a refused login."""
    current = s.history.current
    assert current is not None
    s.world.excused = set(s.wish.accounts)
    s.apply(rotate="leak#force")
    return current.account, s.value()


class Backdoor:
    """A server that goes on to let a value in, as a replica does that is behind."""

    def __init__(self, s: Scenario, login: tuple[str, bytes]) -> None:
        self.open, self.tried = True, 0
        self._login, self._real = login, s.world.server.login
        s.world.server.login = self.login  # type: ignore[method-assign]

    def login(self, name: str, password: bytes) -> None:
        self.tried += (name, password) == self._login
        if not (self.open and (name, password) == self._login):
            self._real(name, password)


def stored(s: Scenario, value: bytes) -> bool:
    return any(s.world.stores["c1"].peek(v) == value for v in s.world.api.versions.values())


@pytest.mark.parametrize("kind", LEAKED)
def test_the_leaked_value_is_tried_and_refused_before_it_is_forgotten(kind):
    s = ran(kind)
    login = leak(s)
    door = Backdoor(s, login)
    door.open = False
    s.settle(15 * MINUTE)
    assert door.tried >= 1
    assert not stored(s, login[1])
    s.finish()


@pytest.mark.parametrize("kind", LEAKED)
def test_while_it_still_logs_in_that_is_said_and_it_is_tried_again(kind):
    s = ran(kind)
    login = leak(s)
    door = Backdoor(s, login)
    s.settle(30 * MINUTE)
    assert door.tried > 1
    assert stored(s, login[1])
    assert "LeakNotEnded" in s.state(s.world.api)
    door.open = False
    s.settle(2 * HOUR)
    assert not stored(s, login[1])
    assert "LeakNotEnded" not in s.state(s.world.api)
    s.finish()


@pytest.mark.parametrize("fault", list(Kind))
@pytest.mark.parametrize("kind", LEAKED)
def test_any_single_fault_at_any_effect_of_its_end_is_survived(kind, fault):
    undisturbed = ran(kind)
    before = len(undisturbed.world.faults.trace)
    leak(undisturbed)
    undisturbed.settle(15 * MINUTE)
    for index in range(before, len(undisturbed.world.faults.trace)):
        s = ran(kind, Hit(fault, index))
        name, value = leak(s)
        s.settle(2 * HOUR)
        assert not s.world.server.would_let_in(name, value), undisturbed.world.faults.trace[index]
        assert not stored(s, value)
        s.finish()


def test_what_is_not_replaced_yet_is_not_tried():
    s = ran("dual create")
    login = leak(s)
    door = Backdoor(s, login)
    door.open = False

    def suspended(*, suspended: bool) -> None:
        s.wish = replace(s.wish, suspended=suspended)
        s.apply(rotate="leak#force")

    s.at("put secret", lambda: suspended(suspended=True))
    s.settle(HOUR)
    assert s.world.server.would_let_in(*login)
    assert door.tried == 0
    assert "LeakNotEnded" not in s.state(s.world.api)
    suspended(suspended=False)
    s.settle(HOUR)
    assert door.tried >= 1
    assert not stored(s, login[1])


def test_without_a_leak_no_value_is_tried_after_its_end():
    s = ran("dual create")
    door = Backdoor(s, ("x_clone", s.value()))
    door.open = False
    s.apply(rotate="now")
    s.settle(HOUR)
    tried = door.tried
    s.rotate()
    assert door.tried == tried


def test_a_second_leak_is_proven_as_the_first_was():
    s = ran("dual create")
    leak(s)
    s.settle(15 * MINUTE)
    login = s.history.current.account, s.value()
    door = Backdoor(s, login)
    door.open = False
    s.apply(rotate="again#force")
    s.settle(15 * MINUTE)
    assert door.tried >= 1
    assert not stored(s, login[1])


# --- the gap of single mode ---


def gap(s: Scenario) -> float | None:
    """In seconds, as the status says it."""
    said = s.world.api.credentials[NAME].status.get("lastGap")
    found = re.fullmatch(r"(\d+\.\d\d)s", said or "")
    return float(found[1]) if found else None


@pytest.mark.parametrize("kind", ["single create", "single import", "single create unmarked"])
def test_the_gap_of_a_rotation_is_told_and_stands_until_the_next(kind):
    s = Scenario(kind)
    s.apply()
    s.settle(10 * MINUTE)
    assert gap(s) is None
    s.at("put secret", lambda: s.world.clock.advance(timedelta(seconds=7)))
    s.rotate()
    told = gap(s)
    assert told is not None
    assert 7 <= told < 8
    s.settle(HOUR)
    assert gap(s) == told
    s.rotate()
    assert (gap(s) or 0) < 1


def test_a_kill_in_the_gap_is_counted_into_it():
    s = ran("single create")
    trace = len(s.world.faults.trace)
    s.rotate()
    at = next(n for n, name in enumerate(s.world.faults.trace[trace:], trace) if name.startswith("apply"))
    s = ran("single create", Hit(Kind.KILL_AFTER, at))
    s.at("put secret", lambda: s.world.clock.advance(timedelta(seconds=90)))
    s.rotate()
    assert (gap(s) or 0) >= 90


@pytest.mark.parametrize("kind", ["dual create", "overlap create"])
def test_where_another_value_logs_in_there_is_none(kind):
    s = ran(kind)
    s.rotate()
    assert gap(s) is None


def test_a_secret_that_is_put_back_later_is_no_gap():
    s = ran("single create")
    told = gap(s)
    s.world.forget_secret("orders")
    s.settle(HOUR)
    assert gap(s) == told
