"""/healthz, /readyz and /metrics. Health says: start me anew. Readiness says: I know the cluster and work.

Answers hold names of checks and texts that we wrote, nothing of any object.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import Final, NoReturn

from aiohttp import web

from keyward.controller.metrics import Metrics
from keyward.controller.settings import Address
from keyward.errors import Blocked, Reason

Check = Callable[[], str | None]
"""Answers what is wrong, None if nothing is."""

_log = logging.getLogger(__name__)
_BEAT: Final = 1.0
_LONGEST_LAG: Final = 10.0


class LoopLag:
    """How late the event loop is. A loop that stands still answers no probe at all; this one tells of a slow one."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._beat = clock()
        self.lag = 0.0

    async def run(self) -> NoReturn:
        while True:
            before = self._clock()
            await asyncio.sleep(_BEAT)
            self._beat = self._clock()
            self.lag = max(0.0, self._beat - before - _BEAT)

    def check(self) -> str | None:
        late = max(self.lag, self._clock() - self._beat - _BEAT)
        return f"the event loop is {late:.0f} s late" if late > _LONGEST_LAG else None


def heartbeat(beat: Callable[[], float], longest: float, what: str, clock: Callable[[], float] = monotonic) -> Check:
    """A check that fails when the last beat (monotonic seconds) is older than `longest` seconds."""

    def check() -> str | None:
        silent = clock() - beat()
        return f"{what} shows no sign of life for {silent:.0f} s" if silent > longest else None

    return check


class Health:
    """The checks and what is still missing for readiness."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._missing: dict[str, str] = {"start": "starting"}

    def watch(self, name: str, check: Check) -> None:
        """Have this looked at by /healthz."""
        self._checks[name] = check

    def lacks(self, name: str, why: str) -> None:
        """Not ready, and why."""
        self._missing[name] = why

    def has(self, name: str) -> None:
        """No longer missing."""
        self._missing.pop(name, None)

    def failures(self) -> list[str]:
        return [f"{name}: {why}" for name, check in self._checks.items() if (why := check()) is not None]

    def missing(self) -> list[str]:
        return [f"{name}: {why}" for name, why in self._missing.items()]


class HealthServer:
    """The HTTP server of health and metrics."""

    def __init__(self, health: Health, metrics: Metrics, address: Address) -> None:
        self._health, self._metrics, self._address = health, metrics, address
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self) -> None:
        """Listen.

        Raises:
            Blocked: the address cannot be listened on.
        """
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._scrape)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._address.host, self._address.port)
        try:
            await site.start()
        except OSError:
            await self.stop()
            raise Blocked(
                Reason.INTERNAL_ERROR, f"cannot listen on {self._address}: choose another --metrics-address"
            ) from None
        self.port = self._runner.addresses[0][1]
        _log.info("health and metrics are served on %s", Address(self._address.host, self.port))

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _healthz(self, _request: web.Request) -> web.Response:
        return _answer(self._health.failures())

    async def _readyz(self, _request: web.Request) -> web.Response:
        return _answer(self._health.missing() + self._health.failures())

    async def _scrape(self, request: web.Request) -> web.Response:
        # Thousands of series take their time: the loop goes on meanwhile.
        body, content_type = await asyncio.to_thread(self._metrics.render, request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})


def _answer(problems: list[str]) -> web.Response:
    return web.Response(text="\n".join(problems or ["ok"]) + "\n", status=503 if problems else 200)
