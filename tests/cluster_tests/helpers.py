"""What several tests of the cluster need: waiting for what another process does, and a program on PATH."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def until(seen: Callable[[], bool], *, seconds: float = 30.0) -> None:
    """Wait for another process; there is no clock to inject into it."""
    deadline = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def program(folder: Path, name: str, script: str) -> Path:
    """A shell program in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
    path.chmod(0o755)
    return path


def first_on_path(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def python(code: str, *args: str) -> subprocess.Popen[str]:
    """Another Python that can import the tests' modules."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *args], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(child: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Its status and output; it is killed when it does not end."""
    try:
        out, err = child.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
        raise
    return child.returncode, out, err
