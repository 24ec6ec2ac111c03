"""A PostgreSQL of Debian's newest suite: since 16, who may make accounts has far less power over them than before."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from shlex import join

from tests.cluster import unpacked
from tests.cluster.postgres import PostgresServer

_MAJOR = 18
_BIN = f"usr/lib/postgresql/{_MAJOR}/bin"
_PROGRAMS = ("postgres", "initdb", "pg_isready")


@dataclass(slots=True, kw_only=True)
class NewestPostgresServer(PostgresServer):
    """See `PostgresServer`."""

    @property
    def programs(self) -> Path:
        return _programs()


@cache
def _programs() -> Path:
    """The folder of the programs, each behind a script that runs it by its own loader: initdb starts another one itself."""
    root = unpacked.reachable(PACKAGE)
    folder = root / _BIN
    for name in _PROGRAMS:
        real, front = folder / f"{name}.real", folder / name
        if real.exists():
            continue
        front.rename(real)
        front.write_text(f'#!/bin/sh\nexec {join([*unpacked.loader(root), str(real)])} "$@"\n', encoding="utf-8")
        front.chmod(0o755)
    return folder


def _version(root: Path) -> str:
    program = [*unpacked.loader(root), str(root / _BIN / "postgres"), "--version"]
    answer = subprocess.run(program, capture_output=True, text=True, check=True)
    return answer.stdout.split()[2]


PACKAGE = unpacked.Package(
    "postgresql",
    f"postgresql-{_MAJOR}",
    (_BIN, f"usr/lib/postgresql/{_MAJOR}/lib", f"usr/share/postgresql/{_MAJOR}", "usr/lib/*-linux-*"),
    _version,
)
