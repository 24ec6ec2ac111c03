"""A replica is an endpoint like any other: a value is proven there before it is published, and changes replicate cleanly."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

import pytest
from tests.cluster.mysql_family import FamilyServer
from tests.cluster.mysql_replica import held_back, replica_of, troubles
from tests.engines.conformance import scene as scenes
from tests.engines.conformance.mysql_family import DATABASE, FamilyStage, MariadbStage, MysqlStage

from keyward.engines.base import Endpoint, Role
from keyward.errors import Blocked, KeywardError, Reason


@pytest.fixture
def replica(server: FamilyServer) -> Iterator[FamilyServer]:
    with replica_of(server, DATABASE) as replica:
        yield replica


async def test_a_value_is_proven_on_a_replica_before_it_counts(server: FamilyServer, replica: FamilyServer):
    stage: FamilyStage = MysqlStage(server) if server.name == "MySQL" else MariadbStage(server)
    scene = scenes.created(stage)
    there = Endpoint("127.0.0.1", replica.port, Role.REPLICA)
    scene = replace(scene, place=replace(scene.place, ca_pem=server.ca_pem + replica.ca_pem))
    await scene.apply(scene.first, "one")
    await _eventually(lambda: scene.verify(scene.first, "one", endpoint=there))
    with held_back(replica):
        await scene.apply(scene.first, "two")
        with pytest.raises(Blocked) as caught:
            await scene.verify(scene.first, "two", endpoint=there)
        assert caught.value.reason is Reason.LOGIN_REFUSED
        await scene.verify(scene.first, "one", endpoint=there)
    await _eventually(lambda: scene.verify(scene.first, "two", endpoint=there))
    assert not troubles(replica)


async def _eventually(check: Callable[[], Awaitable[None]]) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            return await check()
        except KeywardError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)
