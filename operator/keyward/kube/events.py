"""Events that people read with `kubectl describe`: posted in the background, deduplicated, limited per object.

An event is a help, never a record: one that cannot be posted is dropped. Messages are ours and hold no value.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, NoReturn

from keyward.errors import KeywardError
from keyward.kube.answers import Asked, NotFound
from keyward.kube.client import Client
from keyward.kube.kinds import EVENTS, Kind

Json = dict[str, Any]
Type = Literal["Normal", "Warning"]

_log = logging.getLogger(__name__)
_REMEMBERED: Final = 4096
_QUEUED: Final = 1024
_MESSAGE: Final = 1000  # characters; the API server takes 1,024


@dataclass(frozen=True, slots=True)
class Ref:
    """The object that an event is about."""

    kind: Kind
    namespace: str  # empty for a cluster-scoped object
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is written about one object.

    `burst` new events at once, then one each `refill` seconds; a repetition at most each `repeat` seconds, with the count
    of what happened meanwhile.
    """

    burst: int = 12
    refill: float = 120.0
    repeat: float = 300.0


@dataclass(slots=True)
class _Series:
    """One event object and how often it happened."""

    name: str
    namespace: str
    count: int = 1
    written: int = 0
    written_at: float = float("-inf")


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class EventRecorder:
    """`post` never blocks and never raises; `run` writes. Memory is bounded: the oldest series are forgotten."""

    def __init__(
        self, client: Client, instance: str, clock: Callable[[], datetime], limits: Limits | None = None
    ) -> None:
        self._client, self._instance, self._clock = client, instance, clock
        self._limits = limits or Limits()
        self._series: OrderedDict[tuple[str, ...], _Series] = OrderedDict()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._queue: asyncio.Queue[tuple[_Series, Json]] = asyncio.Queue(_QUEUED)
        self.dropped = 0

    def post(self, ref: Ref, type_: Type, reason: str, message: str) -> None:
        """Say that something happened to an object; the same again only counts."""
        now = self._clock()
        key = (ref.uid, type_, reason, hashlib.sha256(message.encode()).hexdigest())
        series = self._series.get(key)
        if series is None:
            if not self._allowed(ref.uid, now.timestamp()):
                self.dropped += 1
                return
            series = _Series(_event_name(ref, key, now), ref.namespace or "default")
            self._series[key] = series
            _bound(self._series)
        else:
            self._series.move_to_end(key)
            series.count += 1
        if 0 <= now.timestamp() - series.written_at < self._limits.repeat:  # less: the clock was set back
            return
        try:
            self._queue.put_nowait((series, self._body(ref, series, (type_, reason, message), now)))
            series.written_at = now.timestamp()
        except asyncio.QueueFull:
            self.dropped += 1

    async def run(self) -> NoReturn:
        """Write what was posted, for ever; cancel it."""
        while True:
            series, body = await self._queue.get()
            try:
                await self._write(series, body)
            except KeywardError as error:
                self.dropped += 1
                _log.debug("an event could not be posted: %s", error.message)
            finally:
                self._queue.task_done()

    async def drain(self, seconds: float) -> None:
        """Wait until everything posted is written, at most so long."""
        try:
            await asyncio.wait_for(self._queue.join(), seconds)
        except TimeoutError:
            _log.info("some events were not posted before the end")

    async def _write(self, series: _Series, body: Json) -> None:
        if series.written:
            patch = {"count": body["count"], "lastTimestamp": body["lastTimestamp"]}
            try:
                await self._client.merge(Asked("patch", EVENTS, series.namespace, series.name), patch)
            except NotFound:
                series.written = 0  # events live for an hour
        if not series.written:
            await self._client.create(EVENTS, series.namespace, body)
        series.written = body["count"]

    def _allowed(self, uid: str, now: float) -> bool:
        bucket = self._buckets.setdefault(uid, _Bucket(self._limits.burst, now))
        self._buckets.move_to_end(uid)
        _bound(self._buckets)
        grown = bucket.tokens + max(0.0, now - bucket.at) / self._limits.refill
        bucket.tokens, bucket.at = min(grown, float(self._limits.burst)), now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True

    def _body(self, ref: Ref, series: _Series, said: tuple[Type, str, str], now: datetime) -> Json:
        type_, reason, message = said
        stamp = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        about = {"apiVersion": ref.kind.api_version, "kind": ref.kind.name, "name": ref.name, "uid": ref.uid}
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": series.name, "namespace": series.namespace},
            "involvedObject": about | ({"namespace": ref.namespace} if ref.namespace else {}),
            "type": type_,
            "reason": reason,
            "message": message[:_MESSAGE],
            "count": series.count,
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "source": {"component": "keyward"},
            "reportingComponent": "keyward",
            "reportingInstance": self._instance[:128],
        }


def _event_name(ref: Ref, key: tuple[str, ...], now: datetime) -> str:
    digest = hashlib.sha256("\n".join((*key, now.isoformat())).encode()).hexdigest()[:16]
    return f"{ref.name[:200]}.{digest}"


def _bound(memory: OrderedDict[Any, Any]) -> None:
    while len(memory) > _REMEMBERED:
        memory.popitem(last=False)
