"""Rights that a person changed: the rotation aligns them, or, where that is refused, waits before anything is reserved."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.world.scenario import HOUR, MINUTE, NAME, Scenario, ran

from keyward.domain.allowances import Allowance, Asked
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


# --- what the Target allows ---


READ = (Allowance(("orders", "orders_*"), ("ReadOnly",)),)
MORE = (*READ, Allowance(("orders_?",), ("ReadWrite",)), Allowance(("*",), ("DMLOnly",)))
ASKED = (Asked("orders_1", "ReadWrite"), Asked("orders", "ReadOnly"))


def _limit(s: Scenario, allowed: tuple[Allowance, ...] | None) -> None:
    s.world.target = replace(s.world.target, allowed=allowed)


def _asking(kind: str, allowed: tuple[Allowance, ...] | None) -> Scenario:
    s = Scenario(kind)
    s.edit(asked=ASKED)
    _limit(s, allowed)
    return s


@pytest.mark.parametrize("kind", ["dual create", "single create", "dual create unmarked", "overlap create"])
@pytest.mark.parametrize("mended_by", ["the Target", "the Credential", "no limit"])
def test_who_asks_for_more_than_is_allowed_gets_nothing_made_until_either_side_is_edited(kind, mended_by):
    s = _asking(kind, READ)
    s.apply()
    s.settle(HOUR)
    assert not s.world.server.accounts
    assert not s.world.api.versions
    status = s.world.api.credentials[NAME].status
    stalled = next(c for c in status["conditions"] if c["type"] == "Stalled")
    assert stalled["reason"] == "PrivilegeNotAllowed"
    assert stalled["message"] == (
        "spec.rds.create.privileges[].level: spec.rds.allowedPrivileges of Target pg does not allow ReadWrite on database "
        "'orders_1', where it allows ReadOnly: ask for less, or add it there"
    )
    assert "failures" not in status
    if mended_by == "the Credential":
        s.edit(asked=(Asked("orders_1", "ReadOnly"),))
    else:
        _limit(s, MORE if mended_by == "the Target" else None)
    s.settle(MINUTE)
    assert s.value()
    s.finish()


@pytest.mark.parametrize("kind", ["dual create", "dual create unmarked", "single create"])
def test_a_limit_that_became_narrower_holds_from_the_next_rotation_on(kind):
    s = _asking(kind, MORE)
    s.apply()
    s.settle(10 * MINUTE)
    s.rotate()
    value, number = s.value(), s.history.highest.sequence
    _limit(s, READ)
    s.settle(HOUR)
    assert "PrivilegeNotAllowed" not in s.state(s.world.api)
    s.apply(rotate="leak#force")  # whose word it is: the platform's, also when a value has leaked
    s.rotate()
    assert (s.value(), s.history.highest.sequence) == (value, number)
    assert "PrivilegeNotAllowed" in s.state(s.world.api)
    ready = next(c for c in s.world.api.credentials[NAME].status["conditions"] if c["type"] == "Ready")
    assert ready["status"] == "True"


def test_a_limit_that_became_narrower_in_the_midst_of_a_rotation_lets_it_end():
    s = _asking("dual create", MORE)
    s.apply()
    s.settle(10 * MINUTE)
    number = s.history.highest.sequence
    s.at("create v", lambda: _limit(s, READ))
    s.rotate()
    assert s.world.target.allowed == READ
    assert (s.history.current.sequence, s.history.highest.sequence) == (number + 1, number + 1)


def test_what_is_copied_is_judged_by_the_limit_of_the_target():
    """An imported pair asks for nothing itself; the engine is told the limit, and the account in use."""
    s = ran("dual import")
    _limit(s, READ)
    s.rotate()
    flip = s.world.server.flips[-1]
    assert (flip.like, flip.allowed) == (next(a for a in s.wish.accounts if a != flip.account), READ)


@pytest.mark.parametrize(
    ("kind", "asked", "says"),
    [
        ("redis", Asked("*", "ReadWrite"), "spec.redis.create.privilege: ReadWrite is not allowed: spec.redis.allowed"),
        (
            "rds",
            Asked("", ""),
            "spec.rds.create.privileged: the cloud's privileged account may do everything, and spec.rds.",
        ),
        ("rds", Asked("stock", "ReadOnly"), "ReadOnly on database 'stock', where it allows nothing"),
    ],
)
def test_what_was_asked_and_what_is_allowed_is_said_in_the_words_of_the_type(kind, asked, says):
    s = _asking("dual create", READ if kind == "rds" else (Allowance(("*",), ("ReadOnly",)),))
    s.edit(type=kind, asked=(asked,))
    s.apply()
    s.settle(HOUR)
    assert not s.world.server.accounts
    assert says in s.state(s.world.api).replace("\\", "")
    _limit(s, None)
    s.settle(MINUTE)
    s.finish()
