"""The demo as its own process, as somebody starts it, and what it leaves behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import owned
from tests.cluster_tests.helpers import ROOT, until

SUM = re.compile(r"^([\d,]+) logins?, (\d+) rotations?, (\d+) refused(?:; first rotation after \d+ s)?$", re.MULTILINE)


@dataclass(slots=True)
class Demo:
    """One run of it, in a process group of its own, as a shell gives it."""

    process: subprocess.Popen[str]
    out: str = ""
    err: str = ""

    @property
    def folder(self) -> Path:
        """Where all that it starts has its files."""
        return owned.runs_folder() / f"{self.process.pid}-{owned.start_time(self.process.pid)}"

    def await_sight(self, pattern: str) -> Path:
        """Wait until there is such a file of the run."""
        folder = self.folder
        until(lambda: any(folder.glob(pattern)) or self.process.poll() is not None, seconds=120)
        assert self.process.poll() is None, self.process.communicate()
        return next(folder.glob(pattern))

    def await_line(self, holds: str) -> str:
        """The first line of its output with this in it; what it printed is kept."""
        assert self.process.stdout is not None
        for line in iter(self.process.stdout.readline, ""):
            self.out += line
            if holds in line:
                return line
        raise AssertionError(self.out + self.process.communicate()[1])

    def interrupt(self) -> None:
        """Ctrl-C: the whole group gets it."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> int:
        """Its exit status, once it has ended by itself."""
        try:
            out, self.err = self.process.communicate(timeout=240)
            self.out += out
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise
        return self.process.returncode

    def close(self) -> None:
        """End it as a person would, if it still runs; a test that failed has not waited for it."""
        if self.process.poll() is None:
            self.interrupt()
            self.end()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def counted(self) -> tuple[int, int, int]:
        """Logins, rotations and refusals, as its sum says."""
        found = SUM.search(self.out)
        assert found is not None, self.out + self.err
        logins, rotations, refused = (int(text.replace(",", "")) for text in found.groups())
        return logins, rotations, refused


def start(*args: str, env: dict[str, str] | None = None, module: str = "demo") -> Demo:
    given = {name: text for name, text in os.environ.items() if not name.startswith("KEYWARD_KUBE")}
    process = subprocess.Popen(
        [sys.executable, "-m", module, *args],
        cwd=ROOT,
        env=given | (env or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    return Demo(process)


def left(folder: Path) -> list[str]:
    """What is there of a run: its folder, mounts below it, processes that name it."""
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    found = [f"mount {line}" for line in mounts if str(folder) in line]
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and owned.start_time(int(process.name)) is not None:
            words = (process / "cmdline").read_bytes()
            if os.fsencode(folder) in words:
                found.append(f"process {words!r}")
    return [*found, f"folder {folder}"] if folder.exists() else found


def names_of_nodes(folder: Path) -> list[str]:
    """How its nodes name their bridges and control groups."""
    return [json.loads(path.read_text())["name"] for path in folder.glob("*/node.json")]
