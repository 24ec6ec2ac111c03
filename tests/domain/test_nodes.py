"""Nodes that keep accounts by themselves: when one has to be held against what is stored, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.world.scenario import wish_of

from keyward.domain import nodes, status
from keyward.domain.conditions import Since
from keyward.domain.model import Memory, Mended, NodeView, Observed, TargetView
from keyward.domain.status import Outcome
from keyward.domain.steps import Mend, Wait
from keyward.domain.version import Cause, CauseKind, Mode, Origin, Promotion, TargetIdentity, Version

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TARGET = TargetIdentity("Target", "cache", "digest")
LINEAGE = "0" * 32


def version(sequence: int, account: str, **changes: Any) -> Version:
    known = {
        "name": f"x-00000000-{sequence}",
        "namespace": "shop",
        "credential": "x",
        "lineage": LINEAGE,
        "sequence": sequence,
        "version_id": f"v{sequence}",
        "type": "redis",
        "cluster": "here",
        "cause": Cause(CauseKind.SCHEDULE),
        "mode": Mode.DUAL,
        "origin": Origin.GENERATED,
        "created_at": NOW,
        "resource_version": "1",
        "account": account,
        "accounts": ("x", "x_clone"),
        "target": TARGET,
        "promoted": Promotion(sequence, NOW),
    }
    return Version(**known | changes)


FIRST, SECOND = version(1, "x"), version(2, "x_clone")
PENDING = version(3, "x", promoted=None, applying=True)


def view(name: str, x: str = "a", clone: str = "b", **changes: Any) -> NodeView:
    return NodeView(name, accounts={k: v for k, v in (("x", x), ("x_clone", clone)) if v}, **changes)


def seen(*views: NodeView, versions: tuple[Version, ...] = (FIRST, SECOND), **changes: Any) -> Observed:
    wish = replace(
        wish_of("dual create"),
        accounts=("x", "x_clone"),
        type="redis",
        target=TARGET,
        lineage=LINEAGE,
        finalizer=True,
        projections=(),
    )
    target = TargetView(TARGET, approved=("digest",), may_manage=("x", "x_clone"))
    known = {"wish": wish, "cluster": "here", "versions": versions, "target": target, "nodes": views or None}
    return Observed(**known | changes)


def known(*views: NodeView) -> Memory:
    return Memory(nodes=nodes.entries(views, ("x", "x_clone")))


ALIKE = (view("1"), view("2"), view("3"))


def plan(observed: Observed) -> Mend | Wait:
    return nodes.plan(observed, NOW)


@pytest.mark.parametrize(
    "views",
    [
        (view("1"), view("2", x="", clone="")),  # empty
        (view("1"), view("2", clone="")),
        (view("1"), view("2", x="older")),
        (view("1", x="", clone=""),),  # the only one there is
    ],
)
def test_a_node_that_lacks_something_is_mended_with_the_values_that_are_in_force(views):
    assert plan(seen(*views)) == Mend((SECOND, FIRST), ())


def test_nodes_that_agree_are_let_be():
    assert isinstance(plan(seen(*ALIKE)), Wait)
    assert isinstance(plan(seen(*ALIKE, memory=known(*ALIKE))), Wait)
    assert isinstance(plan(seen()), Wait)


def test_a_node_that_changed_since_it_was_found_right_is_looked_at_even_if_all_agree():
    changed = [replace(one, accounts={"x": "theirs", "x_clone": "b"}) for one in ALIKE]
    assert isinstance(plan(seen(*changed, memory=known(*ALIKE))), Mend)


def test_a_node_that_went_away_or_came_back_as_it_was_is_no_news():
    away = (*ALIKE[:2], view("3", problem="3: nobody listens"))
    assert isinstance(plan(seen(*away, memory=known(*ALIKE))), Wait)
    assert isinstance(plan(seen(*ALIKE, memory=known(*ALIKE))), Wait)


def test_a_value_that_was_sent_and_is_not_promoted_counts_and_one_that_was_not_sent_does_not():
    lacking = (view("1"), view("2", x=""))
    assert plan(seen(*lacking, versions=(FIRST, SECOND, PENDING))) == Mend((SECOND,), (PENDING,))
    unsent = replace(PENDING, applying=False)
    assert plan(seen(*lacking, versions=(FIRST, SECOND, unsent))) == Mend((SECOND,), ())


@pytest.mark.parametrize(
    "why_not",
    [
        {"frozen": True},
        {"target": None},
        {"target": TargetView(TARGET, approved=("digest",), suspended=True)},
        {"target": TargetView(TARGET, approved=("another",))},
        {"versions": ()},
        {"versions": (replace(PENDING, sequence=1),)},
        {"versions": (FIRST, replace(SECOND, cluster="elsewhere"))},
    ],
)
def test_nothing_is_mended_where_nothing_may_be_written(why_not):
    assert isinstance(plan(seen(view("1"), view("2", x=""), **why_not)), Wait)


def test_nothing_is_mended_while_a_credential_ends():
    observed = seen(view("1"), view("2", x=""))
    assert isinstance(plan(replace(observed, wish=replace(observed.wish, deleting_since=NOW))), Wait)


def test_after_a_failure_it_is_tried_again_soon():
    observed = seen(view("1"), view("2", x=""), memory=Memory(mending_failed_at=NOW))
    assert plan(observed) == Wait(NOW + nodes.PAUSE, "NodesCurrent")
    assert isinstance(nodes.plan(observed, NOW + nodes.PAUSE), Mend)
    assert isinstance(nodes.plan(observed, NOW - timedelta(days=1)), Wait), "a clock that was set back"


def test_what_was_given_is_looked_at_anew_and_what_cannot_be_given_is_let_be():
    observed = seen(view("1"), view("2", x="off"), view("3", problem="away"), memory=known(view("1"), view("3")))
    mended = nodes.learnt(observed, Mended(("2",)), NOW)
    assert (mended["nodes"], mended["nodes_changed_at"]) == (None, NOW)
    found = nodes.learnt(observed, Mended(), NOW)
    assert found["nodes"] == nodes.entries((view("1"), view("2", x="off"), view("3")), ("x", "x_clone"))
    assert isinstance(plan(replace(observed, memory=replace(observed.memory, **found))), Wait)
    assert "drift_checked_at" not in found


def test_a_change_that_all_nodes_share_is_judged_by_a_login_at_once():
    changed = [replace(one, accounts={"x": "theirs", "x_clone": "b"}) for one in ALIKE]
    observed = seen(*changed, memory=known(*ALIKE))
    learnt = nodes.learnt(observed, Mended(), NOW)
    assert learnt["drift_checked_at"] == NOW - observed.wish.drift_interval


# --- what is said ---


def conditions(observed: Observed, before: dict[str, Any] | None = None) -> dict[str, tuple[str, str, str]]:
    built = status.build(observed, Outcome(Wait(None, "NotDue")), before or {}, NOW)
    return {c["type"]: (c["status"], c["reason"], c["message"]) for c in built["conditions"]}


def test_the_condition_names_the_node_that_lacks_something_until_it_is_mended():
    found = conditions(seen(view("1"), view("2", x=""), view("3")))
    assert found["NodesCurrent"][:2] == ("False", "PropagationTimeout")
    assert found["NodesCurrent"][2].startswith("2 ")
    assert found["Ready"][:2] == ("False", "PropagationTimeout")
    found = conditions(seen(*ALIKE))
    assert found["NodesCurrent"] == ("True", "NodesAgree", "")
    assert found["Ready"][0] == "True"


def test_a_node_that_cannot_be_used_is_named_and_takes_nothing_from_what_is_published():
    found = conditions(seen(view("1"), view("2", problem="2: nobody listens")))
    assert found["NodesCurrent"] == ("False", "Unreachable", "2: nobody listens")
    assert found["Ready"][0] == "True"


def test_a_node_that_holds_a_value_more_is_named_until_it_changes_and_is_not_held_against_the_stored_ones_again():
    odd = (view("1"), view("2", x="and another"), view("3"))
    observed = seen(*odd)
    learnt = nodes.learnt(observed, Mended(exceeding=("2",)), NOW)
    observed = replace(observed, memory=replace(observed.memory, **learnt))
    assert isinstance(plan(observed), Wait)
    found = conditions(observed)
    assert found["NodesCurrent"][:2] == ("False", "SecondPassword")
    assert found["NodesCurrent"][2].startswith("2 holds a password beside ours")
    assert found["Ready"][0] == "True"
    assert isinstance(plan(replace(observed, nodes=(*odd[:1], view("2", x="something else"), *odd[2:]))), Mend)
    assert conditions(replace(observed, nodes=ALIKE))["NodesCurrent"][0] == "True"


def test_a_node_that_keeps_accounts_in_memory_only_is_named():
    found = conditions(seen(view("1"), view("2", keeps=False)))
    assert found["Persistent"][:2] == ("False", "NotPersistent")
    assert "2 keeps" in found["Persistent"][2]
    assert "Persistent" not in conditions(seen(*ALIKE))


def test_before_the_first_version_is_current_no_node_lacks_anything():
    found = conditions(seen(view("1", x="", clone=""), versions=()))
    assert found["NodesCurrent"][0] == "True"


def test_what_was_said_stands_while_nobody_looks():
    since = Since({}, NOW)
    said = [since.condition("NodesCurrent", False, "Unreachable", "2: nobody listens", 1)]
    assert conditions(seen(), {"conditions": said})["NodesCurrent"] == ("False", "Unreachable", "2: nobody listens")
    assert "NodesCurrent" not in conditions(seen())
