"""SIGKILL before, within and after every effect on a real MySQL and a real MariaDB, and a new start.

There is no transaction around accounts: a change is several statements, and the operator is killed between any two of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cluster.mariadb import MariadbServer
from tests.cluster.mysql import MysqlServer
from tests.kills.chronicle import Chronicle, told
from tests.kills.family import MARIADB, MYSQL, TALES, FamilyStage
from tests.kills.journey import killed_at_each_point
from tests.kills.lives import CREATION, DELETION, Event, Json, Tale
from tests.kills.stage import led_on

SERVERS = {"mysql": MysqlServer(settings=MYSQL), "mariadb": MariadbServer(settings=MARIADB)}


@pytest.fixture(scope="module", params=SERVERS)
def stage(request, control_plane) -> Iterator[FamilyStage]:
    with SERVERS[request.param] as server, led_on(control_plane, lambda api: FamilyStage(api, server)) as stage:
        yield stage


@pytest.fixture(scope="module")
def chronicle(stage, operator) -> Chronicle:
    return told(stage, operator, stage.tales, stage.server.name)


def test_undisturbed_each_life_goes_as_promised(stage, chronicle):
    """What all kills are compared with."""
    for tale in stage.tales:
        for event in tale.events:
            _as_promised(tale, event, chronicle.of(tale, event).end)


def _as_promised(tale: Tale, event: Event, found: Json) -> None:
    accounts = list(found["roles"].values())
    if event is DELETION:
        assert found["credential"] is None
        assert bool(accounts) == (tale.kin.deletion != "Drop")
        assert not any(account["login"] for account in accounts)
        return
    assert found["credential"]["conditions"] == {"Ready": "True Projected", "Rotated": "True UpToDate"}
    assert len(accounts) == (2 if tale.kin.is_dual else 1)
    assert all(account["login"] for account in accounts)
    assert "SELECT" in str(found["rights"])
    assert not found["two passwords"]


def test_a_change_takes_several_statements_and_each_gap_between_them_is_a_point(chronicle):
    names = {str(point) for point in chronicle.of(TALES[0], CREATION).points}
    assert {"apply:send", "sql CREATE USER:after", "sql CREATE USER:after #2", "sql GRANT:after", "apply:after"} < names
    assert "drop:send" in {str(point) for point in chronicle.of(TALES[0], DELETION).points}


def test_killed_at_any_point_it_ends_as_if_nothing_had_come_between(stage, operator, chronicle):
    killed_at_each_point(stage, operator, chronicle, stage.tales)
