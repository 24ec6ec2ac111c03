"""The API server or PostgreSQL goes away while rotations stand at every one of their points."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.cluster import Cluster, acquire
from tests.cluster.postgres import PostgresServer
from tests.faults.conftest import DUAL, GENERIC, SINGLE
from tests.kills.consumers import Consumers
from tests.kills.lives import ROTATION, Life, Tale
from tests.kills.process import until_nothing_is_left
from tests.kills.stage import Stage
from tests.kills.sweep import Sweep, stand, swept

from keyward.kube.kinds import CREDENTIALS

OUTAGE = 30.0
UNPROVEN = ("reserve:after", "apply:send", "apply:after")


@pytest.fixture(scope="module")
def plane() -> Iterator[Cluster]:
    """It is stopped, and nobody else may notice."""
    with acquire(need_pods=False) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """As `plane`."""
    with PostgresServer() as server:
        yield server


@contextmanager
def in_mid_rotation(stage, operator, chronicle, *tales: Tale) -> Iterator[tuple[list[Sweep], Consumers]]:
    """Rotations that stand at every point, and consumers who log in all the while. At the end all is as it should be."""
    with swept(stage, operator, chronicle, [(tale, ROTATION) for tale in tales]) as sweeps:
        consumers = stage.consumers()
        with consumers.at_work(life for sweep in sweeps for life in sweep.lives.values()):
            stand(sweeps)
            yield sweeps, consumers
            for sweep in sweeps:
                sweep.until_as_recorded(ROTATION)
            assert operator.alive, "it did not bear it: " + operator.tail()
        for sweep in sweeps:
            sweep.values_kept()
            for life in sweep.lives.values():
                stage.proves(life)
                refused = consumers.refused(life)
                assert not [r for r in refused if life.kin.is_dual or not sweep.in_the_gap(r, life)]


def test_an_api_server_that_is_away_for_half_a_minute_costs_nothing_but_time(plane, stage, operator, chronicle):
    with in_mid_rotation(stage, operator, chronicle, DUAL, SINGLE, GENERIC) as (_, consumers):
        plane.stop_api_server()
        operator.go_on()
        before = sum(consumers.logins.values())
        time.sleep(OUTAGE)  # it is this long that it has to bear
        assert sum(consumers.logins.values()) > before
        plane.start_api_server()
    assert not consumers.unanswered


@pytest.mark.parametrize("end", ["stop", "crash"])
def test_while_postgresql_is_away_between_apply_and_verify_nothing_unproven_is_published(
    server, stage, operator, chronicle, end
):
    with in_mid_rotation(stage, operator, chronicle, DUAL, SINGLE) as (sweeps, _):
        # Whoever stands before its promotion has logged in already, and is rightly published.
        unproven = [life for sweep in sweeps for point, life in sweep.lives.items() if point.name in UNPROVEN]
        assert len(unproven) == len(sweeps) * len(UNPROVEN)
        published = {life.name: stage.secret(life) for life in unproven}
        getattr(server, end)()
        try:
            operator.go_on()
            until_nothing_is_left("a failure of each", lambda: _not_failed(stage, unproven))
            assert {life.name: stage.secret(life) for life in unproven} == published
        finally:
            server.start()


def _not_failed(stage: Stage, lives: list[Life]) -> list[str]:
    failures = (
        (life, stage.api.get(CREDENTIALS, life.namespace, life.name)["status"].get("failures")) for life in lives
    )
    return [life.name for life, found in failures if not found]
