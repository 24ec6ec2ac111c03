"""Scenarios that no other page names. Each of them is played by a removal, or `test_guards` fails."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.protocol import test_faults as faults
from tests.protocol import test_life_and_return as life
from tests.world.faults import Hit, Kind, Outage, Side
from tests.world.scenario import HOUR, INTERVAL, MINUTE, Scenario, ran, wish_of

from keyward.domain.model import AccountsPolicy, DeletionWish


def lives_on_after_its_window() -> None:
    s = life.started("dual create")
    s.remove()
    s.settle(HOUR)
    s.apply()
    s.settle(10 * MINUTE)
    s.remove()
    s.settle(timedelta(days=30) - 30 * MINUTE)
    s.apply()
    s.settle(timedelta(days=3))
    s.finish()


def a_secret_that_cannot_be_written_keeps_its_value_alive() -> None:
    s = ran("dual create")
    for controller in s.controllers:
        controller.p.refuses_secrets = True
    s.settle(4 * INTERVAL)
    s.world.check()


def rotated_now_twice_within_the_grace() -> None:
    s = ran("dual create")
    for text in ("a", "b", "c"):
        s.apply(rotate=text)
        s.settle(MINUTE)
    s.settle(HOUR)


def an_outage_is_not_hammered() -> None:
    s = ran("dual create")
    now = s.world.clock.real
    s.world.faults.outages = (Outage(Side.ENGINE, now, now + 8 * HOUR),)
    before = len(s.world.api.writes)
    s.settle(8 * HOUR)
    assert len(s.world.api.writes) - before < 120


def killed_between_reserve_and_promotion() -> None:
    for kind in ("dual create", "single create"):
        for index in range(len(faults.effects_of(kind))):
            s = faults.life(kind, Hit(Kind.KILL_AFTER, index))
            assert faults.one_version_per_rotation(s)


def the_finalizer_is_there_before_the_account() -> None:
    wish = replace(wish_of("dual create"), deletion=DeletionWish(AccountsPolicy.DROP))
    s = Scenario("dual create", Hit(Kind.KILL_AFTER, 2), wish=wish)
    s.apply()
    s._round()
    s.remove()
    s.settle(HOUR)
    assert not s.world.server.accounts


def a_value_that_a_person_has_replaced_is_not_published_again_after_a_restart() -> None:
    s = ran("single create")
    outdated = s.value()
    s.world.server.accounts["x"].password = b"by hand"
    s.world.forget_secret("orders")
    del s.world.api.secrets["orders"]
    s.controllers = [s.start(s.world.api)]
    s.settle(HOUR)
    assert [held.password for held in s.world.held].count(outdated) == 1
    s.finish()


def the_account_in_use_is_never_touched() -> None:
    """Whatever the records say: a pending version of the account that current has."""
    s = ran("dual create")
    s.at("apply", lambda: _forge_account(s))
    s.rotate()
    s.settle(HOUR)
    s.finish()


def _forge_account(s: Scenario) -> None:
    api, top, current = s.world.api, s.history.highest, s.history.current
    assert top is not None
    assert current is not None
    stored = api.versions[top.name]
    forged = replace(stored.version, account=current.account, resource_version=api.fresh())
    api.versions[top.name] = replace(stored, version=forged)
    for controller in s.controllers:
        controller.p.alive = False


def retired_values_are_pruned_and_the_needed_ones_kept() -> None:
    s = ran("dual create", 3)
    s.finish()
    assert s.history.previous is not None
