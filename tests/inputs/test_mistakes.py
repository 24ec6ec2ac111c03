"""What a person writes wrong or a server refuses is said in a condition and an event, harms nothing, and is mended at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.inputs import accounts, hosts, projections, redis, servers, targets, values
from tests.inputs.bait import repeated_in
from tests.inputs.case import Case
from tests.inputs.desk import Desk
from tests.inputs.told import Record, record
from tests.whole_path.accounts import created, rds, refused
from tests.whole_path.world import until

CASES = (*values.CASES, *projections.CASES, *targets.CASES, *servers.CASES, *accounts.CASES, *redis.CASES, *hosts.CASES)
each = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@pytest.fixture(scope="module")
def desk(control_plane, server) -> Iterator[Desk]:
    desk = Desk(control_plane, server, "inputs")
    desk.prepare()
    with desk.borrowed:
        yield desk
        desk.close()


@pytest.fixture(scope="module")
def recorded(desk) -> Iterator[Record]:
    """All mistakes beside one Credential that is well."""
    with desk.limited_operator() as operator:
        desk.apply(rds(desk, "well", created("orders_well")))
        until("the one that is well", lambda: desk.ready("well"))
        before = desk.secret("well")
        found = record(desk, operator, CASES)
        found.well = (before, desk.secret("well"))
        yield found


@each
def test_the_condition_names_field_cause_and_fix(recorded: Record, case: Case):
    said = recorded.told[case.name].ready
    assert (said["reason"], said["status"]) == (case.reason, "False"), said
    for part in case.says:
        assert part in said["message"]


@each
def test_an_event_warns_of_the_same(recorded: Record, case: Case):
    told = recorded.told[case.name]
    same = [e for e in told.events if (e["type"], e["reason"]) == ("Warning", case.reason)]
    assert any(told.ready["message"].startswith(e["message"][:1000]) for e in same), told.events


@each
def test_it_is_tried_again_at_leisure(recorded: Record, case: Case):
    assert recorded.writes[case.name] <= 4
    assert recorded.told[case.name].events, "nothing was said at all"


@each
def test_once_it_is_mended_nobody_waits_for_the_back_off(recorded: Record, case: Case):
    after = recorded.told[case.name].ready_after
    assert after is not None, "it is not Ready"
    assert after < case.soon


def test_the_server_is_not_stormed_with_logins(recorded: Record):
    # A storm would be hundreds: one login per case and look, and a busy machine looks oftener.
    assert recorded.logins["rotator"] <= 5 * len(servers.CASES)
    assert recorded.logins["powerless"] <= 2


def test_no_value_is_repeated(recorded: Record):
    assert not repeated_in(recorded.said, "rotators-password", *recorded.secrets)
    assert recorded.secrets


def test_the_process_lives(recorded: Record):
    assert recorded.alive


def test_what_was_well_is_left_as_it_was(recorded: Record, desk: Desk):
    before, after = recorded.well
    assert before == after
    assert desk.ready("well")
    assert not refused(desk, after)
