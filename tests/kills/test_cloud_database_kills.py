"""SIGKILL at every effect of a creation, a rotation, an end and a return on RDS and PolarDB, and a new start.

The cloud does what it accepted whether or not anybody is there to see it. In the end each Credential has the value that was
reserved, on accounts that were made once, and of a pair nobody was refused. All live side by side: one kill for the creations
of all of them, one for the rotations, and so on.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cloud.standin import StandIn
from tests.kills.at_work import leaves_it_at_work
from tests.kills.chronicle import Chronicle, everybodys, told
from tests.kills.cloud_databases import KINDS, PRIVILEGED, TALES, CloudDatabases
from tests.kills.journey import killed_at_each_point
from tests.kills.lives import CREATION, DELETION, RETURN, ROTATION, Tale
from tests.kills.stage import led_on

_CREATE, _GRANT = "call create_account:after", "call grant_account_privilege:after"
# A call whose end is that of the whole step goes by the name of the step.
RDS = ({_CREATE, _GRANT, "apply:send", "apply:after"}, {"apply:send", "apply:after", "promote:after"})
PAIR = ({f"{_CREATE} #2", "apply:send #4"}, {_GRANT, "apply:send #2"})
# What is done one call after the other differs between these; the others do what one of them does.
ALL_WAYS = (
    "dual create of rds on MariaDB",
    "dual import of rds on MySQL",
    "single create of rds on PostgreSQL",
    "dual create of polardb on PostgreSQL",
)
POLARDB = ({_CREATE, "apply:send #2", "apply:after"}, {"apply:send", "apply:after", "promote:after"})


@pytest.fixture(scope="module")
def stage(control_plane, mysql, mariadb, postgres, tmp_path_factory) -> Iterator[CloudDatabases]:
    servers = {"MySQL": mysql, "MariaDB": mariadb, "PostgreSQL": postgres}
    with (
        StandIn(tmp_path_factory.mktemp("database-kills")) as cloud,
        led_on(control_plane, lambda api: CloudDatabases(api, cloud, servers)) as stage,
    ):
        yield stage


@pytest.fixture(scope="module")
def chronicle(stage, operator) -> Chronicle:
    return told(stage, operator, TALES, "RDS and PolarDB", everybodys)


@pytest.mark.parametrize("tale", TALES, ids=str)
def test_undisturbed_each_life_goes_as_promised(chronicle, tale):
    """What all kills are compared with."""
    for event in tale.events:
        found = chronicle.of(tale, event).end
        accounts = list(found["roles"].values())
        if event is DELETION:
            assert found["credential"] is None
            assert bool(accounts) == (tale.kin.deletion != "Drop")
            assert not any(account["login"] for account in accounts)
            continue
        assert found["credential"]["conditions"] == {"Ready": "True Projected", "Rotated": "True UpToDate"}
        imported = "import" in tale.kin.kind
        assert found["made"] == [0 if imported else 1] * (2 if tale.kin.is_dual else 1)
        level = KINDS[tale.kin.kind][2]
        if event is not RETURN:
            assert found["rights"][0 if event is CREATION else -1] == ([level] if level else [])
        assert [account["login"] for account in accounts] == [True] * len(found["made"])
        assert imported or all(account["mark"]["live"] for account in accounts)


@pytest.mark.parametrize("tale", TALES, ids=str)
def test_each_call_that_changes_something_is_a_point(chronicle, tale):
    found = [{str(point) for point in chronicle.of(tale, event).points} for event in (CREATION, ROTATION)]
    assert all(wanted <= points for wanted, points in zip(_effects(tale), found, strict=True))


def _effects(tale: Tale) -> list[set[str]]:
    if "polardb" in tale.kin.kind:
        return list(POLARDB)
    creation, rotation = (one | (pair if tale.kin.is_dual else set[str]()) for one, pair in zip(RDS, PAIR, strict=True))
    if "import" in tale.kin.kind:
        return [{"promote:after"}, rotation]
    return [creation - {_GRANT} if tale.kin.kind == PRIVILEGED else creation, rotation]


def test_killed_at_any_point_it_ends_as_if_nothing_had_come_between(stage, operator, chronicle):
    killed_at_each_point(stage, operator, chronicle, TALES)


def test_killed_while_the_cloud_is_at_work_nothing_is_sent_on_top_of_it(stage, operator, chronicle):
    """Right after each call, which is not done yet; the next operator is killed as well while it waits."""
    less = chronicle.only(leaves_it_at_work)
    tales = [tale for tale in less.tales if tale.kin.kind in ALL_WAYS]
    with stage.taking_its_time():
        killed_at_each_point(stage, operator, less, tales)
