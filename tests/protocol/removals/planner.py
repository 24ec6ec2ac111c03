"""The guards that the planner goes through, of the rotation and before a reserve, and what they ask (protocol §4, §5, §6, §9)."""

from __future__ import annotations

from tests.protocol import test_admins as admin_logins
from tests.protocol import test_changes as changes
from tests.protocol import test_commands as commands
from tests.protocol import test_drift as drift
from tests.protocol import test_faults as faults
from tests.protocol import test_issuing as issued
from tests.protocol import test_life_and_return as life
from tests.protocol import test_lost_alone as lost
from tests.protocol import test_overlap as overlap
from tests.protocol import test_restores as restores
from tests.protocol import test_rights as rights
from tests.protocol import test_suspended as suspended
from tests.protocol import test_targets as targets
from tests.protocol.removals import scenarios
from tests.protocol.removals.removal import guard_of_reserve, guard_of_rotation, never, patched
from tests.world.faults import Kind

from keyward.domain import admins, located, reserving, rotation
from keyward.domain.history import History
from keyward.domain.situation import Situation
from keyward.domain.version import CauseKind

_NEXT_NEED = reserving.next_need


def _no_drift(s: Situation) -> reserving.Need | None:
    need = _NEXT_NEED(s)
    return None if need is not None and need.kind is CauseKind.DRIFT else need


REMOVALS = [
    # --- rotation ---
    guard_of_rotation("take_up_again", scenarios.lives_on_after_its_window),
    guard_of_rotation("annotate_before_effects", scenarios.the_finalizer_is_there_before_the_account),
    guard_of_rotation("back_off", scenarios.an_outage_is_not_hammered),
    guard_of_rotation(
        "respect_suspension",
        lambda: targets.test_nobody_goes_to_a_suspended_target_and_what_fell_due_is_done_once_when_it_is_resumed(
            "dual create"
        ),
    ),
    guard_of_rotation(
        "respect_approval", lambda: changes.test_endpoints_that_were_not_approved_are_never_logged_in_to("dual create")
    ),
    guard_of_rotation(
        "respect_allowed_accounts",
        lambda: targets.test_an_account_that_the_target_does_not_allow_is_not_touched_any_more("dual create"),
    ),
    guard_of_rotation(
        "refuse_cycles", admin_logins.test_a_login_that_would_change_itself_is_refused_unless_the_target_allows_it
    ),
    guard_of_rotation(
        "wait_for_the_admin", admin_logins.test_while_the_admin_login_changes_itself_others_wait_and_then_go_on
    ),
    guard_of_rotation(
        "stop_in_doubt", lambda: restores.test_restored_elsewhere_one_version_behind_touches_nothing("dual create")
    ),
    guard_of_rotation(
        "give_back_login", lambda: life.test_disabled_accounts_are_given_back_to_the_one_who_returns("dual create")
    ),
    guard_of_rotation("settle_pending", scenarios.killed_between_reserve_and_promotion),
    guard_of_rotation(
        "go_back", commands.test_going_back_to_the_other_account_of_a_dual_pair_publishes_its_value_again
    ),
    guard_of_rotation(
        "prove_before_projecting", lambda: lost.test_a_deleted_secret_is_back_after_a_restart("dual create")
    ),
    guard_of_rotation(
        "withdraw_lost",
        lambda: issued.test_a_key_that_nobody_was_told_of_is_switched_off_deleted_and_one_new_key_is_issued(
            Kind.KILL_AFTER
        ),
    ),
    patched(
        "wants_finalizer", rotation, lambda _seen: True, lambda: faults.test_each_write_earns_its_place("generic", 3, 3)
    ),
    # --- before a reserve ---
    guard_of_reserve(
        "hold_when_frozen",
        lambda: suspended.test_what_falls_due_or_is_asked_for_waits_and_is_done_once_afterwards(
            "dual create", "--freeze"
        ),
    ),
    guard_of_reserve("hold_until_projected", scenarios.a_secret_that_cannot_be_written_keeps_its_value_alive),
    guard_of_reserve("hold_for_grace", scenarios.rotated_now_twice_within_the_grace),
    guard_of_reserve("hold_until_ended", overlap.test_between_two_rotations_the_value_before_current_is_ended),
    guard_of_reserve(
        "hold_for_the_admin", admin_logins.test_the_admins_account_is_not_changed_by_who_does_not_publish_it
    ),
    guard_of_reserve(
        "hold_within_allowed_privileges",
        lambda: rights.test_a_limit_that_became_narrower_holds_from_the_next_rotation_on("dual create"),
    ),
    patched(
        "next_need",
        reserving,
        _no_drift,
        lambda: drift.test_a_password_that_a_person_changed_is_replaced_by_a_rotation("dual create"),
    ),
    patched(
        "grace_ends",
        reserving,
        lambda _seen, _current, now: now,
        overlap.test_the_previous_value_logs_in_for_the_grace_and_no_longer,
    ),
    # --- what they ask ---
    patched(
        "locked_out",
        admins,
        never,
        admin_logins.test_neither_value_of_a_login_that_changes_itself_gets_in_each_is_tried_once_and_a_person_is_called,
    ),
    patched(
        "spare_the_admin",
        admins,
        never,
        admin_logins.test_the_admins_account_is_not_changed_by_who_does_not_publish_it,
    ),
    patched(
        "not_the_admins",
        admins,
        never,
        admin_logins.test_of_redis_an_account_is_imported_only_where_it_is_kept_as_the_admins,
    ),
    patched(
        "is_the_only_login",
        admins,
        never,
        lambda: (
            admin_logins.test_the_only_login_of_an_admin_is_not_replaced_before_it_has_logged_in_whatever_the_target_lists(
                "overlap import unmarked"
            )
        ),
    ),
    patched(
        "other_data",
        located,
        never,
        lambda: changes.test_endpoints_that_lead_to_other_data_get_nothing_applied("dual import", "before"),
    ),
    patched(
        "altered",
        History,
        lambda _self, _seen: False,
        lambda: lost.test_a_predecessor_that_was_exchanged_freezes_rotation_and_never_reading("dual create"),
    ),
    patched(
        "is_dead",
        History,
        lambda _self, _version: False,
        commands.test_going_back_to_a_dead_value_is_refused_in_words_and_changes_nothing,
    ),
    patched(
        "free_version_id",
        History,
        lambda _self, sequence, wanted="": wanted or f"v{sequence}",
        commands.test_an_id_that_a_person_gave_to_a_version_is_no_other_ones,
    ),
]
