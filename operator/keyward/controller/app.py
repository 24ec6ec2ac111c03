"""The composition root: every part is made here and nowhere else, and nothing is decided.

Tests hand their own hook to `run`, to stop, kill or delay the process at named points.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import os
import resource
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final, NoReturn

import uvloop

from keyward.api import names
from keyward.api.schema import shapes
from keyward.controller import crds, source
from keyward.controller.cache import Cache
from keyward.controller.credential_sets import CredentialSets
from keyward.controller.encryption_keys import EncryptionKeys
from keyward.controller.health import Health, HealthServer, LoopLag, heartbeat
from keyward.controller.heap import Schedule, TokenBucket
from keyward.controller.intake import Intake
from keyward.controller.keyring import FileHome, Home, KeyKeeper, SecretHome
from keyward.controller.limits import RotationLimits
from keyward.controller.metrics import Metrics
from keyward.controller.nodes import NodeWatches
from keyward.controller.platform import Platform
from keyward.controller.ports import Hook
from keyward.controller.queue import WorkQueue
from keyward.controller.resync import Resync, followed
from keyward.controller.runtime import Parts, Reconciler, Runtime
from keyward.controller.settings import Settings
from keyward.controller.target_health import TargetHealth
from keyward.errors import KeywardError
from keyward.kube.client import Client
from keyward.kube.connection import Connection
from keyward.kube.credentials import KubeCredentialStore
from keyward.kube.events import EventRecorder, Ref
from keyward.kube.informer import Informer, Watched
from keyward.kube.keyring import KeyringStore
from keyward.kube.kinds import CUSTOM_RESOURCES, SECRETS, VERSIONS
from keyward.kube.secrets import KubeSecretStore
from keyward.kube.server_time import ServerTime
from keyward.kube.targets import AdminSecrets, cluster_uid
from keyward.kube.versions import KubeVersionStore

_log = logging.getLogger(__name__)
_PR_SET_DUMPABLE: Final = 4
_LONGEST_SILENCE: Final = 1500.0  # of an informer: two resyncs and a half; each success of one is a sign of life
_KEYRING_LOOK: Final = 60.0
_YOUNG: Final = 10_000  # objects made since the collector last looked at the youngest

Build = Callable[[Platform], Reconciler]


async def no_hook(_point: str) -> None:
    """Nothing happens at the named points."""


def run(settings: Settings, connection: Connection, build: Build | None = None, hook: Hook = no_hook) -> int:
    """Run the controller; the exit status. Raises Blocked or Retry if it cannot start."""
    harden()
    # Modules stay, and most of what a pass makes goes by itself: the collector need not look as often as it likes to.
    gc.freeze()
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(settings, connection, build or _reconciler, hook))


def _reconciler(platform: Platform) -> Reconciler:
    from keyward.controller import gather

    return gather.build(platform)


def harden() -> None:
    """No core dump and no debugger of the same user: this process holds values."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


async def _run(settings: Settings, connection: Connection, build: Build, hook: Hook) -> int:
    metrics = Metrics(per_credential=settings.per_credential_metrics)
    clock = ServerTime()
    metrics.follow_clock(lambda: clock.offset)
    client = Client(
        connection,
        limit=settings.limits.connections,
        timeout=settings.periods.call,
        observe=metrics.requested,
        heard=clock.heard,
    )
    async with client:
        made = _make(settings, client, metrics, hook, clock)
        server = HealthServer(made.health, metrics, settings.metrics_address)
        await server.start()
        try:
            return await Runtime(made.parts(connection, build(made.platform))).run()
        finally:
            await server.stop()


@dataclass(slots=True)
class _Made:
    """The parts and what the start learns."""

    platform: Platform
    health: Health
    resync: Resync
    encryption_keys: EncryptionKeys
    sets: CredentialSets
    informers: tuple[Informer, ...]
    lag: LoopLag = field(default_factory=LoopLag)
    cluster: str = ""
    awake_since: datetime | None = None

    def parts(self, connection: Connection, reconciler: Reconciler) -> Parts:
        platform = self.platform
        return Parts(
            settings=platform.settings,
            intake=platform.intake,
            reconciler=reconciler,
            health=self.health,
            metrics=platform.metrics,
            prepare=self.prepare,
            background=(
                *(informer.run for informer in self.informers),
                self.resync.run,
                self.lag.run,
                self.keep_keys,
                platform.target_health.run,
                platform.nodes.run,
                self.sets.run,
            ),
            synced=self.synced,
            stream=partial(source.run, platform.intake, connection),
            flush=partial(platform.events.drain, 2.0),
            early=(platform.events.run,),
        )

    def warn_of_crd(self, crd: dict[str, Any], error: KeywardError) -> None:
        """An event on the CustomResourceDefinition itself: there is no other object that could be looked at."""
        metadata = crd["metadata"]
        of = Ref(CUSTOM_RESOURCES, "", metadata["name"], metadata["uid"])
        self.platform.events.post(of, "Warning", error.reason, error.message)

    async def prepare(self) -> None:
        """CRDs, the cluster's identity, what is there, the keyring."""
        platform = self.platform
        await crds.wait(platform.client, shapes(), partial(self.health.lacks, "start"), self.warn_of_crd)
        self.cluster = await cluster_uid(platform.client)
        self.awake_since = platform.clock()  # not sooner: the API server has told the time by now
        await self.resync.first()
        await platform.keeper.start(platform.intake.cache.encryption_keys())

    async def synced(self) -> None:
        for informer in self.informers:
            await informer.synced.wait()

    async def keep_keys(self) -> NoReturn:
        """Look after the keyring when an EncryptionKey or the keyring itself changed, and now and then."""
        intake, keeper = self.platform.intake, self.platform.keeper
        await self.synced()  # before that, nobody knows what is wrapped by which key
        intake.keys.set()
        while True:
            try:
                async with asyncio.timeout(_KEYRING_LOOK):
                    await intake.keys.wait()
            except TimeoutError:
                pass
            intake.keys.clear()
            if not self.cluster or not keeper.started:
                continue
            await self._look_at_keys()

    async def _look_at_keys(self) -> None:
        intake, keeper = self.platform.intake, self.platform.keeper
        try:
            changed = await keeper.reload()
            changed = await keeper.ensure(intake.cache.encryption_keys()) or changed
            await self.encryption_keys.tend()
        except KeywardError as error:
            _log.info("keyring and EncryptionKeys are looked at later: %s", error.message)
            return
        if changed:
            intake.everything()


