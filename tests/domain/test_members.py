"""Which Credentials a CredentialSet has, and what it leaves alone."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from tests.api import objects

from keyward.api import names
from keyward.api.base import parse
from keyward.api.credential_set import CredentialSet
from keyward.domain import members
from keyward.domain.members import Aim, Change, Make, Remove

FLEET = {"fleet": "orders"}


def a_set(**spec: Any) -> dict[str, Any]:
    found = copy.deepcopy(objects.SET)
    found["metadata"] = {"name": "all", "namespace": "shop", "uid": "s1"}
    found["spec"].update(spec)
    return found


def planned(raw: dict[str, Any], aims: list[Aim], there: dict[str, Any] | None = None) -> members.Plan:
    return members.plan(parse(CredentialSet, raw), raw, aims, there or {})


def made(raw: dict[str, Any], aims: list[Aim]) -> dict[str, Any]:
    """The Credentials as they are once the plan was followed."""
    found = {}
    for step in planned(raw, aims).steps:
        assert isinstance(step, Make)
        metadata = {"name": step.member.name, "uid": f"u-{step.member.name}", "labels": step.member.labels}
        found[step.member.name] = {
            "metadata": metadata | {"annotations": step.member.annotations},
            "spec": step.member.spec,
        }
    return found


def test_each_target_with_the_labels_gets_a_credential_of_its_own_name():
    aims = [Aim("pg1", FLEET), Aim("pg2", FLEET | {"more": "x"}), Aim("other", {"fleet": "billing"})]
    found = made(a_set(), aims)
    assert sorted(found) == ["all-pg1", "all-pg2"]
    spec = found["all-pg2"]["spec"]
    assert spec["rds"]["targetRef"] == {"kind": "Target", "name": "pg2"}
    assert [p["secretName"] for p in spec["projections"]] == ["orders-db-pg2"]
    assert found["all-pg2"]["metadata"]["labels"][names.LABEL_SET] == "all"


def test_what_is_as_wished_needs_nothing():
    aims = [Aim("pg1", FLEET)]
    plan = planned(a_set(), aims, made(a_set(), aims))
    assert plan.steps == ()
    assert plan.current == ("all-pg1",)


def test_a_changed_template_changes_what_differs_and_removes_what_is_gone():
    aims = [Aim("pg1", FLEET)]
    before = a_set()
    before["spec"]["template"]["spec"]["description"] = "old"
    there = made(before, aims)
    after = a_set()
    after["spec"]["template"]["spec"]["rotation"]["interval"] = "12h"
    (step,) = planned(after, aims, there).steps
    assert isinstance(step, Change)
    assert step.patch["spec"] == {"description": None, "rotation": {"interval": "12h"}}
    assert step.patch["metadata"]["uid"] == "u-all-pg1"


def test_a_credential_of_somebody_else_is_never_touched_and_named_with_the_way_to_hand_it_over():
    theirs = {"all-pg1": {"metadata": {"name": "all-pg1", "uid": "x"}, "spec": {}}}
    plan = planned(a_set(), [Aim("pg1", FLEET)], theirs)
    assert plan.steps == ()
    (failure,) = plan.failures
    assert failure.reason == "CredentialConflict"
    assert "keyward.dev/set=all" in failure.message
    assert plan.desired == 1


def test_one_that_was_handed_over_gets_the_templates_spec():
    labels = {names.LABEL_SET: "all"}
    theirs = {"all-pg1": {"metadata": {"name": "all-pg1", "uid": "x", "labels": labels}, "spec": {"rotation": {}}}}
    (step,) = planned(a_set(), [Aim("pg1", FLEET)], theirs).steps
    assert isinstance(step, Change)


def test_one_that_the_set_let_go_is_taken_up_when_its_target_is_back_unless_somebody_took_it():
    raw, aims = a_set(), [Aim("pg1", FLEET)]
    there = made(raw, aims)
    (step,) = planned(raw, [Aim("pg1", {})], there).steps
    assert isinstance(step, Remove)
    alone = _patched(there["all-pg1"], step.patch)
    assert names.LABEL_SET not in alone["metadata"]["labels"]
    (step,) = planned(raw, aims, {"all-pg1": alone}).steps
    assert isinstance(step, Change)
    assert _patched(alone, step.patch)["metadata"] == there["all-pg1"]["metadata"]
    alone["metadata"]["labels"][names.LABEL_SET] = "other"
    assert planned(raw, aims, {"all-pg1": alone}).failures[0].reason == "CredentialConflict"


def _patched(item: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    found = dict(item) if isinstance(item, dict) else {}
    found |= {key: _patched(found.get(key), value) for key, value in patch.items()}
    return {key: value for key, value in found.items() if value is not None}


@pytest.mark.parametrize(("policy", "patched"), [("Orphan", True), ("Delete", False)])
def test_a_target_that_left_is_let_go_or_deleted_as_the_policy_says(policy, patched):
    raw = a_set(removalPolicy=policy)
    there = made(raw, [Aim("pg1", FLEET), Aim("pg2", FLEET)])
    plan = planned(raw, [Aim("pg1", FLEET), Aim("pg2", {})], there)
    (step,) = plan.steps
    assert isinstance(step, Remove)
    assert (step.name, step.patch is not None) == ("all-pg2", patched)
    assert plan.desired == 1


def test_a_named_target_that_is_not_there_or_not_granted_is_a_failure_and_its_credential_stays():
    raw = a_set(targets={"kind": "ClusterTarget", "names": ["gone", "shut", "pg1"]})
    there = made(raw, [Aim("gone", {}), Aim("shut", {}), Aim("pg1", {})])
    plan = planned(raw, [Aim("shut", {}, granted=False), Aim("pg1", {})], there)
    assert plan.steps == ()
    assert {f.target: str(f.reason) for f in plan.failures} == {"gone": "UnknownTarget", "shut": "TargetNotAllowed"}
    assert plan.desired == 3


def test_labels_choose_among_granted_targets_alone_and_what_is_there_stays_when_a_grant_is_taken_back():
    raw = a_set(targets={"kind": "ClusterTarget", "matchLabels": FLEET}, removalPolicy="Delete")
    granted, shut = Aim("pg1", FLEET), Aim("pg1", FLEET, granted=False)
    assert planned(raw, [granted, Aim("shut", FLEET, granted=False)]).desired == 1
    plan = planned(raw, [shut], made(raw, [granted]))
    assert plan.steps == ()
    assert [str(f.reason) for f in plan.failures] == ["TargetNotAllowed"]


def test_a_name_that_is_too_long_is_said_before_the_api_server_says_it():
    (failure,) = planned(a_set(), [Aim("p" * 60, FLEET)]).failures
    assert (str(failure.reason), "63" in failure.message) == ("InvalidSpec", True)


@pytest.mark.parametrize(
    ("old", "new", "patch"),
    [
        ({"a": 1, "b": {"c": 1, "d": [1]}}, {"a": 1, "b": {"c": 1, "d": [1]}}, {}),
        ({"a": 1}, {}, {"a": None}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a": {"c": None}}),
        ({"a": [1, 2]}, {"a": [2]}, {"a": [2]}),
        ({"a": 1}, {"a": {"b": 2}}, {"a": {"b": 2}}),
    ],
)
def test_a_difference_is_a_merge_patch(old, new, patch):
    assert members.difference(old, new) == patch
