"""Where a run of the operator passes, and at which of these points it shall stand still.

A point is what the product names (`apply:send`), a write to the API server (`create credentialversions:before`) or, where
one effect takes several, a statement that changes accounts (`sql GRANT:after`), so that an effect that somebody adds tomorrow
is a point by itself. Each is passed on behalf of one Credential, or of none (`-`). The orders are a file that a test may
rewrite at any time; what was passed is a file that it reads.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

NOBODY = "-"
_IN_STEPS = ("RDS", "PolarDB", "Tair", "OOS")  # services, of which one effect takes several calls
_READS = ("describe_", "check_", "list_")
_STANDING = 0.2  # seconds between two looks at the orders: hundreds may stand at once
_CHANGES = re.compile("(CREATE|ALTER|DROP) USER|GRANT|REVOKE|SET DEFAULT ROLE")
_whose: ContextVar[str] = ContextVar("whose", default=NOBODY)


@dataclass(frozen=True, slots=True)
class Point:
    """The `nth` passage of a name since its Credential was given an order."""

    name: str
    nth: int = 1

    @property
    def is_write(self) -> bool:
        """A write to the API server, or a statement of several, not a step by its own name."""
        return " " in self.name

    @property
    def is_before(self) -> bool:
        return self.name.endswith(":before")

    @property
    def is_after(self) -> bool:
        return self.name.endswith(":after")

    @property
    def step(self) -> str:
        return self.name.partition(":")[0]

    def __str__(self) -> str:
        return self.name if self.nth == 1 else f"{self.name} #{self.nth}"


@dataclass(frozen=True, slots=True)
class Passed:
    """One line of the trace. `at` is CLOCK_MONOTONIC, the same for all processes of this machine."""

    at: float
    whose: str
    name: str
    stands: bool


class Places:
    """Both files, in one folder. The trace only grows: whoever waits for it reads what is new."""

    def __init__(self, folder: Path) -> None:
        self.orders, self.trace = folder / "orders.json", folder / "trace.txt"
        self._lines: list[Passed] = []
        self._begins: list[int] = []  # where in the trace each of them does
        self._read = 0  # bytes

    def order(self, orders: dict[str, Point]) -> None:
        """Stand still at these points from now on, one per Credential; whoever stands elsewhere goes on."""
        text = json.dumps({whose: [point.name, point.nth, time.monotonic()] for whose, point in orders.items()})
        draft = self.orders.with_suffix(".new")
        draft.write_text(text, encoding="utf-8")
        draft.replace(self.orders)

    def passed(self, since: int = 0) -> list[Passed]:
        """What was passed after the first `since` bytes of the trace."""
        if self.trace.exists():
            with self.trace.open("rb") as file:
                file.seek(self._read)
                for line in file:
                    self._note(line)
        return self._lines[bisect_left(self._begins, since) :]

    def _note(self, line: bytes) -> None:
        if line.endswith(b"\n"):
            at, whose, kind, name = line.decode().rstrip("\n").split(" ", 3)
            self._lines.append(Passed(float(at), whose, name, kind == "stands"))
            self._begins.append(self._read)
            self._read += len(line)

    def size(self) -> int:
        return self.trace.stat().st_size if self.trace.exists() else 0


def _is_of_several(service: str, operation: str, *request: Any) -> bool:
    """A command is, if a secret parameter is made for it and deleted after it."""
    if service == "ECS":
        return operation == "run_command" and bool(request[0].enable_parameter)
    return service in _IN_STEPS and not operation.startswith(_READS)


class Watcher:
    """The operator's side: notes each passage and stands still where that is ordered."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._trace = os.open(places.trace, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._read: tuple[int, dict[str, list[Any]]] = (0, {})
        self._counts: dict[str, tuple[list[Any], Counter[str]]] = {}

    async def hook(self, name: str) -> None:
        """What the operator calls at its named points."""
        whose = _whose.get()
        order = self._orders().get(whose)
        stands = order is not None and self._is_there(whose, order, name)
        self._note(whose, name, stands=stands)
        while stands and self._orders().get(whose) == order:  # noqa: ASYNC110 - the order is in a file
            await asyncio.sleep(_STANDING)

    def _is_there(self, whose: str, order: list[Any], name: str) -> bool:
        known, counts = self._counts.get(whose, (None, Counter()))
        if known != order:
            counts = Counter()
        self._counts[whose] = (order, counts)
        counts[name] += 1
        return [name, counts[name]] == order[:2]

    def _orders(self) -> dict[str, list[Any]]:
        try:
            changed = self._places.orders.stat().st_mtime_ns
        except FileNotFoundError:
            return {}
        if changed != self._read[0]:
            self._read = (changed, json.loads(self._places.orders.read_text(encoding="utf-8")))
        return self._read[1]

    def _note(self, whose: str, name: str, *, stands: bool) -> None:
        kind = "stands" if stands else "passes"
        os.write(self._trace, f"{time.monotonic()} {whose} {kind} {name}\n".encode())

    def calls(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """The one door to a cloud, with a point after each call that is one of several that an effect takes."""

        async def watched(caller: Any, client: Any, service: str, operation: str, *request: Any) -> Any:
            try:
                return await call(caller, client, service, operation, *request)
            finally:
                if _is_of_several(service, operation, *request):
                    await self.hook(f"call {operation}:after")

        return watched

    def statements(self, rows: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """The one door to a server whose changes are no transaction, with a point after each statement that changes something."""

        async def watched(wire: Any, statement: str, *args: Any, **options: Any) -> Any:
            verb = _CHANGES.match(statement)
            if verb is None:
                return await rows(wire, statement, *args, **options)
            try:
                return await rows(wire, statement, *args, **options)
            finally:
                await self.hook(f"sql {verb[0]}:after")

        return watched

    def writes(self, request: Callable[[Any], Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
        """The client's one door, with a point before and after each write."""

        async def watched(call: Any) -> Any:
            asked = call.asked
            if asked.verb in ("get", "list", "watch"):
                return await request(call)
            sub = f"/{asked.subresource}" if asked.subresource else ""
            name = f"{asked.verb} {asked.kind.resource.partition('.')[0]}{sub}"
            await self.hook(f"{name}:before")
            try:
                return await request(call)
            finally:
                await self.hook(f"{name}:after")

        return watched


class OnBehalf:
    """A reconciler that knows on whose behalf it passes; all else is the one that it wraps."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def reconcile(self, key: tuple[str, str]) -> datetime | None:
        token = _whose.set("/".join(key))
        try:
            return await self._inner.reconcile(key)  # type: ignore[no-any-return]
        finally:
            _whose.reset(token)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
