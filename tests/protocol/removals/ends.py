"""What ends: the value before current, an issued one that is lost, versions, accounts, a lineage (protocol §3, §5, §7, §12)."""

from __future__ import annotations

from tests.protocol import test_changes as changes
from tests.protocol import test_issuing as issued
from tests.protocol import test_life_and_return as life
from tests.protocol import test_overlap as overlap
from tests.protocol.removals import scenarios
from tests.protocol.removals.removal import never, patched
from tests.world.scenario import ISSUED

from keyward.controller.issuing import Issuing
from keyward.domain import deletion, issuing, retention, retiring
from keyward.domain.model import AccountsPolicy
from keyward.domain.steps import Wait
from keyward.domain.version import Mode


async def _any_orphan(*_: object, **__: object) -> bool:
    return True


REMOVALS = [
    # --- the value before current ---
    patched(
        "_held",
        retiring,
        lambda _seen, _current, _now: None,
        overlap.test_the_previous_value_logs_in_for_the_grace_and_no_longer,
    ),
    patched(
        "_may_work",
        retiring,
        lambda seen: seen.wish.mode is Mode.OVERLAP,
        overlap.test_nothing_is_ended_while_rotation_is_suspended,
    ),
    # --- issued values ---
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
        never,
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
        _any_orphan,
        issued.test_a_key_that_was_used_is_never_deleted_and_stops_the_rotation,
    ),
    patched(
        "note",
        issuing,
        lambda _history, ids, at: issuing.Note(tuple(ids), at),
        issued.test_a_lost_key_that_is_listed_only_later_is_found_all_the_same,
    ),
    # --- versions ---
    patched(
        "keep",
        retention,
        lambda _seen, history: (history.highest, history.current),
        scenarios.retired_values_are_pruned_and_the_needed_ones_kept,
    ),
    patched(
        "plan_rewrap",
        retention,
        lambda _seen: Wait(None, "NothingToRewrap"),
        lambda: changes.test_by_a_new_key_version_every_stored_version_is_wrapped_anew("dual create"),
    ),
    patched(
        "sweep",
        deletion,
        lambda _versions, _live, _now: [],
        lambda: life.test_after_the_window_the_versions_are_gone("generic"),
    ),
    # --- accounts ---
    patched(
        "_cannot_undo",
        deletion,
        lambda *_args: False,
        lambda: life.test_the_finalizer_lets_go_when_the_target_never_answers_again(AccountsPolicy.DROP),
    ),
    patched(
        "_wait_for_target",
        deletion,
        never,
        lambda: life.test_a_deletion_never_takes_the_admin_to_endpoints_that_nobody_approved(AccountsPolicy.DROP),
    ),
    patched(
        "_wait_for_target",
        deletion,
        never,
        lambda: life.test_a_deletion_does_nothing_on_a_suspended_target_and_goes_on_when_it_is_resumed(
            AccountsPolicy.DISABLE
        ),
    ),
]
