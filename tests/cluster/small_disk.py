"""A place for files that a test fills up and makes room on again, while a server writes there.

For root it is a disk in memory, of a few pages, in a mount namespace that ends with its one process: nobody else sees it, and
nothing of it is left, also after a kill. Who may make none has the server's files limited in size instead.
"""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.cluster import owned, process

_LAY = 'mount -t tmpfs -o size=16k,mode=700,uid="$2",gid="$2" tmpfs "$1" && echo laid && exec sleep infinity'
# A write beyond the limit would end the program by a signal, where on a full disk it fails.
_LIMITED = 'trap "" XFSZ; echo $$ >"$0" && exec "$@"'


class SmallDisk(Protocol):
    """Where one server keeps files.

    Attributes:
        inside: the folder as the server names it.
        outside: the same folder as this process reaches it.
    """

    @property
    def inside(self) -> Path: ...

    @property
    def outside(self) -> Path: ...

    def command(self, argv: Sequence[str]) -> list[str]:
        """How the server is started, by whoever we are, so that it runs unprivileged and sees the disk."""

    def fill(self) -> None:
        """From now on nothing can be written there."""

    def make_room(self) -> None:
        """From now on it can."""


@dataclass(slots=True)
class OwnDisk:
    """A disk in a mount namespace; it needs root. Servers may stop and start on it."""

    inside: Path
    holder: process.Running

    @property
    def outside(self) -> Path:
        return Path(f"/proc/{self.holder.pid}/root{self.inside}")

    def command(self, argv: Sequence[str]) -> list[str]:
        enter = ["nsenter", "-t", str(self.holder.pid), "--mount", "--"]
        user = str(process.UNPRIVILEGED_ID)
        return [*enter, "setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--", *argv]

    def fill(self) -> None:
        with self._ballast.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def make_room(self) -> None:
        self._ballast.unlink()

    @property
    def _ballast(self) -> Path:
        return self.outside / "ballast"


@dataclass(slots=True)
class Limit:
    """An ordinary folder, whose server may write no byte to any file while it is full, or until it is started anew."""

    inside: Path
    number: Path  # where the server's process id is written

    @property
    def outside(self) -> Path:
        return self.inside

    def command(self, argv: Sequence[str]) -> list[str]:
        return ["sh", "-c", _LIMITED, str(self.number), *argv]

    def fill(self) -> None:
        self._set(0)

    def make_room(self) -> None:
        self._set(resource.RLIM_INFINITY)

    def _set(self, most: int) -> None:
        resource.prlimit(int(self.number.read_text()), resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


@contextmanager
def small_disk() -> Iterator[SmallDisk]:
    """The best of both that we may have."""
    with own_disk() if os.geteuid() == 0 else limit() as disk:
        yield disk


@contextmanager
def own_disk() -> Iterator[OwnDisk]:
    """Raises ServerError: we may not make it."""
    folder = owned.new_folder("disk")
    inside, log = folder / "files", folder / "holder.log"
    try:
        folder.chmod(0o711)
        inside.mkdir()
        lay = ["sh", "-c", _LAY, "sh", str(inside), str(process.UNPRIVILEGED_ID)]
        server = process.Server(
            name="a disk in memory",
            argv=["unshare", "--mount", "--propagation", "private", "--", *lay],
            ready=lambda: log.read_bytes().endswith(b"laid\n"),
            log=log,
        )
        with process.serving(server) as holder:
            yield OwnDisk(inside, holder)
    finally:
        owned.drop_folder(folder)


@contextmanager
def limit() -> Iterator[Limit]:
    folder = owned.new_folder("disk")
    inside = folder / "files"
    try:
        inside.mkdir(mode=0o700)
        yield Limit(inside, folder / "pid")
    finally:
        owned.drop_folder(folder)
