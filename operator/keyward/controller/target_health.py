"""Whether each Target can be used, as passes over its Credentials find out; its status says so when that changes.

Nothing asks a system for this alone: a Target that no Credential uses has no status.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NoReturn

from keyward.controller.cache import Cache
from keyward.controller.limits import TargetKey
from keyward.domain.conditions import Since
from keyward.domain.model import TargetView
from keyward.errors import Conflict, KeywardError, Reason
from keyward.kube import statuses
from keyward.kube.answers import Asked, NotFound
from keyward.kube.client import Client
from keyward.kube.kinds import CLUSTER_TARGETS, TARGETS

Json = dict[str, Any]
_log = logging.getLogger(__name__)
_PAUSE: Final = 5.0  # after the API server did not take a status
OF_A_TARGET: Final = frozenset({
    Reason.ADMIN_SECRET_INVALID, Reason.ADMIN_LOGIN_REFUSED, Reason.UNREACHABLE, Reason.NAME_RESOLUTION, Reason.TIMEOUT,
    Reason.TLS_REFUSED, Reason.UNKNOWN_CA, Reason.WEAK_AUTHENTICATION, Reason.READ_ONLY_ENDPOINT,
    Reason.TARGET_NOT_APPROVED,
})  # fmt: skip
"""Reasons that speak of the Target, not of one Credential."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one pass found: `problem` is reason and text, None if the admin has logged in."""

    view: TargetView
    problem: tuple[Reason, str] | None = None


class TargetHealth:
    """`note` neither waits nor raises; `run` writes. One entry per Target waits at most."""

    def __init__(self, cache: Cache, client: Client, clock: Callable[[], datetime]) -> None:
        self._cache, self._client, self._clock = cache, client, clock
        self._waiting: OrderedDict[TargetKey, Finding] = OrderedDict()
        self._woken = asyncio.Event()

    def note(self, namespace: str, finding: Finding) -> None:
        """A pass over a Credential of that namespace has found this."""
        identity = finding.view.identity
        target = (identity.kind, namespace if identity.kind == TARGETS.name else "", identity.name)
        raw = self._cache.target(target[0], target[1] or None, target[2])
        if raw is not None and self._status(raw, finding) != raw.get("status"):
            self._waiting[target] = finding
            self._woken.set()

    async def run(self) -> NoReturn:
        """Write what was noted, for ever; cancel it."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._waiting:
                target, finding = self._waiting.popitem(last=False)
                try:
                    await self._write(target, finding)
                except (Conflict, NotFound) as error:
                    _log.debug("the status of %s %s is left: %s", target[0], target[2], error.message)
                except KeywardError as error:
                    _log.info("the status of %s %s is written later: %s", target[0], target[2], error.message)
                    self._waiting.setdefault(target, finding)
                    await asyncio.sleep(_PAUSE)

    async def _write(self, target: TargetKey, finding: Finding) -> None:
        raw = self._cache.target(target[0], target[1] or None, target[2])
        if raw is None:
            return
        status = self._status(raw, finding)
        if status == raw.get("status"):
            return
        kind = TARGETS if target[0] == TARGETS.name else CLUSTER_TARGETS
        asked = Asked("patch", kind, target[1], target[2], "status")
        self._cache.put_target(target[0], await statuses.replace(self._client, asked, raw["metadata"]["uid"], status))

    def _status(self, raw: Json, finding: Finding) -> Json:
        generation, view = raw["metadata"].get("generation", 0), finding.view
        reason, message = finding.problem or ("AdminLogin", "the admin logs in to the primary")
        since = Since(raw.get("status") or {}, self._clock())
        ready = since.condition("Ready", finding.problem is None, str(reason), message, generation)
        approved = {"approvedDigest": view.approved[0]} if view.approved else {}
        return {"observedGeneration": generation, "digest": view.identity.digest, "conditions": [ready]} | approved
