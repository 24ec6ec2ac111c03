"""What Keyward wants to reach, and whether this run did. Each verdict is computed from the figures beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.figures import Envelope, Figures, Fleet, Rotation

MIB: Final = 2**20
LARGE: Final = 10_000
PEER_SIZE: Final = 2_000
PEER: Final = {"defaults": 23.0, "tuned": 48.0}  # Secrets per second at 2,000
PEER_LARGE: Final = 43.0  # tuned, at 10,000
# The bare client's credentials per second on the machine where the peer was measured: machines differ by much more than a half.
PEER_CEILING: Final = 261.0
# What the API server spent there on the three writes of one credential: seconds of CPU, the pace of that machine.
PEER_SERVER_CPU: Final = 0.0052
_SHARE, _DEFAULT_TIMES, _TUNED_TIMES = 0.65, 6.0, 3.0
_CPU_SECONDS, _PEAK, _FRESH_SECONDS = 0.001, 128 * MIB, 60.0
_ROTATION, _SEAL_SECONDS = 1.3, 50e-6


@dataclass(frozen=True, slots=True)
class Verdict:
    """One aim: what was wanted, what was measured, and whether that is enough."""

    what: str
    wanted: str
    measured: str
    met: bool


def verdicts(found: Figures) -> list[Verdict]:
    """In the order of the report; only what was measured is judged."""
    judged = [v for fleet in found.fleets for v in _of_fleet(fleet)]
    if found.rotation is not None:
        judged.append(_of_rotation(found.rotation))
    if found.envelope is not None:
        judged.append(_of_envelope(found.envelope))
    return judged


def _of_fleet(fleet: Fleet) -> Iterator[Verdict]:
    at, rate = f"{fleet.count:,} credentials", fleet.operator.rate
    share = f"{fleet.ratio:.0%} ({rate:.0f}/s of {fleet.bare_rate:.0f}/s)"
    yield Verdict(f"{at}: share of the bare client's rate", f"≥ {_SHARE:.0%}", share, fleet.ratio >= _SHARE)
    if fleet.count >= LARGE:
        yield _times(fleet, "tuned", PEER_LARGE, _TUNED_TIMES)
    elif fleet.count >= PEER_SIZE:  # smaller ones are over before a start has paid off
        yield _times(fleet, "default", PEER["defaults"], _DEFAULT_TIMES)
        yield _times(fleet, "tuned", PEER["tuned"], _TUNED_TIMES)
    yield _cpu(fleet)
    peak = max(fleet.peak_bytes, fleet.restart.peak_bytes)
    yield Verdict(f"{at}: peak of memory (RSS)", f"≤ {_PEAK / MIB:g} MiB", f"{peak / MIB:.0f} MiB", peak <= _PEAK)
    again = fleet.restart
    yield Verdict(f"{at}: writes after a restart with nothing due", "0", str(again.writes), again.writes == 0)
    yield Verdict(
        f"{at}: all fresh after a restart",
        f"≤ {_FRESH_SECONDS:g} s",
        f"{again.fresh_seconds:.1f} s",
        again.fresh_seconds <= _FRESH_SECONDS,
    )


def _times(fleet: Fleet, how: str, peer: float, wanted: float) -> Verdict:
    """Shares of what the API server at hand allows are compared, as both were not measured on one machine."""
    share = peer / PEER_CEILING
    times = fleet.ratio / share
    measured = f"{times:.1f} ({fleet.ratio:.0%} by {share:.0%})"
    return Verdict(
        f"{fleet.count:,} credentials: times the peer's {how} share", f"≥ {wanted:g}", measured, times >= wanted
    )


def _cpu(fleet: Fleet) -> Verdict:
    """At the pace of the machine where the aim was set, by what the API server spends on the bare client's same writes."""
    pace = median(leg.cpu["kube-apiserver"] / leg.count for leg in fleet.bare) / PEER_SERVER_CPU
    cpu = fleet.cpu_per_write / pace
    measured = (
        f"{cpu * 1e3:.2f} ms ({fleet.cpu_per_write * 1e3:.2f} ms here, where a CPU takes {pace:.1f} times as long)"
    )
    return Verdict(
        f"{fleet.count:,} credentials: own CPU per object and write",
        f"≤ {_CPU_SECONDS * 1e3:g} ms",
        measured,
        cpu <= _CPU_SECONDS,
    )


def rotation_ratio(found: Rotation) -> float:
    """Median of ours by median of the driver's."""
    return median(found.ours) / median(found.bare)


def _of_rotation(found: Rotation) -> Verdict:
    ratio = rotation_ratio(found)
    measured = f"{ratio:.2f} ({median(found.ours) * 1e3:.1f} ms by {median(found.bare) * 1e3:.1f} ms)"
    return Verdict("one rotation, times the bare driver's sequence", f"≤ {_ROTATION:g}", measured, ratio <= _ROTATION)


def _of_envelope(found: Envelope) -> Verdict:
    seconds = found.seal_open[min(found.seal_open, key=int)]
    return Verdict(
        "seal and open one short value",
        f"≤ {_SEAL_SECONDS * 1e6:g} µs",
        f"{seconds * 1e6:.0f} µs",
        seconds <= _SEAL_SECONDS,
    )
