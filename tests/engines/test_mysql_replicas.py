"""A replica is an endpoint like any other: a value is proven there before it is published, and changes replicate cleanly."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

import pytest
from tests.cluster.mysql_family import SUPERUSER, SUPERUSER_PASSWORD, FamilyServer
from tests.engines.conformance import scene as scenes
from tests.engines.conformance.mysql_family import DATABASE, FamilyStage, MariadbStage, MysqlStage

from keyward.engines.base import Endpoint, Role
from keyward.errors import Blocked, KeywardError, Reason

WORDS = {
    "MySQL": ("REPLICA", "CHANGE REPLICATION SOURCE TO", "SOURCE", "SHOW BINARY LOG STATUS"),
    "MariaDB": ("SLAVE", "CHANGE MASTER TO", "MASTER", "SHOW MASTER STATUS"),
}


@pytest.fixture
def replica(server: FamilyServer) -> Iterator[FamilyServer]:
    """It begins where the primary stands now."""
    word, change, source, status = WORDS[server.name]
    with type(server)(settings={"server-id": "2", "relay-log": "relay"}) as replica:
        log, position = server.sql(status)[0][:2]
        replica.database(DATABASE)
        trusted = replica.folder / "primary.crt"
        trusted.write_text(server.ca_pem, encoding="ascii")
        settings = {
            "HOST": "'127.0.0.1'",
            "PORT": str(server.port),
            "USER": f"'{SUPERUSER}'",
            "PASSWORD": f"'{SUPERUSER_PASSWORD}'",
            "LOG_FILE": f"'{log}'",
            "LOG_POS": str(position),
            "SSL": "1",
            "SSL_CA": f"'{trusted}'",
        }
        replica.sql(f"{change} " + ", ".join(f"{source}_{name} = {value}" for name, value in settings.items()))
        replica.sql(f"START {word}")
        yield replica
        replica.sql(f"STOP {word}")


async def test_a_value_is_proven_on_a_replica_before_it_counts(server: FamilyServer, replica: FamilyServer):
    stage: FamilyStage = MysqlStage(server) if server.name == "MySQL" else MariadbStage(server)
    word = WORDS[server.name][0]
    scene = scenes.created(stage)
    there = Endpoint("127.0.0.1", replica.port, Role.REPLICA)
    scene = replace(scene, place=replace(scene.place, ca_pem=server.ca_pem + replica.ca_pem))
    await scene.apply(scene.first, "one")
    await _eventually(lambda: scene.verify(scene.first, "one", endpoint=there))
    replica.sql(f"STOP {word}")
    await scene.apply(scene.first, "two")
    with pytest.raises(Blocked) as caught:
        await scene.verify(scene.first, "two", endpoint=there)
    assert caught.value.reason is Reason.LOGIN_REFUSED
    await scene.verify(scene.first, "one", endpoint=there)
    replica.sql(f"START {word}")
    await _eventually(lambda: scene.verify(scene.first, "two", endpoint=there))
    assert not [row for row in replica.sql(f"SHOW {word} STATUS") if "error" in str(row).lower()]


async def _eventually(check: Callable[[], Awaitable[None]]) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            return await check()
        except KeywardError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)
