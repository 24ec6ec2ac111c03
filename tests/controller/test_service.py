"""The composed controller against a real API server. Passes are recorded here: what they do is tried elsewhere."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import signal
import socket
import sys
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest
from tests.cluster import Cluster, definitions
from tests.cluster.fixtures import control_plane  # noqa: F401 - a fixture

from keyward.controller import app
from keyward.controller.settings import Address, Limits, Settings
from keyward.kube.client import Client
from keyward.kube.connection import connect
from keyward.kube.kinds import CREDENTIALS, ENCRYPTION_KEYS, NAMESPACES, SECRETS
from keyward.kube.server_time import ServerTime

ROOT = Path(__file__).parents[2]
OPERATOR = "keyward-system"


# A stop may come at any moment, and asyncio leaves the transport of a TLS handshake behind that was cancelled.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture(autouse=True)
def left_behind():
    yield
    gc.collect()


class Recorded:
    """A reconciler that only notes who was looked at."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.platform: Any = None

    def __call__(self, platform: Any) -> Recorded:
        self.platform = platform
        return self

    async def reconcile(self, key) -> datetime | None:
        self.seen.append(key)
        return None

    async def sweep_orphans(self) -> None:
        pass


@pytest.fixture(scope="module")
def crds(control_plane: Cluster) -> Cluster:  # noqa: F811
    definitions.install(control_plane)
    return control_plane


@pytest.fixture
async def client(crds):
    async with Client(connect(str(crds.kubeconfig), None)) as found:
        for name in (OPERATOR, "shop"):
            if await found.get(NAMESPACES, "", name) is None:
                await found.create(
                    NAMESPACES, "", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
                )
        if await found.get(ENCRYPTION_KEYS, "", "default") is None:
            await found.create(
                ENCRYPTION_KEYS, "", item("EncryptionKey", "default", {"provider": {"local": {}}}, namespace=None)
            )
        yield found


def item(kind, name, spec, *, namespace: str | None = "shop"):
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": "keyward.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def generic(name):
    return item("Credential", name, {"generic": {"generate": {}}, "projections": [{"secretName": name}]})


class Service:
    """A controller that runs in this process's loop."""

    def __init__(self, cluster: Cluster) -> None:
        self.passes = Recorded()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.port = taken.getsockname()[1]
        address = Address("127.0.0.1", self.port)
        settings = Settings(namespace=OPERATOR, metrics_address=address, limits=Limits(workers=4))
        connection = connect(str(cluster.kubeconfig), None)
        self.task = asyncio.create_task(app._run(settings, connection, self.passes, app.no_hook))

    async def __aenter__(self) -> Self:
        async with asyncio.timeout(30), aiohttp.ClientSession() as session:
            while not self.task.done() and not await self._ready(session):  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.05)
        if self.task.done():
            self.task.result()
        return self

    async def _ready(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"http://127.0.0.1:{self.port}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def __aexit__(self, *_: object) -> None:
        if not self.task.done():
            os.kill(os.getpid(), signal.SIGTERM)
            assert await asyncio.wait_for(self.task, 20) == 0

    async def saw(self, key) -> None:
        await until(lambda: key in self.passes.seen)


async def until(true):
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.02)


async def test_what_is_there_what_comes_what_changes_and_what_goes_is_looked_at(crds, client):
    await client.create(CREDENTIALS, "shop", generic("before"))
    async with Service(crds) as service:
        await service.saw(("shop", "before"))
        await client.create(CREDENTIALS, "shop", generic("after"))
        await service.saw(("shop", "after"))
        service.passes.seen.clear()
        crds.kubectl("annotate", "credential", "-n", "shop", "before", "keyward.dev/rotate=1")
        await service.saw(("shop", "before"))
        await client.delete(CREDENTIALS, "shop", "after")
        await service.saw(("shop", "after"))
        assert service.passes.platform.intake.cache.credential(("shop", "after")) is None
    await client.delete(CREDENTIALS, "shop", "before")


async def test_the_first_start_makes_the_keyring_and_the_second_loads_it(crds, client):
    async with Service(crds) as first:
        store = first.passes.platform.keeper.store
        assert first.passes.platform.keeper.writable("default") is not None
    async with Service(crds) as second:
        assert second.passes.platform.keeper.store == store


async def test_a_key_version_that_is_added_is_used_without_a_restart(crds, client):
    async with Service(crds) as service:
        keeper = service.passes.platform.keeper
        before = keeper.writable("default")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "keyward", "keyring", "rotate", "-n", OPERATOR, "--kubeconfig", str(crds.kubeconfig)),
            env=os.environ | {"PYTHONPATH": str(ROOT / "operator")},
        )
        assert await process.wait() == 0
        await until(lambda: keeper.writable("default") not in (before, None))
        assert int(keeper.writable("default")[1]) == int(before[1]) + 1


async def test_what_is_recorded_has_the_servers_time_whatever_this_machine_says(crds, client, monkeypatch):
    off = timedelta(days=2)
    monkeypatch.setattr(app, "ServerTime", partial(ServerTime, lambda: time.time() - off.total_seconds()))
    async with Service(crds) as service:
        platform = service.passes.platform
        assert abs(platform.clock() - datetime.now(UTC)) < timedelta(seconds=2)
        assert timedelta(seconds=-2) < datetime.now(UTC) - platform.awake_since() < timedelta(minutes=1)
        told = re.search(r"^keyward_clock_offset_seconds (.+)$", platform.metrics.render()[0].decode(), re.MULTILINE)
        assert abs(float(told[1]) - off.total_seconds()) < 2


async def test_a_secret_that_somebody_deletes_is_looked_at(crds, client):
    await client.create(CREDENTIALS, "shop", generic("lost"))
    labels = {
        "app.kubernetes.io/managed-by": "keyward",
        "keyward.dev/credential": "lost",
        "keyward.dev/lineage": "a" * 32,
    }
    metadata = {"name": "lost", "namespace": "shop", "labels": labels}
    async with Service(crds) as service:
        await service.saw(("shop", "lost"))
        service.passes.seen.clear()
        await client.create(SECRETS, "shop", {"apiVersion": "v1", "kind": "Secret", "metadata": metadata})
        await service.saw(("shop", "lost"))
        service.passes.seen.clear()
        await client.delete(SECRETS, "shop", "lost")
        await service.saw(("shop", "lost"))
    await client.delete(CREDENTIALS, "shop", "lost")


async def test_an_idle_controller_writes_nothing(crds, client):
    if crds.audit_log is None:
        pytest.fail("this cluster has no audit log: run the test on plain processes")
    async with Service(crds):
        pass  # its keyring is there now
    # The log is written with some delay: what was asked before this moment is told apart by its time.
    began = datetime.now(UTC).isoformat()
    async with Service(crds) as service:
        service.passes.platform.intake.everything()
        await asyncio.sleep(1.0)
    events = [json.loads(line) for line in crds.audit_log.read_text().splitlines()]
    ours = [e for e in events if e.get("userAgent") == "keyward" and e["requestReceivedTimestamp"] > began]
    assert [(e["verb"], e["objectRef"]["resource"]) for e in ours] == []


async def test_health_and_metrics_are_served_while_it_runs(crds, client):
    async with Service(crds) as service, aiohttp.ClientSession() as session:
        for path in ("healthz", "readyz", "metrics"):
            async with session.get(f"http://127.0.0.1:{service.port}/{path}") as answer:
                assert answer.status == 200
