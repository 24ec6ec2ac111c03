"""SIGKILL at each effect of a change of the very login that makes the change: nobody is locked out.

On two real PostgreSQL, of which the newer lets no mark be written, a real MySQL and a real MariaDB. What the Secret holds in the
end logs in, and it is the admin login.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cluster.mariadb import MariadbServer
from tests.cluster.mysql import MysqlServer
from tests.cluster.newest_postgres import NewestPostgresServer
from tests.kills.admins import ALONE, TALES, AdminFamilyStage, PostgresStage
from tests.kills.chronicle import Chronicle, told
from tests.kills.family import MARIADB, MYSQL
from tests.kills.journey import killed_at_each_point
from tests.kills.lives import Tale
from tests.kills.stage import Stage, led_on

FAMILY = {"MySQL": MysqlServer(settings=MYSQL), "MariaDB": MariadbServer(settings=MARIADB)}
POSTGRES = {"PostgreSQL": "postgres", "newest PostgreSQL": "newest_postgres"}


@pytest.fixture(scope="module", params=[*POSTGRES, *FAMILY])
def stage(request, control_plane) -> Iterator[Stage]:
    if request.param in POSTGRES:
        postgres = request.getfixturevalue(POSTGRES[request.param])
        with led_on(control_plane, lambda api: PostgresStage(api, postgres)) as stage:
            yield stage
    else:
        with (
            FAMILY[request.param] as server,
            led_on(control_plane, lambda api: AdminFamilyStage(api, server)) as of_family,
        ):
            yield of_family


@pytest.fixture(scope="module")
def tales(stage) -> tuple[Tale, ...]:
    return ALONE if isinstance(stage.postgres, NewestPostgresServer) else TALES


@pytest.fixture(scope="module")
def chronicle(stage, operator, tales) -> Chronicle:
    return told(stage, operator, tales, f"admins of {type(stage).__name__}")


def test_undisturbed_an_admin_login_is_imported_and_changed(chronicle, tales):
    for tale in tales:
        ends = [chronicle.of(tale, event).end for event in tale.events]
        first = 2 if tale.kin.is_dual else 1
        assert [end["credential"]["current"] for end in ends] == [f"v{first + n}" for n in range(len(ends))]
        for end in ends:
            assert end["credential"]["conditions"] == {"Ready": "True Projected", "Rotated": "True UpToDate"}
            assert end["secret"]["owner"] is None, "it outlives its Credential"


def test_killed_at_any_point_nobody_is_locked_out(stage, operator, chronicle, tales):
    killed_at_each_point(stage, operator, chronicle, tales)
