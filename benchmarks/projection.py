"""N generic credentials from nothing to their Secrets: the bare client, the operator, the bare client again.

Each has a fresh control plane and the same fleet on it, so that none finds a warmer or a fuller server. What was written,
and when, is read from the API server's audit log afterwards; while it works, nobody asks the operator anything.
"""

from __future__ import annotations

import asyncio
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Final

import orjson
from tests.cluster.progress import progress
from tests.whole_path.running import Operator

from benchmarks import api, bare, fleet
from benchmarks.audit import Tail
from benchmarks.figures import Fleet, Leg, Restart, thinned
from benchmarks.fleet import Member
from benchmarks.procfs import Usage, Watch, memory
from benchmarks.stage import Stage, stage

_LOOK: Final = 0.25
_QUIET: Final = 2.0  # seconds without a write, before the operator counts as done
_PER_OBJECT: Final = 0.2  # seconds, after which a run is given up
_WRITES: Final = (("create", "credentialversions"), ("create", "secrets"), ("patch", "credentials/status"))


class UnfinishedError(Exception):
    """Not everything was written in time, so that there is no figure to tell."""


def measure(count: int) -> Fleet:
    """One whole comparison. Raises UnfinishedError."""
    before = _bare(count, "before")
    operator, ready, peak, requests, restart = _operator(count)
    after = _bare(count, "after")
    return Fleet([before, after], operator, ready, peak, requests, restart)


def _make_fleet(place: Stage, count: int) -> list[Member]:
    async def make() -> list[Member]:
        async with api.opened(place.cluster.kubeconfig) as client:
            return await fleet.make(client, count)

    with progress(f"making {count:,} Credentials"):
        return asyncio.run(make())


# --- the bare client ---


def _bare(count: int, when: str) -> Leg:
    with stage(fleet.NAMESPACES) as place:
        members = _make_fleet(place, count)
        tail = _tail(place)
        with progress(f"bare client, {count:,} credentials ({when} the operator)"):
            began = time.time()
            watch = Watch({"client": os.getpid(), **place.pids})
            asyncio.run(_write_all(place, members))
            usage = watch.end()
        tail.read()
        return _leg(count, began, usage, tail)


async def _write_all(place: Stage, members: list[Member]) -> None:
    async with api.opened(place.limited) as client:
        await bare.write_all(client, members)


def _tail(place: Stage) -> Tail:
    assert place.cluster.audit_log is not None
    return Tail(place.cluster.audit_log, place.user)


def _done(tail: Tail) -> list[list[float]]:
    return [tail.done(verb, resource, fleet.NAMESPACES) for verb, resource in _WRITES]


def _leg(count: int, began: float, usage: Usage, tail: Tail) -> Leg:
    done = _done(tail)
    if any(len(times) != count for times in done):
        raise UnfinishedError(f"of {count} credentials: {tail.tally()}")
    ended = max(times[-1] for times in done)
    return Leg(
        count=count,
        seconds=round(ended - began, 3),
        cpu={name: round(seconds, 2) for name, seconds in usage.cpu.items()},
        others=round(usage.others, 3),
        writes=tail.tally(),
        curve=thinned(done[1], began),
    )


# --- the operator ---


def _operator(count: int) -> tuple[Leg, float, int, dict[str, int], Restart]:
    with stage(fleet.NAMESPACES) as place:
        _make_fleet(place, count)
        assert place.cluster.log_dir is not None
        log = place.cluster.log_dir / "operator.log"
        tail = _tail(place)
        began = time.time()
        watch = Watch({"client": os.getpid(), **place.pids})
        with place.operator(log) as operator:
            watch.add("operator", operator.pid)
            with progress(f"operator, {count:,} credentials"):
                _until_written(tail, operator, count)
            usage = watch.end()
            leg = _leg(count, began, usage, tail)
            peak, requests = memory(operator.pid, "VmHWM"), _requests(operator)
        ready = _first(log, "ready: ") - began
        return leg, round(ready, 2), peak, requests, _restart(place, log, count)


def _until_written(tail: Tail, operator: Operator, count: int) -> None:
    deadline = time.monotonic() + 60 + count * _PER_OBJECT
    moved = time.monotonic()
    while True:
        if tail.read():
            moved = time.monotonic()
        # Asked only when nothing moves any more: it goes through every write, and the operator wants the processor.
        if time.monotonic() - moved > _QUIET and all(len(times) >= count for times in _done(tail)):
            return
        if operator.process.poll() is not None or time.monotonic() > deadline:
            raise UnfinishedError(f"the operator did not write everything: {tail.tally()}")
        time.sleep(_LOOK)


def _first(log: Path, message: str) -> float:
    """When the operator first logged this, as Unix time."""
    for line in log.read_bytes().splitlines():
        found = orjson.loads(line)
        if found["message"].startswith(message):
            return datetime.fromisoformat(found["time"]).timestamp()
    raise UnfinishedError(f"the operator's log has no line that begins with {message!r}")


def _requests(operator: Operator) -> dict[str, int]:
    """Its requests to the API server by verb and resource, as it counts them itself."""
    found: dict[str, int] = {}
    for line in (operator.page("metrics") or "").splitlines():
        if not line.startswith("keyward_api_requests_total{"):
            continue
        labels, _, value = line.rpartition("} ")
        fields = dict(part.split("=", 1) for part in labels.partition("{")[2].split(","))
        name = f"{fields['verb']} {fields['resource']}".replace('"', "")
        found[name] = found.get(name, 0) + int(float(value))
    return dict(sorted(found.items()))


# --- a new start ---


def _restart(place: Stage, log: Path, count: int) -> Restart:
    tail = _tail(place)
    began = time.monotonic()
    with place.operator(log) as operator, progress(f"restart with {count:,} credentials, nothing due"):
        watch = Watch({}, _began=began)
        watch.add("operator", operator.pid)
        deadline = began + 300
        while operator.metric("keyward_reconcile_duration_seconds_count") < count:
            if operator.process.poll() is not None or time.monotonic() > deadline:
                raise UnfinishedError("the operator did not look at everything after its restart")
            time.sleep(1.0)
        fresh = time.monotonic() - began
        cpu = watch.end().cpu["operator"]
        time.sleep(_QUIET)
        requests = sum(_requests(operator).values())
        key_calls, peak = int(operator.metric("keyward_kms_calls_total")), memory(operator.pid, "VmHWM")
    tail.read()
    return Restart(round(fresh, 2), round(cpu, 2), len(tail.writes), key_calls, requests, peak)
