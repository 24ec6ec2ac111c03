"""The users of a host, in its own files and as useradd writes them: a test makes hundreds, and no program is started for any."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.process import ServerError

_FILES = ("passwd", "shadow", "group", "gshadow")
_FIRST = 1000  # as in login.defs


@dataclass(frozen=True, slots=True)
class HostUsers:
    """`root` is the host's, as this machine reaches it."""

    root: Path

    def add(self, name: str) -> None:
        """A user with a group and a home of its own, and a locked password.

        Raises:
            ServerError: there is one of this name.
        """
        with self._locked():
            if self.has(name):
                raise ServerError(f"the host has a user {name!r} already")
            rows = self._rows("passwd")
            number = max((int(row[2]) for row in rows if _FIRST <= int(row[2]) < 60_000), default=_FIRST - 1) + 1
            self._append("group", f"{name}:x:{number}:")
            self._append("gshadow", f"{name}:!::")
            self._append("shadow", f"{name}:!:{int(time.time()) // 86400}:0:99999:7:::")
            self._append("passwd", f"{name}:x:{number}:{number}::/home/{name}:/bin/sh")
        home = self.root / "home" / name
        home.mkdir(0o755)
        os.chown(home, number, number)

    def drop(self, names: Collection[str]) -> None:
        """Users and what is below their homes; who is not there is passed over."""
        with self._locked():
            for file in _FILES:
                self._keep(file, [row for row in self._rows(file) if row[0] not in names])
        for name in names:
            shutil.rmtree(self.root / "home" / name, ignore_errors=True)

    def has(self, name: str) -> bool:
        return any(row[0] == name for row in self._rows("passwd"))

    def shadow(self, name: str) -> list[str]:
        """The fields of a user's line in /etc/shadow."""
        return self._row("shadow", name)

    def shadows(self) -> list[list[str]]:
        """Those of all users."""
        return self._rows("shadow")

    def keys(self, name: str) -> str:
        """authorized_keys of a user, to the byte."""
        return self._key_file(name).read_bytes().decode()

    def write_keys(self, name: str, content: str) -> None:
        """Write authorized_keys of a user as sshd accepts it."""
        file = self._key_file(name)
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content.encode())
        number, group = (int(field) for field in self._row("passwd", name)[2:4])
        for path, mode in ((file.parent, 0o700), (file, 0o600)):
            path.chmod(mode)
            os.chown(path, number, group)

    def _key_file(self, name: str) -> Path:
        return self.root / self._row("passwd", name)[5].lstrip("/") / ".ssh" / "authorized_keys"

    # --- the files ---

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # What every program takes that changes them.
        with (self.root / "etc/.pwd.lock").open("a") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)
            yield

    def _rows(self, file: str) -> list[list[str]]:
        return [line.split(":") for line in (self.root / "etc" / file).read_text(encoding="utf-8").splitlines()]

    def _row(self, file: str, name: str) -> list[str]:
        for row in self._rows(file):
            if row[0] == name:
                return row
        raise ServerError(f"the host has no user {name!r} in {file}")

    def _append(self, file: str, line: str) -> None:
        with (self.root / "etc" / file).open("a", encoding="utf-8") as open_file:
            open_file.write(f"{line}\n")

    def _keep(self, file: str, rows: list[list[str]]) -> None:
        # Whoever reads meanwhile finds all of the old file or all of the new one.
        path = self.root / "etc" / file
        new, stat = path.with_name(f"{file}.kept"), path.stat()
        new.write_text("".join(f"{':'.join(row)}\n" for row in rows), encoding="utf-8")
        new.chmod(stat.st_mode & 0o7777)
        os.chown(new, stat.st_uid, stat.st_gid)
        new.replace(path)
