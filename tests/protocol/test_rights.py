"""Rights that a person changed: the rotation aligns them, or, where that is refused, waits before anything is reserved."""

from __future__ import annotations

import pytest
from tests.world.scenario import HOUR, NAME, Scenario, ran

from keyward.domain.model import RightsPolicy

PAIRS = ("dual create", "dual import", "dual create unmarked", "dual import unmarked")


def _other(s: Scenario) -> str:
    """The account of the pair that is set next."""
    return next(name for name in s.wish.accounts if name != s.history.current.account)


def _refusing(kind: str) -> Scenario:
    s = ran(kind)
    s.edit(on_rights_drift=RightsPolicy.REFUSE)
    s.world.server.drifted = {_other(s)}
    return s


@pytest.mark.parametrize("kind", PAIRS)
def test_a_rotation_that_would_change_rights_waits_until_a_person_has_mended_them(kind):
    s = _refusing(kind)
    value, number, learnt = s.value(), s.history.highest.sequence, len(s.world.server.learnt)
    s.rotate()
    assert (s.value(), s.history.highest.sequence, len(s.world.server.learnt)) == (value, number, learnt)
    status = s.world.api.credentials[NAME].status
    rotated = next(c for c in status["conditions"] if c["type"] == "Rotated")
    assert (rotated["status"], rotated["reason"]) == ("False", "RightsDiffer")
    model = "the spec" if "create" in kind else f"account {s.history.current.account!r}, which is in use"
    assert f"spec.rotation.onRightsDrift: compared with {model}" in rotated["message"]
    assert f"{_other(s)!r} lacks UPDATE on orders" in rotated["message"]
    assert next(c for c in status["conditions"] if c["type"] == "Ready")["status"] == "True"
    assert status["failures"]["count"] > 1  # it backs off
    s.world.server.drifted = set()
    s.settle(2 * HOUR)
    assert s.history.highest.sequence == number + 1
    s.finish()


def test_it_goes_on_when_the_field_is_switched():
    s = _refusing("dual create")
    number = s.history.highest.sequence
    s.rotate()
    assert s.history.highest.sequence == number
    s.edit(on_rights_drift=RightsPolicy.ALIGN)
    s.settle(2 * HOUR)
    assert s.history.highest.sequence == number + 1
    s.finish()


@pytest.mark.parametrize("kind", PAIRS)
def test_the_rights_of_the_account_in_use_stop_nothing(kind):
    s = _refusing(kind)
    number = s.history.highest.sequence
    s.world.server.drifted = {s.history.current.account}
    s.rotate()
    assert s.history.highest.sequence == number + 1


@pytest.mark.parametrize("kind", ["dual create", "dual import"])
def test_a_leak_ends_first(kind):
    s = _refusing(kind)
    number = s.history.highest.sequence
    s.world.server.drifted = set(s.wish.accounts)
    s.world.excused = set(s.wish.accounts)
    s.apply(rotate="leak#force")
    s.settle(HOUR)
    assert s.history.highest.sequence == number + 2
    s.finish()


@pytest.mark.parametrize("kind", [*PAIRS, "single create"])
def test_a_first_value_is_made_or_taken_over_whatever_rights_there_are(kind):
    s = Scenario(kind)
    s.edit(on_rights_drift=RightsPolicy.REFUSE)
    s.world.server.drifted = set(s.wish.accounts)
    s.apply()
    s.settle(HOUR)
    assert s.value()
    s.finish()


def test_an_import_that_is_corrected_beside_a_current_one_sets_nothing_and_is_compared_with_nobody():
    s = Scenario("dual import")
    s.edit(on_rights_drift=RightsPolicy.REFUSE)
    s.world.imports["a"] = b"wrong"
    s.world.server.drifted = {"a"}
    s.apply()
    s.settle(HOUR)
    s.world.imports["a"] = b"imported-a"
    s.settle(HOUR)
    assert (s.history.current.account, s.value()) == ("a", b"imported-a")
