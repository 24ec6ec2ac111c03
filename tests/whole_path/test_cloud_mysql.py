"""Pairs of accounts on MySQL that RDS' and PolarDB's APIs set: nobody who logs in with them is refused once.

All are changed at the same time by one operator, on one server: a pair that was made in each, and one that RDS had. What else
is true of RDS and PolarDB does not depend on the server, and is tried in test_cloud_databases.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from tests.whole_path.cloud_shop import CloudDatabaseShop, cloud_shop
from tests.whole_path.consumers import GRACE, consumers, never_refused, side_by_side

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
    rds = shops[0]
    rds.apply(rds.credential("given", rds.existing("given", "given_blue", "given_green"), rotation=rotation))
    pairs = [*((shop, "busy") for shop in shops), (rds, "given")]
    with ExitStack() as stack:
        crowds = []
        for shop, name in pairs:
            shop.published(name)
            crowds.append(stack.enter_context(consumers(shop, name, shop.log.parent, CLIENTS, shop.client)))
        tallies = side_by_side(crowds, ROTATIONS)
    for (shop, name), tally in zip(pairs, tallies, strict=True):
        said = f"{shop.block}/{shop.there.engine} through the cloud, {name}"
        sys.stderr.write(f"{said}: {len(tally.logins)} logins in {ROTATIONS} rotations, {len(tally.refused)} refused\n")
        assert shop.there.server.real is rds.there.server.real
        never_refused(tally, CLIENTS, ROTATIONS)
    assert {one.user for one in tallies[-1].logins} == {"given_blue", "given_green"}
