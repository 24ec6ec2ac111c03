"""What each guard is for: with it taken out, the scenario that is named beside it fails; with it, it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from tests.protocol import test_admins as admins
from tests.protocol import test_changes as changes
from tests.protocol import test_commands as commands
from tests.protocol import test_faults as faults
from tests.protocol import test_imports as imports
from tests.protocol import test_issuing as issued
from tests.protocol import test_life_and_return as life
from tests.protocol import test_lost_alone as lost
from tests.protocol import test_overlap as overlap
from tests.protocol import test_refusals as refusals
from tests.protocol import test_restores as restores
from tests.protocol import test_two_controllers as races
from tests.protocol import test_without_marks as unmarked
from tests.world.faults import Hit, Kind
from tests.world.scenario import HOUR, INTERVAL, ISSUED, MINUTE, Scenario, ran
from tests.world.server import Server

from keyward.controller.effects import Effects
from keyward.controller.execute import Executor
from keyward.controller.issuing import Issuing
from keyward.domain import admins as domain_admins
from keyward.domain import (
    deletion,
    doubt,
    issuing,
    located,
    making,
    marks,
    projection,
    reserving,
    retention,
    retiring,
    rotation,
    settling,
)
from keyward.domain.history import History
from keyward.domain.model import Memory
from keyward.domain.steps import Wait
from keyward.domain.version import CauseKind, Mode

Play = Callable[[], object]


@dataclass(frozen=True)
class Removal:
    """A guard, how to take it out, and the scenario that shows it."""

    guard: str
    owner: Any
    name: str
    without: Any
    play: Play


def guard_of_rotation(name: str, play: Play) -> Removal:
    return Removal(name, rotation, "GUARDS", tuple(g for g in rotation.GUARDS if g.__name__ != name), play)


def guard_of_reserve(name: str, play: Play) -> Removal:
    guard = getattr(reserving, name)
    return Removal(name, reserving, "GUARDS", tuple(g for g in reserving.GUARDS if g is not guard), play)


def patched(guard: str, owner: Any, without: Any, play: Play) -> Removal:
    return Removal(guard, owner, guard, without, play)


# --- scenarios that no other page names -------------------------------------------------------------------------------


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


def suspended_rotates_nothing() -> None:
    s = ran("dual create")
    number = s.history.highest.sequence
    s.edit(suspended=True)
    s.settle(3 * INTERVAL)
    assert s.history.highest.sequence == number


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
    faults._break_now(s, faults.Side.ENGINE, 8 * 3600)
    before = len(s.world.api.writes)
    s.settle(8 * HOUR)
    assert len(s.world.api.writes) - before < 120


def killed_between_reserve_and_promotion() -> None:
    for kind in ("dual create", "single create"):
        for index in range(len(faults.effects_of(kind))):
            s = faults.life(kind, Hit(Kind.KILL_AFTER, index))
            assert faults.one_version_per_rotation(s)


def the_finalizer_is_there_before_the_account() -> None:
    from dataclasses import replace

    from tests.world.scenario import wish_of

    from keyward.domain.model import AccountsPolicy, DeletionWish

    wish = replace(wish_of("dual create"), deletion=DeletionWish(AccountsPolicy.DROP))
    s = Scenario("dual create", Hit(Kind.KILL_AFTER, 2), wish=wish)
    s.apply()
    s._round()
    s.remove()
    s.settle(HOUR)
    assert not s.world.server.accounts


def restarted_while_the_value_was_changed_by_hand() -> None:
    s = ran("single create")
    s.world.server.accounts["x"].password = b"by hand"
    s.world.forget_secret("orders")
    del s.world.api.secrets["orders"]
    s.controllers = [s.start(s.world.api)]
    s.settle(HOUR)
    s.finish()


def the_account_in_use_is_never_touched() -> None:
    """Whatever the records say: a pending version of the account that current has."""
    from dataclasses import replace

    s = ran("dual create")
    s.at("apply", lambda: _forge_account(s, replace))
    s.rotate()
    s.settle(HOUR)
    s.finish()


def _forge_account(s: Scenario, replace: Any) -> None:
    api, top, current = s.world.api, s.history.highest, s.history.current
    stored = api.versions[top.name]
    value = s.world.stores["c1"].peek(stored)
    forged = replace(stored.version, account=current.account, resource_version=api.fresh())
    api.versions[top.name] = replace(stored, version=forged)
    assert value
    for controller in s.controllers[:]:
        controller.p.alive = False


def a_refused_login_never_promotes() -> None:
    refusals.test_a_candidate_that_the_policy_refuses_is_abandoned_and_another_one_reserved("single create")


def retired_values_are_pruned_and_the_needed_ones_kept() -> None:
    s = ran("dual create", 3)
    s.finish()
    previous = s.history.previous
    assert previous is not None


async def no_record(*_args: object) -> None:
    return None


def never(*_args: object, **_kwargs: object) -> None:
    return None


async def is_any_orphan(*_: object, **__: object) -> bool:
    return True


REMOVALS = [
    guard_of_rotation("take_up_again", lives_on_after_its_window),
    guard_of_rotation("annotate_before_effects", the_finalizer_is_there_before_the_account),
    guard_of_rotation("back_off", an_outage_is_not_hammered),
    guard_of_rotation(
        "respect_target", lambda: changes.test_endpoints_that_were_not_approved_are_never_logged_in_to("dual create")
    ),
    guard_of_rotation(
        "stop_in_doubt", lambda: restores.test_restored_elsewhere_one_version_behind_touches_nothing("dual create")
    ),
    guard_of_rotation(
        "give_back_login", lambda: life.test_disabled_accounts_are_given_back_to_the_one_who_returns("dual create")
    ),
    guard_of_rotation("settle_pending", killed_between_reserve_and_promotion),
    guard_of_rotation(
        "go_back", commands.test_going_back_to_the_other_account_of_a_dual_pair_publishes_its_value_again
    ),
    guard_of_rotation(
        "prove_before_projecting", lambda: lost.test_a_deleted_secret_is_back_after_a_restart("dual create")
    ),
    guard_of_rotation(
        "refuse_cycles", admins.test_a_login_that_would_change_itself_is_refused_unless_the_target_allows_it
    ),
    guard_of_rotation(
        "wait_for_the_admin", admins.test_while_the_admin_login_changes_itself_others_wait_and_then_go_on
    ),
    guard_of_reserve("hold_for_the_admin", admins.test_the_admins_account_is_not_changed_by_who_does_not_publish_it),
    patched(
        "locked_out",
        domain_admins,
        never,
        admins.test_neither_value_of_a_login_that_changes_itself_gets_in_each_is_tried_once_and_a_person_is_called,
    ),
    guard_of_reserve("hold_when_frozen", suspended_rotates_nothing),
    guard_of_reserve("hold_until_projected", a_secret_that_cannot_be_written_keeps_its_value_alive),
    guard_of_reserve("hold_for_grace", rotated_now_twice_within_the_grace),
    patched(
        "_newer_stands_there",
        projection,
        lambda _seen, _history: False,
        lambda: restores.test_one_version_behind_in_the_same_cluster_stops_until_takeover("dual create"),
    ),
    patched(
        "_look_for_newer",
        Effects,
        never,
        lambda: restores.test_one_version_behind_and_without_its_secret_never_takes_a_number_that_the_target_knows(
            "single create"
        ),
    ),
    patched(
        "_judge_own",
        marks,
        never,
        lambda: restores.test_a_fork_of_the_same_number_stops_the_one_who_comes_second("dual create"),
    ),
    patched(
        "_judge_existing",
        marks,
        never,
        life.test_after_the_window_an_account_of_the_dead_lineage_is_not_taken_by_create_but_by_import,
    ),
    patched(
        "denies",
        Memory,
        lambda self, version, digest: (version.sequence, digest) in self.denied,
        lambda: races.test_two_that_run_at_once_in_any_order_do_no_harm("single create", created=False),
    ),
    patched(
        "other_data",
        located,
        never,
        lambda: changes.test_endpoints_that_lead_to_other_data_get_nothing_applied("dual import", "before"),
    ),
    patched(
        "is_dead",
        History,
        lambda _self, _version: False,
        commands.test_going_back_to_a_dead_value_is_refused_in_words_and_changes_nothing,
    ),
    patched(
        "expect",
        Server,
        never,
        lambda: races.test_one_that_pauses_anywhere_while_the_other_goes_on_does_no_harm("dual create", created=True),
    ),
    patched(
        "_applying",
        Executor,
        no_record,
        lambda: races.test_one_that_pauses_anywhere_while_the_other_goes_on_does_no_harm(
            "dual create unmarked", created=True
        ),
    ),
    patched(
        "carried",
        making,
        lambda _top, _absent: (),
        lambda: unmarked.test_it_is_still_known_when_the_version_that_made_it_is_pruned("dual create unmarked"),
    ),
    patched(
        "carried",
        making,
        lambda top, _absent: tuple(sorted(making.ours(top))) if top else (),
        lambda: unmarked.test_an_account_that_went_away_and_came_back_as_somebody_elses_is_never_touched(
            "dual create unmarked"
        ),
    ),
    patched(
        "ours",
        making,
        lambda version: frozenset((*version.made, *version.absent)),
        lambda: unmarked.test_an_account_that_came_between_reservation_and_apply_is_never_touched(
            "dual create unmarked"
        ),
    ),
    patched(
        "keep",
        retention,
        lambda _seen, history: (history.highest, history.current),
        retired_values_are_pruned_and_the_needed_ones_kept,
    ),
    patched(
        "_cannot_undo",
        deletion,
        lambda *_args: False,
        lambda: life.test_the_finalizer_lets_go_when_the_target_never_answers_again(life.AccountsPolicy.DROP),
    ),
    patched(
        "why",
        doubt,
        lambda _seen, _history: None,
        lambda: restores.test_in_another_cluster_nothing_is_touched_while_the_old_one_lives("dual create"),
    ),
    guard_of_reserve("hold_until_ended", overlap.test_between_two_rotations_the_value_before_current_is_ended),
    patched(
        "grace_ends",
        reserving,
        lambda _seen, _current, now: now,
        overlap.test_the_previous_value_logs_in_for_the_grace_and_no_longer,
    ),
    patched(
        "_held",
        retiring,
        lambda _seen, _current, _now: None,
        overlap.test_the_previous_value_logs_in_for_the_grace_and_no_longer,
    ),
    patched(
        "unwritten",
        settling,
        lambda _seen, _history: (),
        overlap.test_while_a_secret_is_not_written_its_value_is_not_ended,
    ),
    patched(
        "_may_work",
        retiring,
        lambda seen: seen.wish.mode is Mode.OVERLAP,
        overlap.test_nothing_is_ended_while_rotation_is_suspended,
    ),
    patched(
        "import_incomplete",
        settling,
        lambda _seen, _history: False,
        imports.test_the_first_named_of_two_valid_imports_is_current,
    ),
    Removal(
        "withdraw_lost",
        rotation,
        "GUARDS",
        tuple(g for g in rotation.GUARDS if g is not issuing.withdraw_lost),
        lambda: issued.test_a_key_that_nobody_was_told_of_is_switched_off_deleted_and_one_new_key_is_issued(
            Kind.KILL_AFTER
        ),
    ),
    patched(
        "may_be_ours",
        issuing,
        lambda _version, _value: True,
        issued.test_a_key_of_a_person_that_is_older_than_the_intent_and_listed_late_is_never_deleted,
    ),
    patched(
        "strangers",
        issuing,
        lambda _known, _values: (),
        issued.test_a_key_of_a_person_is_never_deleted_and_stops_the_rotation_until_it_goes,
    ),
    patched(
        "_same_system",
        issuing,
        lambda _situation: None,
        lambda: changes.test_endpoints_that_lead_to_other_data_get_nothing_applied(ISSUED, "create v"),
    ),
    patched(
        "is_new",
        issuing,
        lambda version, _now: version.issued_at is not None,
        issued.test_a_new_key_that_a_person_deletes_before_it_is_known_is_replaced,
    ),
    patched(
        "is_new",
        issuing,
        lambda _version, _now: False,
        lambda: issued.test_a_new_key_that_is_refused_at_first_is_asked_for_again_and_kept(restarted=True),
    ),
    patched(
        "_is_orphan",
        Issuing,
        is_any_orphan,
        issued.test_a_key_that_was_used_is_never_deleted_and_stops_the_rotation,
    ),
    patched(
        "note",
        issuing,
        lambda _history, ids, at: issuing.Note(tuple(ids), at),
        issued.test_a_lost_key_that_is_listed_only_later_is_found_all_the_same,
    ),
]


@pytest.mark.parametrize("removal", REMOVALS, ids=lambda r: r.guard.strip("_"))
def test_the_scenario_holds_with_its_guard_and_fails_without_it(removal, monkeypatch):
    removal.play()
    monkeypatch.setattr(removal.owner, removal.name, removal.without)
    with pytest.raises((AssertionError, KeyError, AttributeError, TypeError, StopIteration)):
        removal.play()


def test_every_guard_of_the_planner_has_a_scenario_that_shows_it():
    shown = {r.guard for r in REMOVALS} | {"hold_for_consumers"}
    assert {g.__name__ for g in (*rotation.GUARDS, *reserving.GUARDS)} <= shown


def test_who_still_holds_the_previous_value_stops_the_next_reserve():
    class Seen:
        gate = "pod web-0 holds version v3"

    class Situation:
        seen, now = Seen(), timedelta()

    need = reserving.Need(CauseKind.SCHEDULE, None)  # type: ignore[arg-type]
    wait = reserving.hold_for_consumers(Situation(), need)  # type: ignore[arg-type]
    assert isinstance(wait, Wait)
    assert wait.message == Seen.gate
    forced = reserving.Need(CauseKind.TOKEN, None, "leak#force")  # type: ignore[arg-type]
    assert reserving.hold_for_consumers(Situation(), forced) is None  # type: ignore[arg-type]
    assert Mode.DUAL
