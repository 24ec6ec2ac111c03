"""A controller that slept: another one rotated on meanwhile, and it wakes up in the middle of what it was doing."""

from __future__ import annotations

import pytest
from tests.kills.chronicle import Chronicle, told
from tests.kills.lives import CREATION, ROTATION, Kin, Tale
from tests.kills.points import Point
from tests.kills.process import Operator
from tests.kills.scenes import calm, ready, turn
from tests.kills.sweep import stand, swept

from keyward.kube.kinds import SECRETS

TALES = tuple(
    Tale(kin, (CREATION, ROTATION), (ROTATION,)) for kin in (Kin("dual create", "Retain"), Kin("single create"))
)


@pytest.fixture(scope="module")
def chronicle(stage, operator) -> Chronicle:
    return told(stage, operator, TALES, "sleepers")


@pytest.fixture
def second(control_plane, tmp_path_factory) -> Operator:
    return Operator(control_plane.kubeconfig, tmp_path_factory.mktemp("second"))


@pytest.mark.parametrize("tale", TALES, ids=str)
def test_one_that_wakes_up_two_rotations_late_changes_nothing(stage, operator, second, chronicle, tale):
    with swept(stage, operator, chronicle, [(tale, ROTATION)]) as [sweep]:
        consumers = stage.consumers()
        stand([sweep])
        # It sleeps within its transaction: whoever else wants these accounts waits for it.
        holder = sweep.lives.pop(Point("apply:send"))
        lives = list(sweep.lives.values())
        with consumers.at_work([*lives, holder]), second.running():
            sweep.until_as_recorded(ROTATION)
            turn(stage, lives)
            turn(stage, lives)
            calm(second, lives)
            before = _everything(stage, lives)
            operator.go_on()
            calm(operator, [*lives, holder])
            assert _everything(stage, lives) == before
            ready(stage, [*lives, holder])
            turn(stage, [*lives, holder])
        consumers.never_refused()
        for life in (*lives, holder):
            stage.proves(life)
        sweep.lives[Point("apply:send")] = holder


def _everything(stage, lives) -> dict[str, object]:
    """Passwords, versions and Secrets, each as the server has it: a write that changed nothing would be seen as well."""
    secrets = {life.name: stage.api.get(SECRETS, life.namespace, life.name) for life in lives}
    return stage.passwords(lives) | {f"versions of {x.name}": stage.versions(x) for x in lives} | secrets
