"""The first lists, and a look soon after and then each ten minutes whether the streams told everything.

kopf loses deletions that happen while a stream is down, and its stream can die in silence. What a list shows and the
stream has not told within a minute is put right here, and held against the stream's health.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

from keyward.controller.intake import Intake
from keyward.controller.limits import TargetKey
from keyward.controller.objects import key_of, number
from keyward.errors import KeywardError
from keyward.kube.client import Client
from keyward.kube.informer import Change
from keyward.kube.kinds import CLUSTER_TARGETS, CREDENTIAL_SETS, CREDENTIALS, ENCRYPTION_KEYS, TARGETS, Kind

Json = dict[str, Any]
Place = tuple[str, str]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Followed:
    """One kind: how a change of it is taken, what is known of an object, and which objects are known."""

    kind: Kind
    take: Callable[[Change, Json], None]
    version: Callable[[Place], int]
    places: Callable[[], Iterable[Place]]


def followed(intake: Intake) -> tuple[Followed, ...]:
    """The kinds that people write, in the order in which they are needed."""
    cache = intake.cache

    def targets(kind: str) -> Iterator[Place]:
        return ((namespace, name) for found, namespace, name in cache.targets() if found == kind)

    def target_version(kind: str, place: Place) -> int:
        target: TargetKey = (kind, *place)
        return cache.target_version(target)

    return (
        Followed(
            ENCRYPTION_KEYS,
            intake.encryption_key,
            lambda place: cache.encryption_key_version(place[1]),
            lambda: (("", name) for name in cache.encryption_keys()),
        ),
        *(
            Followed(
                kind,
                partial(intake.target, kind.name),
                partial(target_version, kind.name),
                partial(targets, kind.name),
            )
            for kind in (TARGETS, CLUSTER_TARGETS)
        ),
        Followed(CREDENTIALS, intake.credential, cache.credential_version, cache.credentials),
        Followed(CREDENTIAL_SETS, intake.credential_set, cache.credential_set_version, cache.sets),
    )


class Resync:
    """`grace` and `period` in seconds. `missed` is told how many changes the stream did not tell."""

    def __init__(
        self,
        client: Client,
        kinds: tuple[Followed, ...],
        missed: Callable[[int], None],
        *,
        period: float = 600.0,
        grace: float = 60.0,
    ) -> None:
        self._client, self._kinds, self._missed = client, kinds, missed
        self._period, self._grace = period, grace
        self._problem: str | None = None

    async def first(self) -> None:
        """List everything into the cache. Raises Retry or Blocked."""
        for followed_kind in self._kinds:
            async for page in self._client.pages(followed_kind.kind):
                for item in page.get("items") or ():
                    followed_kind.take("Added", item)
                await asyncio.sleep(0)

    async def run(self) -> NoReturn:
        """Compare for ever; cancel it."""
        # What went between our first list and the stream's own is told by nobody, and is no fault of the stream.
        await self._look(self._grace / 2, held=False)
        while True:
            await self._look(self._period * random.uniform(0.9, 1.1), held=True)  # noqa: S311 - spreads load

    async def _look(self, after: float, *, held: bool) -> None:
        await asyncio.sleep(after)
        try:
            await self.compare(held=held)
        except KeywardError as error:
            _log.info("the resync is put off: %s", error.message)

    async def compare(self, *, held: bool = True) -> int:
        """One round over every kind; how many changes had been missed. They are taken now.

        With `held`, they are held against the stream.
        """
        missed = 0
        for followed_kind in self._kinds:
            missed += await self._compare(followed_kind)
        if not held:
            return missed
        self._problem = f"{missed} changes were missed by the watch" if missed else None
        if missed:
            self._missed(missed)
            _log.error("the watch of our kinds missed %d changes: they were found by a list", missed)
        return missed

    def check(self) -> str | None:
        """For /healthz: a stream that misses changes is mended by a new start."""
        return self._problem

    async def _compare(self, followed_kind: Followed) -> int:
        unseen = {place: followed_kind.version(place) for place in followed_kind.places()}
        newer: list[Json] = []
        async for page in self._client.pages(followed_kind.kind):
            for item in page.get("items") or ():
                place = key_of(item)
                unseen.pop(place, None)
                if number(item["metadata"]["resourceVersion"]) > followed_kind.version(place):
                    newer.append(item)
        if not unseen and not newer:
            return 0
        await asyncio.sleep(self._grace)
        missed = [i for i in newer if number(i["metadata"]["resourceVersion"]) > followed_kind.version(key_of(i))]
        for item in missed:
            followed_kind.take("Modified", item)
        # A version that still is the one from before the list belongs to an object that the list did not show.
        still_there = set(followed_kind.places())
        gone = [p for p, version in unseen.items() if p in still_there and followed_kind.version(p) == version]
        for namespace, name in gone:
            version = str(followed_kind.version((namespace, name)))
            metadata = {"namespace": namespace, "name": name, "resourceVersion": version}
            followed_kind.take("Deleted", {"metadata": metadata})
        return len(missed) + len(gone)
