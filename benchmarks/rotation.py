"""One rotation's own overhead: a whole pass of the operator on a real PostgreSQL, beside the driver's bare sequence.

Everything of the operator runs but the wire to the API server, which is dictionaries here: gathering, planning, sealing,
records as JSON, the engine, the login on the endpoint, the Secret, the status. Both take turns on the same server.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Any, Final

from tests.cluster.postgres import PostgresServer
from tests.cluster.progress import progress

from benchmarks.driver_script import Script, recording
from benchmarks.figures import Rotation
from benchmarks.memory_api import Json, MemoryApi
from keyward.controller import app, gather
from keyward.controller.metrics import Metrics
from keyward.controller.runtime import Reconciler
from keyward.controller.settings import Settings
from keyward.kube.kinds import CREDENTIALS
from keyward.kube.server_time import ServerTime

NAMESPACE: Final = "shop"
_WARM: Final = 4


def measure(rounds: int) -> Rotation:
    """So many rotations of each kind, in turn. Raises AssertionError if one of them did not rotate."""
    with PostgresServer() as server, progress(f"{rounds} rotations, and as many by the driver alone"):
        server.database("orders")
        server.admin("rotator", password="rotators-password", database="orders")
        return asyncio.run(_measure(server, rounds))


async def _measure(server: PostgresServer, rounds: int) -> Rotation:
    world = await World.opened(server)
    scripts = [await _recorded(world) for _ in range(2)]
    bare: list[tuple[float, float]] = []
    ours: list[tuple[float, float]] = []
    for number in range(rounds + _WARM):
        bare.append(await _timed(scripts[number % 2].play()))
        world.ask("measured")
        ours.append(await _timed(world.rotate("measured")))
    bare, ours = bare[_WARM:], ours[_WARM:]
    return Rotation(
        bare=[wall for wall, _ in bare],
        ours=[wall for wall, _ in ours],
        bare_cpu=sum(cpu for _, cpu in bare) / rounds,
        ours_cpu=sum(cpu for _, cpu in ours) / rounds,
        statements=scripts[0].statements,
        connections=scripts[0].connections,
    )


async def _recorded(world: World) -> Script:
    """One rotation of a Credential of its own, so that the repetition disturbs nobody: once per account."""
    world.ask("recorded")
    with recording() as script:
        await world.rotate("recorded")
    return script


async def _timed(work: Any) -> tuple[float, float]:
    wall, cpu = perf_counter(), process_time()
    await work
    return perf_counter() - wall, process_time() - cpu


@dataclass(slots=True)
class World:
    """The operator's parts as they are made in service, two Credentials, one Target."""

    api: MemoryApi
    made: Any
    reconciler: Reconciler
    asked: int = 0

    @classmethod
    async def opened(cls, server: PostgresServer) -> World:
        api = MemoryApi()
        made = app._make(Settings(), api, Metrics(), app.no_hook, ServerTime())
        made.cluster = "00000000-0000-4000-8000-000000000000"
        world = cls(api, made, gather.build(made.platform))
        world._stock(server)
        await made.platform.keeper.start(["default"])
        for name in ("recorded", "measured"):
            await world.rotate(name)
        return world

    def _stock(self, server: PostgresServer) -> None:
        intake = self.made.platform.intake
        key = {"provider": {"local": {}}, "allowedNamespaces": ["*"]}
        intake.encryption_key("Added", self.api.put("encryptionkeys", _item("EncryptionKey", "default", key, "")))
        secret = {"username": "cm90YXRvcg==", "password": "cm90YXRvcnMtcGFzc3dvcmQ="}
        admin = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": secret}
        self.api.put("secrets", admin | {"metadata": {"name": "pg-admin", "namespace": NAMESPACE}})
        intake.target("Target", "Added", self.api.put("targets", _item("Target", "pg", _target(server))))
        for name in ("recorded", "measured"):
            intake.credential("Added", self.api.put("credentials", _item("Credential", name, _dual(name))))

    def ask(self, name: str) -> None:
        """Rotate now, as a person asks for it."""
        self.asked += 1
        item = self.api.stored(CREDENTIALS.plural, NAMESPACE, name)
        item["metadata"].setdefault("annotations", {})["keyward.dev/rotate"] = f"t{self.asked}"
        self.made.platform.intake.credential("Modified", self.api.put("credentials", item))

    async def rotate(self, name: str) -> None:
        """One pass."""
        before = self._published(name)
        await self.reconciler.reconcile((NAMESPACE, name))
        assert self._published(name) > before, self.api.stored(CREDENTIALS.plural, NAMESPACE, name).get("status")

    def _published(self, name: str) -> int:
        view = self.made.platform.intake.cache.secret(NAMESPACE, name)
        return view.sequence if view else 0


def _item(kind: str, name: str, spec: Json, namespace: str = NAMESPACE) -> Json:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": "keyward.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def _target(server: PostgresServer) -> Json:
    return {
        "rds": {
            "engine": "PostgreSQL",
            "endpoints": [{"host": "127.0.0.1", "port": server.port}],
            "tls": {"ca": server.ca_pem},
        },
        "admin": {"secretRef": {"name": "pg-admin"}},
        "allowedAccounts": ["*"],
    }


def _dual(name: str) -> Json:
    return {
        "rds": {
            "targetRef": {"name": "pg"},
            "create": {"name": name, "privileges": [{"database": "orders", "level": "ReadWrite"}]},
            "databaseName": "orders",
        },
        "rotation": {"interval": "24h", "gracePeriod": "0s"},
        "projections": [{"secretName": name}],
    }