def _make(settings: Settings, client: Client, metrics: Metrics, hook: Hook, clock: ServerTime) -> _Made:
    cache, health = Cache(operator_namespace=settings.namespace), Health()
    queue = WorkQueue(metrics)
    limits = RotationLimits(settings.limits.rotations, settings.limits.rotations_per_target, queue.add)
    rate = settings.limits.releases_per_second
    schedule = Schedule(clock, TokenBucket(rate, rate), settings.periods.longest_sleep)
    intake: Intake
    secrets = KubeSecretStore(client)
    # The intake is made below: it needs these two itself.
    credentials = KubeCredentialStore(client, lambda item: intake.answered(item), lambda of: intake.gone(of))  # noqa: PLW0108
    intake = Intake(
        cache,
        queue,
        schedule,
        limits,
        secrets.view,
        forget_secret=secrets.forget,
        note_status=credentials.note,
        forget_status=credentials.forget,
    )
    metrics.follow(cache.summaries)
    keeper = KeyKeeper(_home(settings, client), lambda *labels: metrics.kms_calls.labels(*labels).inc(), clock)
    made: _Made
    platform = Platform(
        settings=settings,
        client=client,
        intake=intake,
        keeper=keeper,
        versions=KubeVersionStore(client, keeper.digest, cache.version_index),
        credentials=credentials,
        secrets=secrets,
        admins=AdminSecrets(client),
        events=EventRecorder(client, f"keyward-{socket.gethostname()}-{os.getpid()}", clock),
        target_health=TargetHealth(cache, client, clock),
        nodes=NodeWatches(queue.add, lambda key: bool(cache.credential_version(key)), clock),
        metrics=metrics,
        clock=clock,
        hook=hook,
        cluster=lambda: made.cluster,
        awake_since=lambda: made.awake_since or clock(),
    )
    resync = Resync(client, followed(intake), metrics.missed_changes.inc, period=settings.periods.resync)
    keys, sets = EncryptionKeys(cache, keeper, client, clock), CredentialSets(intake, client, clock)
    cache.set_changed = sets.wake
    made = _Made(platform, health, resync, keys, sets, _informers(settings, client, intake))
    _watch_over(made, schedule)
    return made


def _home(settings: Settings, client: Client) -> Home:
    store = KeyringStore(client, settings.namespace, settings.keyring_secret)
    return FileHome(settings.keyring_file, store) if settings.keyring_file else SecretHome(store)


def _informers(settings: Settings, client: Client, intake: Intake) -> tuple[Informer, ...]:
    ours = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY}"
    keyring = f"{names.LABEL_COMPONENT}={names.COMPONENT_KEYRING}"
    return (
        Informer(client, Watched(VERSIONS), intake.version),
        Informer(client, Watched(SECRETS, ours, metadata_only=True), intake.secret),
        Informer(client, Watched(SECRETS, names.LABEL_SOURCE_FOR, metadata_only=True), intake.source),
        Informer(
            client,
            Watched(SECRETS, keyring, metadata_only=True, namespace=settings.namespace),
            lambda _change, _item: intake.keys.set(),
        ),
    )


def _watch_over(made: _Made, schedule: Schedule) -> None:
    health = made.health
    health.watch("loop", made.lag.check)
    health.watch("schedule", heartbeat(lambda: schedule.beat if schedule.started else _ever(), 90.0, "the schedule"))
    health.watch("watch", made.resync.check)
    named = dict(zip(("versions", "secrets", "sources", "keyring"), made.informers, strict=True))
    for name, informer in named.items():
        health.watch(name, partial(_fresh, informer))
    events, metrics = made.platform.events, made.platform.metrics
    metrics.follow_watches({name: i.health for name, i in named.items()}, lambda: events.dropped)


def _ever() -> float:
    return float("inf")


def _fresh(informer: Informer) -> str | None:
    if not informer.synced.is_set() or informer.age < _LONGEST_SILENCE:
        return None
    return f"no sign of life for {informer.age:.0f} s"
