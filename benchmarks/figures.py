"""What was measured. Plain data, that can be written down and read again; nothing is judged here."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

POINTS = 120


@dataclass(frozen=True, slots=True)
class Leg:
    """One way to write the objects of `count` credentials. Seconds count from the start to the answer of the last write.

    Attributes:
        cpu: seconds by process.
        others: share of the machine that went to processes which have no part in it.
        writes: as the API server's audit log has them.
        curve: (seconds, Secrets that were there).
    """

    count: int
    seconds: float
    cpu: dict[str, float]
    others: float
    writes: dict[str, int]
    curve: list[tuple[float, int]]

    @property
    def rate(self) -> float:
        """Credentials per second."""
        return self.count / self.seconds


@dataclass(frozen=True, slots=True)
class Restart:
    """A new start with nothing due. `fresh_seconds`: until every Credential was looked at."""

    fresh_seconds: float
    cpu_seconds: float
    writes: int
    key_calls: int
    requests: int
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Fleet:
    """N generic credentials: bare client, operator, bare client again, each on a control plane of its own."""

    bare: list[Leg]
    operator: Leg
    ready_seconds: float  # of it, until the operator worked
    peak_bytes: int
    requests: dict[str, int]
    restart: Restart

    @property
    def count(self) -> int:
        return self.operator.count

    @property
    def bare_rate(self) -> float:
        """Of both bare runs together."""
        return sum(leg.count for leg in self.bare) / sum(leg.seconds for leg in self.bare)

    @property
    def ratio(self) -> float:
        """Share of the bare client's rate that the operator reaches."""
        return self.operator.rate / self.bare_rate

    @property
    def writes_each(self) -> float:
        return sum(self.operator.writes.values()) / self.count

    @property
    def cpu_per_write(self) -> float:
        """Own CPU seconds per object and write, the start included."""
        return self.operator.cpu["operator"] / sum(self.operator.writes.values())


@dataclass(frozen=True, slots=True)
class Rotation:
    """Seconds of single rotations, the bare sequence and ours in turn."""

    bare: list[float]
    ours: list[float]
    bare_cpu: float  # CPU seconds of this process per rotation
    ours_cpu: float
    statements: int
    connections: int


@dataclass(frozen=True, slots=True)
class Envelope:
    """Seconds of one seal and one open, by the value's size in bytes; `vault` with data key, wrap and JSON."""

    seal_open: dict[str, float]
    vault: dict[str, float]


@dataclass(frozen=True, slots=True)
class Figures:
    """One run of the command."""

    facts: dict[str, str]
    fleets: list[Fleet] = field(default_factory=list)
    rotation: Rotation | None = None
    envelope: Envelope | None = None


def thinned(times: list[float], began: float) -> list[tuple[float, int]]:
    """At most 120 points of (seconds since `began`, how many there were), the last included."""
    if not times:
        return []
    step = max(1, -(-len(times) // POINTS))
    picked = [*range(0, len(times) - 1, step), len(times) - 1]
    return [(round(times[n] - began, 3), n + 1) for n in picked]


def write(found: Figures, path: Path) -> None:
    path.write_text(json.dumps(dataclasses.asdict(found), indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> Figures:
    """What `write` wrote."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return Figures(
        facts=found["facts"],
        fleets=[_fleet(f) for f in found["fleets"]],
        rotation=Rotation(**found["rotation"]) if found["rotation"] else None,
        envelope=Envelope(**found["envelope"]) if found["envelope"] else None,
    )


def _fleet(found: dict[str, Any]) -> Fleet:
    return Fleet(
        bare=[_leg(leg) for leg in found.pop("bare")],
        operator=_leg(found.pop("operator")),
        restart=Restart(**found.pop("restart")),
        **found,
    )


def _leg(found: dict[str, Any]) -> Leg:
    curve = [(float(at), int(count)) for at, count in found.pop("curve")]
    return Leg(curve=curve, **found)
