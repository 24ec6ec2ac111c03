"""What people do to a Credential and its Target while its rotation stands at each of its points."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.cluster.proxy import FaultProxy
from tests.faults.conftest import DROPPED, DUAL, SINGLE
from tests.kills.consumers import Consumers
from tests.kills.lives import ROTATION, Life, Tale, delete
from tests.kills.process import until, until_nothing_is_left
from tests.kills.stage import Stage
from tests.kills.sweep import Sweep, stand, swept

from keyward.cli.target import approve
from keyward.kube.kinds import CREDENTIALS, SECRETS, TARGETS


@contextmanager
def standing(stage, operator, chronicle, tale: Tale) -> Iterator[tuple[Sweep, Consumers]]:
    """One life stands at each point of its rotation, and consumers log in all the while."""
    with swept(stage, operator, chronicle, [(tale, ROTATION)]) as [sweep]:
        consumers = stage.consumers()
        with consumers.at_work(sweep.lives.values()):
            stand([sweep])
            yield sweep, consumers
        assert operator.alive, "it did not bear it: " + operator.tail()


def refused(sweep: Sweep, consumers: Consumers) -> list[Any]:
    """The logins that should not have failed."""
    return [
        refusal
        for life in sweep.lives.values()
        for refusal in consumers.refused(life)
        if life.kin.is_dual or not sweep.in_the_gap(refusal, life)
    ]


@pytest.mark.parametrize("tale", [DUAL, SINGLE], ids=str)
def test_a_spec_that_is_changed_is_done_too_and_the_rotation_ends_with_its_value(stage, operator, chronicle, tale):
    with standing(stage, operator, chronicle, tale) as (sweep, consumers):
        for life in sweep.lives.values():
            projections = [{"secretName": life.name}, {"secretName": f"{life.name}-too"}]
            rotation = {"interval": "48h", "gracePeriod": "0s"}
            _change(stage, life, {"projections": projections, "rotation": rotation, "encryptionKeyName": "another"})
        operator.go_on()
        until_nothing_is_left("the end", lambda: [one for life in sweep.lives.values() for one in _undone(stage, life)])
        sweep.values_kept()
        assert not refused(sweep, consumers)
        for life in sweep.lives.values():
            stage.proves(life)
            stage.api.delete(SECRETS, stage.namespace, f"{life.name}-too")


def test_deleted_it_leaves_neither_account_nor_secret(stage, operator, chronicle):
    with standing(stage, operator, chronicle, DROPPED) as (sweep, _):
        lives = list(sweep.lives.values())
        for life in lives:
            delete(stage, life)
        operator.go_on()
        until_nothing_is_left("the end of each", lambda: _left_of(stage, lives))
        assert not stage.passwords(lives)
        for life in lives:
            # Without its accounts nobody can take the lineage up again.
            assert "closed" in stage.versions(life)[-1]["record"]


def test_without_its_target_it_says_so_keeps_what_logs_in_and_ends_once_the_target_is_back(stage, operator, chronicle):
    with standing(stage, operator, chronicle, DUAL) as (sweep, consumers):
        lives = list(sweep.lives.values())
        for life in lives:
            stage.api.delete(TARGETS, stage.namespace, life.name)
        operator.go_on()
        unfinished = [
            life for point, life in sweep.lives.items() if point.step in ("reserve", "apply", "verify", "promote")
        ]
        assert unfinished
        _until_said(stage, unfinished, "UnknownTarget")
        stage.api.create(*(item for life in lives for item in life.surroundings(stage.postgres.ca_pem)))
        _ends_with_what_was_reserved(stage, sweep, consumers)


def test_a_target_that_moves_is_left_alone_until_that_is_approved_and_then_the_rotation_ends(
    stage, operator, server, chronicle
):
    with (
        FaultProxy(("127.0.0.1", server.port)) as door,
        standing(stage, operator, chronicle, DUAL) as (sweep, consumers),
    ):
        lives = list(sweep.lives.values())
        for life in lives:
            moved = {"spec": {"rds": {"endpoints": [{"host": "127.0.0.1", "port": door.port}]}}}
            stage.api.merge(TARGETS, life.namespace, life.name, moved)
        operator.go_on()
        _until_said(stage, lives, "TargetNotApproved")
        assert not door.met
        for life in lives:
            approve([life.name], life.namespace, kubeconfig=stage.api.kubeconfig)
        _ends_with_what_was_reserved(stage, sweep, consumers)
        assert door.met


# --- the operator is stopped in good order ---


def test_told_to_stop_it_ends_the_rotations_in_hand_and_then_itself(stage, operator, chronicle):
    with standing(stage, operator, chronicle, DUAL) as (sweep, consumers):
        operator.ask_to_stop()
        until("its stop", lambda: operator.said("stopping: "))
        operator.go_on()
        assert operator.ended() == 0
        assert not operator.said("they are cut off"), "the rotations in hand took longer than it waits for them"
        assert not sweep.other_than_recorded(ROTATION, stage.looks(sweep.lives.values()))
        operator.start()
        _ends_with_what_was_reserved(stage, sweep, consumers)


def test_told_to_stop_twice_it_ends_at_once_and_its_next_start_ends_the_rotations(stage, operator, chronicle):
    with standing(stage, operator, chronicle, DUAL) as (sweep, consumers):
        operator.ask_to_stop()
        until("its stop", lambda: operator.said("stopping: "))
        operator.ask_to_stop()
        assert operator.ended() == 0
        assert operator.said("a second signal: ")
        assert not operator.said("they are cut off"), "it waited for them all the same"
        assert sweep.other_than_recorded(ROTATION, stage.looks(sweep.lives.values())), (
            "nothing was left to the next start"
        )
        operator.go_on()
        operator.start()
        _ends_with_what_was_reserved(stage, sweep, consumers)


def _ends_with_what_was_reserved(stage: Stage, sweep: Sweep, consumers: Consumers) -> None:
    sweep.until_as_recorded(ROTATION)
    sweep.values_kept()
    assert not refused(sweep, consumers)
    for life in sweep.lives.values():
        stage.proves(life)


def _until_said(stage: Stage, lives: list[Life], reason: str) -> None:
    """Until a condition of each gives this reason."""
    until_nothing_is_left(reason, lambda: [life.name for life in lives if not _says(stage, life, reason)])


def _change(stage: Stage, life: Life, spec: dict[str, Any]) -> None:
    stage.api.merge(CREDENTIALS, life.namespace, life.name, {"spec": spec})


def _undone(stage: Stage, life: Life) -> list[str]:
    """What is missing until it is Ready with the changed spec, and both Secrets hold the same."""
    found = stage.api.get(CREDENTIALS, life.namespace, life.name)
    mine, other = stage.secret(life), stage.secret(life, "-too")
    assert found is not None
    status, versions = found["status"], stage.versions(life)
    wraps = {wrap["key"] for version in versions for wrap in version["wraps"]}
    missing = {
        "spec": status["observedGeneration"] != found["metadata"]["generation"],
        "second Secret": not mine or other != mine,
        "rotation": versions[-1]["spec"]["sequence"] < 2 or "promoted" not in versions[-1]["record"],
        f"key ({wraps})": wraps != {"another"},
    }
    said = [f"{c['reason']}: {c['message']}" for c in status["conditions"] if c["status"] != "True"]
    return [f"{life.name}: {what}" for what, lacks in missing.items() if lacks] + said


def _left_of(stage: Stage, lives: list[Life]) -> list[str]:
    looks = stage.looks(lives)
    return [name for name, look in looks.items() if look["credential"] or look["secret"] or look["roles"]]


def _says(stage: Stage, life: Life, reason: str) -> bool:
    found = stage.api.get(CREDENTIALS, life.namespace, life.name)
    conditions = ((found or {}).get("status") or {}).get("conditions", [])
    return any(c["reason"] == reason for c in conditions)
