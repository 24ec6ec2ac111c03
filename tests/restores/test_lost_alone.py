"""One thing is lost and everything else is there: status, annotation, finalizer, Secret, versions, marks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager

import pytest
from psycopg.sql import SQL, Identifier
from tests.kills.lives import Kin, Life, rotate
from tests.kills.process import until_nothing_is_left
from tests.kills.scenes import calm, ready, rotated, stalled, turn
from tests.kills.stage import Stage
from tests.restores.backup import Backup

from keyward.kube.kinds import CREDENTIALS, SECRETS, VERSIONS

KINS = (Kin("generic"), Kin("dual create"), Kin("single create"), Kin("dual import"))
MANAGED = KINS[1:]


def status(stage: Stage, life: Life) -> None:
    stage.api.merge(CREDENTIALS, life.namespace, life.name, {"status": None}, "status")


def annotation(stage: Stage, life: Life) -> None:
    stage.api.annotate(life.namespace, life.name, lineage=None)


def finalizer(stage: Stage, life: Life) -> None:
    stage.api.merge(CREDENTIALS, life.namespace, life.name, {"metadata": {"finalizers": None}})


def secret(stage: Stage, life: Life) -> None:
    stage.api.delete(SECRETS, life.namespace, life.name)


@contextmanager
def not_running(operator):
    """It is down while something is lost, and comes back."""
    operator.end()
    yield
    operator.start()


@contextmanager
def running(_operator):
    yield


@pytest.mark.parametrize("meanwhile", [running, not_running], ids=["running", "not running"])
@pytest.mark.parametrize("lost", [status, annotation, finalizer, secret], ids=lambda lost: lost.__name__)
def test_it_is_back_with_the_same_value_and_no_rotation(
    stage, operator, lost: Callable[[Stage, Life], None], meanwhile
):
    with rotated(stage, operator, KINS) as lives:
        calm(operator, lives)
        before, held = stage.looks(lives), stage.passwords(lives)
        values = {life.name: stage.secret(life) for life in lives}
        with meanwhile(operator):
            for life in lives:
                lost(stage, life)
        until_nothing_is_left("what was there before", lambda: _differing(before, stage.looks(lives)))
        assert {life.name: stage.secret(life) for life in lives} == values
        assert stage.passwords(lives) == held
        turn(stage, lives)


def _differing(before, now) -> dict[str, object]:
    return {name: now[name] for name in before if now[name] != before[name]}


def test_lost_versions_are_waited_for_and_no_password_is_touched(stage, operator):
    with rotated(stage, operator, MANAGED) as lives:
        backup, held = Backup.of(stage, lives), stage.passwords(lives)
        values = {life.name: stage.secret(life) for life in lives}
        for life in lives:
            for version in stage.versions(life):
                stage.api.delete(VERSIONS, life.namespace, version["metadata"]["name"])
            rotate(stage, life)
        stalled(stage, lives, "RestoreIncomplete")
        assert stage.passwords(lives) == held
        assert {life.name: stage.secret(life) for life in lives} == values
        for life in lives:
            backup.into(stage.api, "versions", life)
        ready(stage, lives)
        until_nothing_is_left(
            "the rotation that was asked for", lambda: [x.name for x in lives if _highest(stage, x) < 3]
        )
        for life in lives:
            stage.proves(life)


def _highest(stage: Stage, life: Life) -> int:
    promoted = [v for v in stage.versions(life) if "promoted" in v.get("record", {})]
    return max((v["spec"]["sequence"] for v in promoted), default=0)


def test_an_account_that_lost_its_mark_is_nobodys_until_the_mark_is_back(stage, operator):
    with rotated(stage, operator, [Kin("dual create"), Kin("single create")]) as lives:
        marks = {name: role[1] for name, role in stage.roles().items()}
        held, values = stage.passwords(lives), {life.name: stage.secret(life) for life in lives}
        for life in lives:
            for account in life.accounts:
                _comment(stage, account, None)
            rotate(stage, life)
        stalled(stage, lives, "AccountExists")
        assert stage.passwords(lives) == held
        assert {life.name: stage.secret(life) for life in lives} == values
        for life in lives:
            for account in life.accounts:
                _comment(stage, account, marks[account])
            stage.api.merge(CREDENTIALS, life.namespace, life.name, {"spec": {"description": "look again"}})
        until_nothing_is_left(
            "the rotation that was asked for", lambda: [x.name for x in lives if _highest(stage, x) < 3]
        )
        ready(stage, lives)
        for life in lives:
            stage.proves(life)


def _comment(stage: Stage, account: str, text: str | None) -> None:
    stage.postgres.sql(SQL("COMMENT ON ROLE {} IS {}").format(Identifier(account), text))
