"""Pairs of accounts on MySQL that RDS' and PolarDB's APIs set: nobody who logs in with them is refused once.

Both are changed at the same time by one operator, on one server. What else is true of RDS and PolarDB does not depend on
the server, and is tried in test_cloud_databases.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from tests.whole_path.cloud_shop import CloudDatabaseShop, cloud_shop
from tests.whole_path.consumers import GRACE, consumers, never_refused

CLIENTS, ROTATIONS = 4, 10
ACCEPTED = 0.03  # seconds until the cloud has done what it accepted


@pytest.fixture
def shops(control_plane, mysql, tmp_path) -> Iterator[list[CloudDatabaseShop]]:
    with ExitStack() as stack:
        found = []
        for block in ("rds", "polardb"):
            folder = tmp_path / block
            folder.mkdir()
            found.append(stack.enter_context(cloud_shop(control_plane, mysql, folder, block, "mysql")))
        stack.enter_context(found[0].operator())
        yield found


def test_no_consumer_of_rds_and_of_polardb_on_mysql_is_refused_one_login(shops):
    rotation = {"interval": "24h", "gracePeriod": f"{GRACE}s"}
    for shop in shops:
        shop.there.delay = ACCEPTED
        shop.apply(shop.credential("busy", shop.created(f"busy{shop.block[:2]}"), rotation=rotation))
    with ExitStack() as stack:
        busy = []
        for shop in shops:
            shop.published("busy")
            busy.append(stack.enter_context(consumers(shop, "busy", shop.log.parent, CLIENTS, shop.client)))
        with ThreadPoolExecutor() as side_by_side:
            tallies = list(side_by_side.map(lambda crowd: crowd.through(ROTATIONS), busy))
    for shop, tally in zip(shops, tallies, strict=True):
        name = f"{shop.block}/{shop.there.engine} through the cloud"
        sys.stderr.write(f"{name}: {len(tally.logins)} logins in {ROTATIONS} rotations, {len(tally.refused)} refused\n")
        assert shop.there.server.real is shops[0].there.server.real
        never_refused(tally, CLIENTS, ROTATIONS)
