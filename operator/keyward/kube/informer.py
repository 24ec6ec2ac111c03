"""List and watch one kind for ever: every change reaches the handler, also one that happened while the stream was down.

Survives 410, 429, 5xx, a restarted server and a stream that went silent. Keeps nothing of an object but its
resourceVersion: what is worth keeping is the handler's business.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, Literal, NoReturn

import orjson

from keyward.errors import KeywardError, Reason, Retry
from keyward.kube.answers import Asked, WatchExpired
from keyward.kube.client import JSON, METADATA, METADATA_LIST, Call, Client
from keyward.kube.kinds import Kind

Json = dict[str, Any]
Change = Literal["Added", "Modified", "Deleted"]
Handler = Callable[[Change, Json], None]
"""Called on the loop for each change; it decides and enqueues, and must not block. A synthesised `Deleted` carries only
metadata.namespace, metadata.name and metadata.resourceVersion."""

_log = logging.getLogger(__name__)
_CHANGES: Final[dict[str, Change]] = {"ADDED": "Added", "MODIFIED": "Modified", "DELETED": "Deleted"}


@dataclass(frozen=True, slots=True)
class Watched:
    """What is watched. `selector` is a label selector; metadata_only: bodies never leave the server."""

    kind: Kind
    selector: str = ""
    metadata_only: bool = False
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Timing:
    """All in seconds. A server sends a bookmark each minute, so more silence than that is a dead stream."""

    silence: float = 70.0
    lifetime: float = 300.0  # after which the server ends a stream in good order
    resync: float = 600.0
    grace: float = 10.0  # that a change may take from a list to the stream
    first_pause: float = 0.5
    longest_pause: float = 15.0


@dataclass(slots=True)
class Health:
    """What /healthz and metrics read."""

    fresh_at: float = float("-inf")  # monotonic time of the last sign of life
    relists: int = 0
    dead_streams: int = 0
    problem: str = ""  # our own text for the failure that is being retried


class Informer:
    """One kind's stream of changes. `run` never returns; cancel it."""

    def __init__(self, client: Client, watched: Watched, handler: Handler, timing: Timing | None = None) -> None:
        self._client, self._watched, self._handler = client, watched, handler
        self._timing = timing or Timing()
        self._known: dict[str, str] = {}  # namespace/name → resourceVersion
        self._position = ""
        self.synced = asyncio.Event()
        self.health = Health()

    def __len__(self) -> int:
        return len(self._known)

    @property
    def age(self) -> float:
        """Seconds since the last sign of life."""
        return monotonic() - self.health.fresh_at

    async def run(self) -> NoReturn:
        """List, watch, and start over for ever."""
        pause = self._timing.first_pause
        while True:
            began = monotonic()
            try:
                if not self._position:
                    await self._list()
                await self._follow()
            except WatchExpired:
                self._position = ""
            except KeywardError as error:
                self._note(error)
                wanted = error.after if isinstance(error, Retry) else None
                await asyncio.sleep(max(wanted or 0.0, pause * random.uniform(0.5, 1.0)))  # noqa: S311 - spreads load
            lived = monotonic() - began > self._timing.silence
            pause = self._timing.first_pause if lived else min(pause * 2, self._timing.longest_pause)

    def _note(self, error: KeywardError) -> None:
        if error.message != self.health.problem:
            _log.warning("watching %s is interrupted: %s", self._watched.kind.resource, error.message)
        self.health.problem = error.message

    # --- list ---

    async def _list(self) -> None:
        """Bring the handler up to what is there, deletions included."""
        gone = dict(self._known)
        async for page in self._pages():
            for item in page.get("items") or ():
                gone.pop(_key(item), None)
                self._deliver_if_new(item)
            position = str(page.get("metadata", {}).get("resourceVersion", ""))
        for key in gone:
            self._forget(key)
        self._position = position
        self.health.relists += 1
        self._alive()
        self.synced.set()

    def _pages(self) -> Any:
        accept = METADATA_LIST if self._watched.metadata_only else JSON
        return self._client.pages(self._watched.kind, self._watched.namespace, query=self._selector(), accept=accept)

    def _selector(self) -> str:
        return f"labelSelector={self._watched.selector.replace('=', '%3D')}" if self._watched.selector else ""

    # --- watch ---

    async def _follow(self) -> NoReturn:
        """Read the stream until it fails, with the resync beside it."""
        stream = asyncio.create_task(self._watch())
        checks = asyncio.create_task(self._resync())
        try:
            done, _ = await asyncio.wait((stream, checks), return_when=asyncio.FIRST_COMPLETED)
            raise done.pop().exception() or AssertionError("a stream that ends raises")
        finally:
            for task in (stream, checks):
                task.cancel()
            await asyncio.gather(stream, checks, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            lifetime = int(self._timing.lifetime * random.uniform(0.8, 1.2))  # noqa: S311 - spreads load
            query = (
                f"watch=1&allowWatchBookmarks=true&resourceVersion={self._position}&timeoutSeconds={max(lifetime, 1)}"
            )
            selector = self._selector()
            call = Call(
                Asked("watch", self._watched.kind, self._watched.namespace),
                query=f"{query}&{selector}" if selector else query,
                accept=METADATA if self._watched.metadata_only else JSON,
            )
            began = monotonic()
            async for line in self._client.stream(call, self._timing.silence):
                self._take(line)
            if monotonic() - began < self._timing.first_pause:
                # A proxy that ends each stream at once must not make us a storm.
                raise Retry(
                    Reason.API_UNAVAILABLE, f"the API server ends the watch of {self._watched.kind.resource} at once"
                )

    def _take(self, line: bytes) -> None:
        try:
            event = orjson.loads(line)
            kind, item = event["type"], event["object"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise Retry(Reason.API_UNAVAILABLE, "the API server's watch broke off in the middle of a line") from None
        self._alive()
        if kind == "ERROR":
            self._raise(item)
        version = item["metadata"].get("resourceVersion", "")
        if kind == "BOOKMARK":
            self._position = version
            return
        change = _CHANGES.get(kind)
        if change == "Deleted":
            self._known.pop(_key(item), None)
            self._deliver(change, item)
        elif change is not None:
            self._deliver_if_new(item)
        self._position = version

    def _raise(self, status: Json) -> None:
        code = status.get("code") if isinstance(status, dict) else None
        if code == 410:
            raise WatchExpired(Reason.API_UNAVAILABLE, "the watch is too old")
        raise Retry(
            Reason.API_UNAVAILABLE,
            f"the API server ended the watch with {code if isinstance(code, int) else 'an error'}",
        )

    # --- resync ---

    async def _resync(self) -> None:
        """List beside the stream; what the stream still has not told after the grace, it will never tell."""
        while True:
            await asyncio.sleep(self._timing.resync * random.uniform(0.9, 1.1))  # noqa: S311 - spreads load
            try:
                missed = await self._compare()
            except KeywardError as error:
                _log.info("resync of %s is put off: %s", self._watched.kind.resource, error.message)
                continue
            if not missed:
                self._alive()
                continue
            self.health.dead_streams += 1
            self._position = ""
            raise Retry(Reason.API_UNAVAILABLE, f"the watch of {self._watched.kind.resource} missed changes: list anew")

    async def _compare(self) -> bool:
        before = dict(self._known)
        suspects: dict[str, str | None] = dict(before)
        async for page in self._pages():
            for item in page.get("items") or ():
                key = _key(item)
                if before.get(key) == item["metadata"].get("resourceVersion", ""):
                    del suspects[key]
                else:
                    suspects[key] = before.get(key)
        if not suspects:
            return False
        await asyncio.sleep(self._timing.grace)
        # Whatever has moved since was told by the stream.
        return any(self._known.get(key) == version for key, version in suspects.items())

    # --- delivery ---

    def _alive(self) -> None:
        self.health.fresh_at = monotonic()
        self.health.problem = ""

    def _deliver_if_new(self, item: Json) -> None:
        key, version = _key(item), item["metadata"].get("resourceVersion", "")
        before = self._known.get(key)
        if before == version:
            return
        self._known[key] = version
        self._deliver("Added" if before is None else "Modified", item)

    def _forget(self, key: str) -> None:
        version = self._known.pop(key)
        namespace, _, name = key.rpartition("/")
        self._deliver("Deleted", {"metadata": {"namespace": namespace, "name": name, "resourceVersion": version}})

    def _deliver(self, change: Change, item: Json) -> None:
        try:
            self._handler(change, item)
        except Exception as error:  # noqa: BLE001 - one damaged object must not end the stream of all others
            _log.error("handling a change of %s failed: %s", self._watched.kind.resource, type(error).__name__)


def _key(item: Json) -> str:
    metadata = item["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']}"
