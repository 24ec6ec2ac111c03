"""kopf: its streams of the kinds that people write, its login and its lifecycle, and nothing else of it.

Only `on.event` handlers are registered, so that kopf writes nothing: no finalizer, no annotation, no Event, no status.
They must not raise and must not wait. Streams of what we write ourselves come through `kube.informer`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any, Final, cast

import aiohttp
import kopf
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory

from keyward.controller.intake import Intake
from keyward.controller.objects import key_of, number
from keyward.controller.resync import Followed, followed
from keyward.kube.connection import Connection
from keyward.kube.informer import Change

Json = dict[str, Any]

_CHANGES: Final[dict[str | None, Change]] = {
    None: "Added",
    "ADDED": "Added",
    "MODIFIED": "Modified",
    "DELETED": "Deleted",
}
_CONNECTIONS: Final = 8  # one per stream, and some for lists and discovery


class NullDiffBase(kopf.DiffBaseStorage):
    """kopf compares nothing for us: four deep copies per event less."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return cast("kopf.BodyEssence", {})

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        """Keep nothing."""


class NullProgress(kopf.ProgressStorage):
    """kopf runs nothing that could be in progress."""

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        """Keep nothing."""

    def purge(self, **_: Any) -> None:
        """Nothing was kept."""

    def touch(self, **_: Any) -> None:
        """Never patch an object to wake ourselves."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        return essence


class NoMemories(ResourceMemories):
    """kopf remembers no object for us: half a kilobyte for each, of which event handlers need nothing.

    There is no public way to say so; a test counts what is kept.
    """

    async def recall(self, raw_body: kopf.RawBody, **options: Any) -> ResourceMemory:
        return await super().recall(raw_body, **(options | {"ephemeral": True}))


class EndlessBackoffs:
    """Pauses in seconds, growing up to a cap, for ever. kopf iterates it anew for each request, so no generator."""

    def __init__(self, first: float, factor: float, cap: float) -> None:
        self._first, self._factor, self._cap = first, factor, cap

    def __iter__(self) -> Iterator[float]:
        pause = self._first
        while True:
            yield pause
            pause = min(pause * self._factor, self._cap)


def settings() -> kopf.OperatorSettings:
    """The settings of kopf. Each was measured; do not change one without measuring again."""
    found = kopf.OperatorSettings()
    found.posting.enabled = False
    found.scanning.disabled = True  # the CRDs are there when we start; see `crds`
    found.queueing.idle_timeout = 0.05  # an idle worker keeps its object in memory
    found.queueing.worker_limit = None  # a limit makes idle workers block all others
    found.queueing.exit_timeout = 2.0
    found.queueing.error_delays = (1, 2, 5, 10, 30)
    found.watching.chunk_size = 100  # each object of a page has a worker with a queue of its own for a while
    found.watching.inactivity_timeout = 70  # bookmarks come each minute
    found.watching.reconnect_backoff = 0.5
    found.networking.request_timeout = 30
    found.networking.connect_timeout = 5
    found.networking.error_backoffs = cast("Any", EndlessBackoffs(0.5, 2.0, cap=10.0))  # else a 503 of a minute ends us
    found.networking.enforce_retry_after = False
    found.persistence.diffbase_storage = NullDiffBase()
    found.persistence.progress_storage = NullProgress()
    found.persistence.consistency_timeout = 0
    found.process.ultimate_exiting_timeout = 25
    return found


def registry(intake: Intake, session: Callable[[], aiohttp.ClientSession], where: Connection) -> kopf.OperatorRegistry:
    """The handlers: the streams and the login. `session` makes one for each login."""
    found = kopf.OperatorRegistry()
    for one in followed(intake):
        _follow(found, one)

    @kopf.on.login(registry=found, id="login")
    async def login(**_: Any) -> kopf.AiohttpSession:
        # Each login gets a session of its own: kopf closes it when its credentials are refused.
        return kopf.AiohttpSession(server=where.server, aiohttp_session=session(), default_namespace=where.namespace)

    return found


def _follow(found: kopf.OperatorRegistry, one: Followed) -> None:
    kind = one.kind

    def is_news(event: kopf.RawEvent, **_: Any) -> bool:
        """What the first list has shown, and the echo of what we wrote, is known: half of all events."""
        item = cast("Json", event["object"])
        return event["type"] == "DELETED" or number(item["metadata"]["resourceVersion"]) > one.version(key_of(item))

    @kopf.on.event(kind.group, kind.version, kind.plural, registry=found, id=kind.plural, when=is_news)
    async def on_event(event: kopf.RawEvent, **_: Any) -> None:
        change = _CHANGES.get(event["type"])
        if change is not None:
            one.take(change, cast("Json", event["object"]))


async def run(intake: Intake, connection: Connection, ready: asyncio.Event, stop: asyncio.Event) -> None:
    """Run kopf until `stop`, or until it fails. Raises what it failed with: the process then ends and is started anew."""
    async with AsyncExitStack() as sessions:

        def session() -> aiohttp.ClientSession:
            made = connection.session(_CONNECTIONS)
            # kopf leaves one open when it is stopped while it begins.
            sessions.push_async_callback(made.close)
            return made

        await kopf.operator(
            registry=registry(intake, session, connection),
            settings=settings(),
            memories=NoMemories(),
            clusterwide=True,
            standalone=True,
            ready_flag=ready,
            stop_flag=stop,
        )
