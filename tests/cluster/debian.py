"""Sees to the programs that come from Debian: containerd, runc, the CNI plug-ins, servers to log in to.

It installs only what is missing, only as root, and never changes where packages come from.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.cluster import binaries
from tests.cluster.progress import progress

SEARCH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"))
_CNI_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"))
_PROGRAMS = {"containerd": "containerd", "ctr": "containerd", "runc": "runc"}
_CNI_PACKAGE = "containernetworking-plugins"


class MissingProgramsError(Exception):
    """Programs of the node are missing and cannot be installed; the text says which, and what to do."""


def cni_folder() -> Path | None:
    """Where the CNI plug-ins are."""
    return next((folder for folder in _CNI_FOLDERS if (folder / "bridge").exists()), None)


def missing() -> list[str]:
    """Packages that would have to be installed for a node."""
    wanted = {package for program, package in _PROGRAMS.items() if shutil.which(program, path=SEARCH) is None}
    return sorted(wanted | (set() if cni_folder() else {_CNI_PACKAGE}))


def ensure() -> None:
    """Install what is missing of the node's programs.

    Raises:
        MissingProgramsError: as `install`.
    """
    packages = missing()
    if packages:
        install(packages)


def program(name: str) -> str:
    """The path of a program whose package has its name, installed if it is missing.

    Raises:
        MissingProgramsError: as `install`.
    """
    path = shutil.which(name, path=SEARCH)
    if path is None:
        install([name])
        path = shutil.which(name, path=SEARCH)
        if path is None:
            raise MissingProgramsError(f"{name} is missing; it was not in what Debian installed")
    return path


def install(packages: Sequence[str]) -> None:
    """Install these packages and what they cannot do without.

    Raises:
        MissingProgramsError: we are not root, this is no Debian, or apt failed.
    """
    names = " ".join(packages)
    if os.geteuid() != 0:
        raise MissingProgramsError(f"{names} missing, and only root can install them")
    if shutil.which("apt-get") is None:
        raise MissingProgramsError(f"{names} missing; this is no Debian: install them by the system's own means")
    with progress(f"installing {names} from Debian"), _alone():
        if _apt("install", "-y", "--no-install-recommends", *packages) is None:
            return
        # The lists of a fresh image are missing or old: fetch them once, then ask again.
        _apt("update")
        failed = _apt("install", "-y", "--no-install-recommends", *packages)
    if failed is not None:
        raise MissingProgramsError(f"apt-get could not install {names}:\n{failed}")


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """apt does not wait for another apt: files of tests that run at once would fail on a new machine."""
    folder = binaries.cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "debian.lock").open("a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _apt(*args: str) -> str | None:
    answer = subprocess.run(
        ["apt-get", "-q", *args],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
    )
    return None if answer.returncode == 0 else answer.stderr[-2000:]
