"""The very first start of all, killed before and after each write: there is one keyring, and every value opens."""

from __future__ import annotations

import pytest
from tests.cluster import acquire, definitions
from tests.kills.api import Api
from tests.kills.chronicle import points
from tests.kills.lives import Kin, apply
from tests.kills.points import NOBODY, Point
from tests.kills.process import Operator, environment, until, until_nothing_is_left
from tests.kills.scenes import ready
from tests.kills.stage import Stage

from keyward.kube.kinds import ENCRYPTION_KEYS, SECRETS

KEYRING = ("keyward-system", "keyward-keyring")
KEYS = ("default", "another")


@pytest.fixture
def newborn(tmp_path):
    """A control plane on which the operator has never run."""
    environment()
    with acquire(need_pods=False) as cluster:
        definitions.install(cluster)
        with Api(cluster.kubeconfig) as api:
            yield api, Operator(cluster.kubeconfig, tmp_path)


def test_killed_before_and_after_each_write_there_is_one_keyring_that_opens_everything(newborn, postgres):
    api, operator = newborn
    stage = Stage(api, postgres)
    found = _points_of_a_first_start(stage, operator)
    assert Point("create secrets:before") in found
    for point in found:
        _as_if_never_started(stage)
        operator.stand_at({NOBODY: point})
        operator.start()
        until(f"standing at {point}", lambda: operator.standing(operator.ordered_at))
        made = api.get(SECRETS, *KEYRING)
        assert (made is None) == (point == Point("create secrets:before"))
        operator.kill()
        operator.go_on()
        operator.start()
        until("its start", lambda: operator.ready)
        until_nothing_is_left(
            "a word on each key",
            lambda: [k for k in api.list(ENCRYPTION_KEYS) if not k.get("status", {}).get("conditions")],
        )
        now = api.get(SECRETS, *KEYRING)
        assert now is not None
        assert made is None or now["data"] == made["data"], "the first keyring was replaced"
        operator.kill()
    with operator.running():
        lives = [stage.life(Kin("generic")) for _ in range(2)]
        for life in lives:
            apply(stage, life)
        ready(stage, lives)
    for life in lives:
        stage.proves(life)


def _as_if_never_started(stage) -> None:
    stage.api.delete(SECRETS, *KEYRING)
    for name in KEYS:
        stage.api.let_go(ENCRYPTION_KEYS, "", name)
    stage.prepare()


def _points_of_a_first_start(stage, operator) -> list[Point]:
    stage.prepare()
    operator.start()
    until("its start", lambda: operator.ready)
    until("a word on each key", lambda: all(k.get("status") for k in stage.api.list(ENCRYPTION_KEYS)))
    operator.kill()
    return points(operator.passed(NOBODY, 0))
