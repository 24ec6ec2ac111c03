"""What a pass tells: an event where a person can act or something outside changed, a count for dashboards, else nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from tests.world.scenario import PG, wish_of

from keyward.controller.metrics import Metrics
from keyward.controller.telling import Telling
from keyward.domain.model import Memory, Observed, TargetView
from keyward.domain.steps import Apply, Drop, Promote, Release, Retire, Verify
from keyward.domain.version import Cause, CauseKind, Promotion, RetiredAs
from keyward.engines.alibaba.failures import Failure, Way
from keyward.errors import Blocked, Reason, Rejected, Retry

NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
WISH = replace(wish_of("dual create"), uid="u1")


class Heard:
    def __init__(self) -> None:
        self.events: list[tuple[str, str, str, str]] = []
        self.found: list[tuple[str, object]] = []
        self.metrics = Metrics()
        self.telling = Telling(
            self.metrics, self._post, lambda namespace, finding: self.found.append((namespace, finding))
        )

    def _post(self, ref, type_, reason, message):
        self.events.append((ref.name, type_, reason, message))

    def count(self, name, **labels: str):
        return self.metrics.registry.get_sample_value(name, labels) or 0


@pytest.fixture
def heard():
    return Heard()


def version(kind=CauseKind.SCHEDULE):
    return SimpleNamespace(version_id="v7", sequence=7, cause=Cause(kind), promoted=None)


def seen(target=None):
    return Observed(wish=WISH, cluster="c1", versions=(), target=target)


def test_a_rotation_is_told_and_a_first_value_only_counted(heard):
    promotion = Promotion(1, NOW)
    heard.telling.did(seen(), Promote(version(CauseKind.INITIAL), promotion), Memory(), 0.1)
    assert heard.events == []
    heard.telling.did(seen(), Promote(version(), promotion), Memory(), 0.1)
    assert heard.events == [("orders", "Normal", "Rotated", "version v7 logs in and is current")]
    assert heard.count("keyward_rotations_total", type="rds", result="success") == 2


def test_a_step_that_goes_well_only_has_its_duration_told(heard):
    heard.telling.did(seen(), Apply(version()), Memory(), 0.25)
    assert heard.events == []
    assert heard.count("keyward_step_duration_seconds_sum", step="apply") == 0.25


def test_a_refused_candidate_is_told_and_counted(heard):
    heard.telling.did(seen(), Retire(version(), RetiredAs.REFUSED), Memory(), 0.1)
    heard.telling.did(seen(), Retire(version(), RetiredAs.SUPERSEDED), Memory(), 0.1)
    heard.telling.failed(WISH, "Apply", Rejected(Reason.PASSWORD_REFUSED, "the policy refused it"))
    assert heard.events == [("orders", "Warning", "PasswordRefused", "the policy refused it")]
    assert heard.count("keyward_rotations_total", type="rds", result="refused") == 1
    assert heard.count("keyward_rotations_total", type="rds", result="failure") == 0


def test_a_login_that_is_refused_is_counted_although_the_step_went_well(heard):
    heard.telling.did(seen(), Verify(version()), Memory(), 0.1)
    assert heard.count("keyward_failed_verifications_total") == 0
    heard.telling.did(seen(), Verify(version()), Memory(denied=frozenset({(7, PG.digest)})), 0.1)
    assert heard.count("keyward_failed_verifications_total") == 1


def test_what_a_deletion_leaves_behind_is_told_and_what_it_undid_is_not(heard):
    heard.telling.did(seen(), Release(), Memory(), 0.1)
    assert heard.events == []
    heard.telling.did(seen(), Release(left="x, x_clone"), Memory(), 0.1)
    assert heard.events[0][1:3] == ("Warning", "LeftBehind")
    assert "x, x_clone" in heard.events[0][3]
    assert heard.count("keyward_deletions_left_behind_total") == 1


def test_accounts_that_own_objects_are_told_of_as_left_behind(heard):
    heard.telling.did(seen(), Drop(version()), Memory(accounts_removed=True), 0.1)
    assert heard.events == []
    heard.telling.did(seen(), Drop(version()), Memory(accounts_removed=True, accounts_kept=True), 0.1)
    assert heard.events[0][1:3] == ("Warning", "LeftBehind")
    assert heard.count("keyward_deletions_left_behind_total") == 1


@pytest.mark.parametrize(
    ("step", "rotations"), [("Apply", 1), ("Reserve", 1), ("Verify", 1), ("Project", 0), ("Gather", 0)]
)
def test_a_failure_is_told_and_counts_as_a_rotation_only_within_one(heard, step, rotations):
    heard.telling.failed(WISH, step, Retry(Reason.UNREACHABLE, "nobody listens"))
    assert heard.events == [("orders", "Warning", "Unreachable", "nobody listens")]
    assert heard.count("keyward_rotations_total", type="rds", result="failure") == rotations


def test_the_id_of_a_clouds_request_makes_no_other_event_and_no_other_status_of_a_target(heard):
    for request in ("7E9918B6-9CFF", "2A596D10-4D54"):
        failure = Failure(Way.ANSWERED, "SignatureDoesNotMatch", 403, request)
        text = f"admin login: its secret is wrong ({failure})"
        heard.telling.failed(WISH, "Apply", Blocked(Reason.ADMIN_LOGIN_REFUSED, text))
        heard.telling.found(seen(), (Reason.ADMIN_LOGIN_REFUSED, text), reached=False)
    said = "admin login: its secret is wrong (SignatureDoesNotMatch, HTTP 403)"
    assert {event[3] for event in heard.events} == {said}
    assert {finding.problem for _, finding in heard.found} == {(Reason.ADMIN_LOGIN_REFUSED, said)}


def test_a_target_is_spoken_of_by_who_reached_it_or_could_not_and_by_nobody_else(heard):
    view = TargetView(PG, (PG.digest,))
    heard.telling.found(seen(view), None, reached=False)
    heard.telling.found(seen(view), (Reason.ACCOUNT_EXISTS, "…"), reached=False)
    assert heard.found == []
    heard.telling.found(seen(view), (Reason.ACCOUNT_EXISTS, "…"), reached=True)
    heard.telling.found(seen(), (Reason.ADMIN_SECRET_INVALID, "no such Secret"), reached=False)
    assert [finding.problem for _, finding in heard.found] == [None, (Reason.ADMIN_SECRET_INVALID, "no such Secret")]
    assert {finding.view.identity for _, finding in heard.found} == {PG}


def test_an_error_that_ends_a_pass_keeps_its_reason_whatever_its_class(heard):
    heard.telling.failed(WISH, "Apply", Blocked(Reason.ACCOUNT_EXISTS, "taken"))
    assert heard.events[0][1:3] == ("Warning", "AccountExists")
