"""A real MySQL for a test or the demo. Debian has one in its newest suite only: its files are unpacked, not installed.

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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.cluster import binaries, debian, owned, process
from tests.cluster.mysql_family import FamilyServer
from tests.cluster.progress import progress

_SUITE, _PACKAGE = "sid", "mysql-server-core"
_KEPT = ("usr/sbin/mysqld", "usr/lib/*-linux-*", "usr/lib/mysql", "usr/share/mysql")
_RECIPE = hashlib.sha256(repr((_SUITE, _PACKAGE, _KEPT, os.uname().machine)).encode()).hexdigest()[:12]


@dataclass(slots=True, kw_only=True)
class MysqlServer(FamilyServer):
    """See `FamilyServer`."""

    @property
    def name(self) -> str:
        return "MySQL"

    def program(self) -> Sequence[str]:
        return [*_program(_reachable()), "--mysqlx=OFF", *([] if self.log_statements else ["--skip-log-bin"])]

    def initialise(self, data: Path) -> None:
        template = ensure() / "data"
        if not template.is_dir():
            self.run([*self.program(), "--initialize-insecure", f"--datadir={data}"])
            for made in ("auto.cnf", *(path.name for path in data.glob("*.pem"))):
                (data / made).unlink()  # each server has an identity of its own
            with _alone():
                if not template.is_dir():
                    _copy(data, template)
            return
        shutil.copytree(template, data, dirs_exist_ok=True)


def _copy(data: Path, template: Path) -> None:
    draft = Path(tempfile.mkdtemp(prefix="data-", dir=template.parent))
    shutil.copytree(data, draft, dirs_exist_ok=True)
    draft.rename(template)


def ensure() -> Path:
    """The folder of the unpacked server, fetched when it is not there; its name tells the version.

    Raises:
        ServerError: it cannot be fetched.
    """
    found = _cached()
    if found is not None:
        return found
    with _alone():
        return _cached() or _fetch()


def _shelf() -> Path:
    shelf = binaries.cache_folder() / "servers"
    shelf.mkdir(parents=True, exist_ok=True)
    return shelf


def _cached() -> Path | None:
    return max(_shelf().glob(f"mysql-*-{_RECIPE}"), default=None)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    with (_shelf() / f"mysql-{_RECIPE}.lock").open("a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch() -> Path:
    # apt's own user has to reach it: not below a home folder.
    with tempfile.TemporaryDirectory(prefix="keyward-mysql-", ignore_cleanup_errors=True) as temporary:
        root = Path(temporary) / "root"
        Path(temporary).chmod(0o755)
        argv = [_mmdebstrap(), "--quiet", "--mode=chrootless", "--variant=extract", f"--include={_PACKAGE}"]
        # The newest suite is allowed to be a snapshot that is past its date; its signature is checked all the same.
        argv += ["--aptopt=Acquire::Check-Valid-Until false", "--aptopt=APT::Install-Recommends false"]
        with progress(f"fetching MySQL from Debian {_SUITE} (once; 10 s to 2 min)"):
            answer = subprocess.run([*argv, _SUITE, str(root)], capture_output=True, text=True, check=False)
        if answer.returncode:
            raise process.ServerError(f"MySQL cannot be fetched from Debian {_SUITE}:\n{answer.stderr[-2000:]}")
        part = Path(tempfile.mkdtemp(prefix="mysql.part-", dir=_shelf()))
        try:
            for pattern in _KEPT:
                for path in root.glob(pattern):
                    _move(path, part / path.relative_to(root))
            part.chmod(0o755)
            return part.rename(_shelf() / f"mysql-{_version(part)}-{_RECIPE}")
        finally:
            shutil.rmtree(part, ignore_errors=True)


def _move(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(path, to)


def _mmdebstrap() -> str:
    path = shutil.which("mmdebstrap", path=debian.SEARCH)
    if path is None:
        debian.install(["mmdebstrap"])
        path = shutil.which("mmdebstrap", path=debian.SEARCH)
        if path is None:
            raise process.ServerError("mmdebstrap is missing; it was not in what Debian installed")
    return path


def _version(root: Path) -> str:
    answer = subprocess.run([*_program(root), "--version"], capture_output=True, text=True, check=True)
    return answer.stdout.partition("Ver ")[2].split()[0]


def _program(root: Path) -> list[str]:
    library = next(root.glob("usr/lib/*-linux-*"))
    loader = next(library.glob("ld-linux*.so.*"))
    usr = root / "usr"
    return [
        str(loader),
        "--library-path",
        str(library),
        str(usr / "sbin/mysqld"),
        "--no-defaults",
        f"--basedir={usr}",
        f"--plugin-dir={usr / 'lib/mysql/plugin'}",
        f"--lc-messages-dir={usr / 'share/mysql'}",
        f"--character-sets-dir={usr / 'share/mysql/charsets'}",
        "--secure-file-priv=",
    ]


@cache
def _reachable() -> Path:
    """The server's files where the unprivileged user gets at them: a cache is often below a home that only we may enter."""
    root = ensure()
    if process.unprivileged_id() is None:
        return root
    here = owned.new_folder("mysql")
    here.chmod(0o711)
    atexit.register(owned.drop_folder, here)
    shutil.copytree(root / "usr", here / "usr", copy_function=_link, symlinks=True)
    return here


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
