"""Servers that Debian has in its newest suite only: their files are unpacked, not installed.

They need another C library than this machine may have, so they run with their own, by their own loader; no root, no chroot.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.cluster import binaries, debian, owned, process
from tests.cluster.progress import progress

_SUITE = "sid"


@dataclass(frozen=True, slots=True)
class Package:
    """What is fetched.

    Attributes:
        short: what its folders begin with.
        kept: patterns of what of the unpacked files is kept.
        version: asks the unpacked program which one it is.
    """

    short: str
    name: str
    kept: tuple[str, ...]
    version: Callable[[Path], str]

    @property
    def recipe(self) -> str:
        made_of = (_SUITE, self.name, self.kept, os.uname().machine)
        return hashlib.sha256(repr(made_of).encode()).hexdigest()[:12]


def ensure(package: Package) -> Path:
    """The folder of the unpacked server, fetched when it is not there; its name tells the version.

    Raises:
        ServerError: it cannot be fetched.
    """
    found = _cached(package)
    if found is not None:
        return found
    with alone(package):
        return _cached(package) or _fetch(package)


def loader(root: Path) -> list[str]:
    """What runs a program of these files with their own C library."""
    library = next(root.glob("usr/lib/*-linux-*"))
    return [str(next(library.glob("ld-linux*.so.*"))), "--library-path", str(library)]


@contextlib.contextmanager
def alone(package: Package) -> Iterator[None]:
    """Nobody else makes anything of it meanwhile."""
    with (_shelf() / f"{package.short}-{package.recipe}.lock").open("a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@cache
def reachable(package: Package) -> Path:
    """The files where the unprivileged user gets at them: a cache is often below a home that only we may enter."""
    root = ensure(package)
    if process.unprivileged_id() is None:
        return root
    here = owned.new_folder(package.short)
    here.chmod(0o711)
    atexit.register(owned.drop_folder, here)
    shutil.copytree(root / "usr", here / "usr", copy_function=_link, symlinks=True)
    return here


def _shelf() -> Path:
    shelf = binaries.cache_folder() / "servers"
    shelf.mkdir(parents=True, exist_ok=True)
    return shelf


def _cached(package: Package) -> Path | None:
    return max(_shelf().glob(f"{package.short}-*-{package.recipe}"), default=None)


def _fetch(package: Package) -> Path:
    # apt's own user has to reach it: not below a home folder.
    with tempfile.TemporaryDirectory(prefix=f"keyward-{package.short}-", ignore_cleanup_errors=True) as temporary:
        root = Path(temporary) / "root"
        Path(temporary).chmod(0o755)
        argv = [
            debian.program("mmdebstrap"),
            "--quiet",
            "--mode=chrootless",
            "--variant=extract",
            f"--include={package.name}",
        ]
        # The newest suite is allowed to be a snapshot that is past its date; its signature is checked all the same.
        argv += ["--aptopt=Acquire::Check-Valid-Until false", "--aptopt=APT::Install-Recommends false"]
        with progress(f"fetching {package.name} from Debian {_SUITE} (once; 10 s to 2 min)"):
            answer = subprocess.run([*argv, _SUITE, str(root)], capture_output=True, text=True, check=False)
        if answer.returncode:
            error = answer.stderr[-2000:]
            raise process.ServerError(f"{package.name} cannot be fetched from Debian {_SUITE}:\n{error}")
        part = Path(tempfile.mkdtemp(prefix=f"{package.short}.part-", dir=_shelf()))
        try:
            for pattern in package.kept:
                for path in root.glob(pattern):
                    _move(path, part / path.relative_to(root))
            part.chmod(0o755)
            return part.rename(_shelf() / f"{package.short}-{package.version(part)}-{package.recipe}")
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _move(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(path, to)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
