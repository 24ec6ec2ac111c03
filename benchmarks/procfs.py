"""What the kernel says about processes: CPU time, memory, and how much of the machine somebody else used meanwhile."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_TICK: Final = os.sysconf("SC_CLK_TCK")
_IDLE: Final = (3, 4)  # idle and iowait, in the line of /proc/stat
_GUEST: Final = 8  # from here on, time that was counted before


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its ended threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def memory(pid: int, what: str) -> int:
    """Bytes, by its name in /proc/<pid>/status: VmHWM for the peak of RSS, VmRSS for now."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(f"process {pid} has no {what}")


def busy_seconds() -> float:
    """CPU time of the whole machine that was not idle, over all cores."""
    fields = [int(x) for x in Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()[1:]]
    return sum(x for n, x in enumerate(fields[:_GUEST]) if n not in _IDLE) / _TICK


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds per process by name, over `seconds`. `others`: share of the machine that went to anybody else."""

    seconds: float
    cpu: dict[str, float]
    others: float


@dataclass(slots=True)
class Watch:
    """Begins when it is made; `end` tells what was used since. `pids` must live until then."""

    pids: Mapping[str, int]
    _began: float = field(default_factory=time.monotonic)
    _busy: float = field(default_factory=busy_seconds)
    _cpu: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._cpu = {name: cpu_seconds(pid) for name, pid in self.pids.items()}

    def add(self, name: str, pid: int) -> None:
        """One more process, that began after this watch did."""
        self.pids = {**self.pids, name: pid}
        self._cpu[name] = 0.0

    def end(self) -> Usage:
        cpu = {name: cpu_seconds(pid) - self._cpu[name] for name, pid in self.pids.items()}
        seconds = time.monotonic() - self._began
        rest = busy_seconds() - self._busy - sum(cpu.values())
        share = rest / (seconds * (os.cpu_count() or 1)) if seconds else 0.0
        return Usage(seconds, cpu, min(max(share, 0.0), 1.0))
