"""Whose a lineage, a number and an account are: restores, forks, two clusters, records and marks (protocol §3, §4, §8)."""

from __future__ import annotations

import uuid

from tests.protocol import test_life_and_return as life
from tests.protocol import test_lost_alone as lost
from tests.protocol import test_restores as restores
from tests.protocol import test_two_controllers as races
from tests.protocol import test_two_lineages as lineages
from tests.protocol import test_without_marks as unmarked
from tests.protocol.removals.removal import never, patched
from tests.world.server import Server

from keyward.controller.effects import Effects
from keyward.controller.execute import Executor
from keyward.domain import commands, doubt, lineage, making, marks
from keyward.domain.history import History
from keyward.domain.lineage import Resolution


async def _no_record(*_args: object) -> None:
    return None


REMOVALS = [
    # --- lineages and numbers ---
    patched(
        "derive",
        lineage,
        lambda _uid: uuid.uuid4().hex,
        lambda: races.test_two_that_run_at_once_in_any_order_do_no_harm("single create", created=False),
    ),
    patched(
        "matches",
        lineage,
        lambda _wish, _observed, _history: False,
        lambda: life.test_applied_again_within_the_window_it_goes_on_with_the_same_value("dual create"),
    ),
    patched(
        "_annotated",
        lineage,
        lambda _observed, annotation, is_open: Resolution(is_open.get(annotation, History(annotation, ()))),
        lambda: lost.test_lost_versions_are_held_until_takeover_and_no_password_is_touched("dual create"),
    ),
    patched(
        "_two_lineages",
        lineage,
        lambda found: Resolution(next(iter(found))),
        lineages.test_an_earlier_life_that_is_restored_beside_the_live_one_waits_for_a_word,
    ),
    patched(
        "_two_lineages",
        lineage,
        lambda found: Resolution(next(iter(found)), annotate=True),
        lambda: lineages.test_two_lives_that_are_restored_before_their_credential_wait_for_a_word(1),
    ),
    patched(
        "highest_seen",
        commands,
        lambda _observed, history: history.highest.sequence if history.highest else 0,
        lambda: restores.test_one_version_behind_and_without_its_secret_never_takes_a_number_that_the_target_knows(
            "single create"
        ),
    ),
    patched(
        "_look_for_newer",
        Effects,
        never,
        lambda: restores.test_one_version_behind_and_without_its_secret_never_takes_a_number_that_the_target_knows(
            "single create"
        ),
    ),
    # --- two clusters ---
    patched(
        "why",
        doubt,
        lambda _seen, _history: None,
        lambda: restores.test_in_another_cluster_nothing_is_touched_while_the_old_one_lives("dual create"),
    ),
    patched(
        "takeover_names",
        commands,
        lambda observed, _sequence: bool(observed.wish.commands.takeover),
        lambda: restores.test_one_takeover_manifest_in_two_clusters_does_not_make_them_fight("dual create"),
    ),
    # --- marks and records ---
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
        "expect",
        Server,
        never,
        lambda: races.test_one_that_pauses_anywhere_while_the_other_goes_on_does_no_harm("dual create", created=True),
    ),
    patched(
        "_applying",
        Executor,
        _no_record,
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
]
