"""A controller that slept: another one rotated on meanwhile, and it wakes up in the middle of what it was doing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.kills.admins import ALONE, PostgresStage
from tests.kills.chronicle import Chronicle, told
from tests.kills.lives import CREATION, ROTATION, Kin, Tale
from tests.kills.points import Point
from tests.kills.process import Operator
from tests.kills.scenes import calm, ready, turn
from tests.kills.stage import Stage, led_on
from tests.kills.sweep import stand, swept

from keyward.kube.kinds import SECRETS

HOLDING = (Point("patch credentialversions:after"), Point("apply:send"))
JUDGED = Point("apply:before")
"""The session is open, and the world is judged: what comes later is seen under the lock alone."""
TALES = tuple(
    Tale(kin, (CREATION, ROTATION), (ROTATION,)) for kin in (Kin("dual create", "Retain"), Kin("single create"))
)


@dataclass(frozen=True, slots=True)
class Sleeper:
    """Who sleeps, and where; the second one goes on meanwhile."""

    stage: Stage
    operator: Operator
    chronicle: Chronicle
    second: Operator


@pytest.fixture(scope="module")
def chronicle(stage, operator) -> Chronicle:
    return told(stage, operator, TALES, "sleepers")


@pytest.fixture(scope="module")
def admins(control_plane, newest_postgres) -> Iterator[Stage]:
    with led_on(control_plane, lambda api: PostgresStage(api, newest_postgres)) as stage:
        yield stage


@pytest.fixture(scope="module")
def chronicle_of_admins(admins, operator) -> Chronicle:
    return told(admins, operator, ALONE, "sleepers that change themselves")


@pytest.fixture
def second(control_plane, tmp_path_factory) -> Operator:
    return Operator(control_plane.kubeconfig, tmp_path_factory.mktemp("second"))


@pytest.mark.parametrize("tale", TALES, ids=str)
def test_one_that_wakes_up_two_rotations_late_changes_nothing(stage, operator, second, chronicle, tale):
    _wakes_up_late(Sleeper(stage, operator, chronicle, second), tale)


@pytest.mark.parametrize("tale", ALONE, ids=str)
def test_nor_does_one_that_changes_the_admin_login_itself_where_no_mark_tells_it_of_the_others(
    admins, operator, second, chronicle_of_admins, tale
):
    _wakes_up_late(Sleeper(admins, operator, chronicle_of_admins, second), tale)


def _wakes_up_late(sleeper: Sleeper, tale: Tale) -> None:
    stage, operator, second = sleeper.stage, sleeper.operator, sleeper.second
    points = sleeper.chronicle.of(tale, ROTATION).points
    points += [JUDGED] if JUDGED not in points else []
    with swept(stage, operator, sleeper.chronicle, [(tale, ROTATION)]) as [sweep]:
        consumers = stage.consumers()
        stand([sweep])
        # They sleep within their transactions: whoever else wants these accounts waits for them.
        holders = {point: sweep.lives.pop(point) for point in HOLDING if point in sweep.lives}
        lives = list(sweep.lives.values())
        everybody = [*lives, *holders.values()]
        with consumers.at_work(everybody), second.running():
            sweep.until_as_recorded(ROTATION)
            turn(stage, lives)
            turn(stage, lives)
            calm(second, lives)
            before = _everything(stage, lives)
            operator.go_on()
            calm(operator, everybody)
            assert _everything(stage, lives) == before
            ready(stage, everybody)
            turn(stage, everybody)
        consumers.never_refused()
        for life in everybody:
            stage.proves(life)
        sweep.lives |= holders


def _everything(stage, lives) -> dict[str, object]:
    """Passwords, versions and Secrets, each as the server has it: a write that changed nothing would be seen as well."""
    secrets = {life.name: stage.api.get(SECRETS, life.namespace, life.name) for life in lives}
    return stage.passwords(lives) | {f"versions of {x.name}": stage.versions(x) for x in lives} | secrets
