"""What the figures were measured on, and with which code."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.cluster import binaries

ROOT = Path(__file__).parents[1]


def facts() -> dict[str, str]:
    """As people would ask for them."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "processor": f"{_line('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores for everything together",
        "memory": f"{int(_line('/proc/meminfo', 'MemTotal').split()[0]) / 2**20:.0f} GiB",
        "kernel": platform.release(),
        "Python": f"{platform.python_version()}, kopf {version('kopf')}, aiohttp {version('aiohttp')}",
        "Kubernetes": f"{binaries.KUBERNETES.version()}, etcd without fsync, all on loopback with TLS",
    }


def _line(path: str, name: str) -> str:
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return "unknown"


def _commit() -> str:
    """The commit of the code, marked where files differ from it."""

    def git(*args: str) -> str:
        answer = subprocess.run(["git", "-C", ROOT, *args], capture_output=True, text=True, check=False)
        return answer.stdout.strip() if answer.returncode == 0 else ""

    found = git("rev-parse", "--short", "HEAD") or "not under version control"
    return f"{found} with changes" if git("status", "--porcelain", "--", "operator", "benchmarks") else found
