"""How a reserved version ends, what is published of it, and what has leaked (protocol §5, §6, §10, §11)."""

from __future__ import annotations

from tests.protocol import test_changes as changes
from tests.protocol import test_corrected_imports as corrected
from tests.protocol import test_imports as imports
from tests.protocol import test_leaks as leaking
from tests.protocol import test_lost_alone as lost
from tests.protocol import test_overlap as overlap
from tests.protocol import test_refusals as refusals
from tests.protocol import test_restores as restores
from tests.protocol import test_suspended as suspended
from tests.protocol import test_two_controllers as races
from tests.protocol.removals import scenarios
from tests.protocol.removals.removal import asked_by, never, patched
from tests.world.scenario import ISSUED

from keyward.domain import issuing, leaks, ownership, projection, settling, suspension
from keyward.domain.history import History
from keyward.domain.model import Memory, Observed
from keyward.domain.situation import Situation
from keyward.domain.steps import Wait

REMOVALS = [
    # --- what is reserved ---
    patched("spare_the_one_in_use", settling, never, scenarios.the_account_in_use_is_never_touched),
    asked_by(
        settling,
        "suspension.rest",
        never,
        lambda: suspended.test_what_is_reserved_and_was_not_sent_stays_so_until_afterwards("dual create", "--freeze"),
    ),
    asked_by(
        issuing,
        "suspension.rest",
        never,
        lambda: suspended.test_what_is_reserved_and_was_not_sent_stays_so_until_afterwards(ISSUED, "--freeze"),
    ),
    patched(
        "_is_first",
        suspension,
        lambda _situation: False,
        lambda: suspended.test_a_credential_without_a_value_gets_its_first_one("dual create", "--freeze"),
    ),
    patched(
        "_is_first",
        suspension,
        lambda s: s.history.current is None,
        lambda: suspended.test_an_account_whose_versions_are_lost_is_not_set_anew_by_a_takeover("--freeze"),
    ),
    patched(
        "_still_wanted",
        settling,
        lambda _situation, _version: True,
        lambda: changes.test_a_candidate_that_was_never_sent_and_is_no_longer_wanted_is_superseded("dual create"),
    ),
    patched(
        "proven",
        Situation,
        lambda _self, _version: True,
        lambda: refusals.test_a_candidate_that_the_policy_refuses_is_abandoned_and_another_one_reserved(
            "single create"
        ),
    ),
    patched(
        "denies",
        Memory,
        lambda self, version, digest: (version.sequence, digest) in self.denied,
        lambda: races.test_two_that_run_at_once_in_any_order_do_no_harm("single create", created=False),
    ),
    patched(
        "import_incomplete",
        settling,
        lambda _seen, _history: False,
        imports.test_the_first_named_of_two_valid_imports_is_current,
    ),
    patched(
        "to_import_again",
        History,
        property(lambda _self: ()),
        lambda: corrected.test_a_corrected_password_is_taken_as_if_it_had_been_right_at_once("single import", "a"),
    ),
    # --- what is published ---
    patched(
        "proven",
        Observed,
        lambda _seen, _current: True,
        scenarios.a_value_that_a_person_has_replaced_is_not_published_again_after_a_restart,
    ),
    patched(
        "_newer_stands_there",
        projection,
        lambda _seen, _history: False,
        lambda: restores.test_one_version_behind_in_the_same_cluster_stops_until_takeover("dual create"),
    ),
    patched(
        "unwritten",
        settling,
        lambda _seen, _history: (),
        overlap.test_while_a_secret_is_not_written_its_value_is_not_ended,
    ),
    patched("judge", ownership, never, lost.test_a_strangers_secret_is_never_written),
    # --- what has leaked ---
    patched(
        "plan",
        leaks,
        lambda _seen, _now: Wait(None, "NothingLeaked"),
        lambda: leaking.test_while_it_still_logs_in_that_is_said_and_it_is_tried_again("dual create"),
    ),
    patched(
        "unproven",
        leaks,
        lambda _seen, _history: (),
        lambda: leaking.test_the_leaked_value_is_tried_and_refused_before_it_is_forgotten("single create"),
    ),
    patched("_is_replaced", leaks, lambda _version, _history: True, leaking.test_what_is_not_replaced_yet_is_not_tried),
]
