"""A real MariaDB of Debian's for a test or the demo."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import debian, process
from tests.cluster.mysql_family import FamilyServer

_PACKAGES = ("mariadb-server-core", "mariadb-server")  # the second brings the plug-ins and the script that makes data


@dataclass(slots=True, kw_only=True)
class MariadbServer(FamilyServer):
    """See `FamilyServer`."""

    @property
    def name(self) -> str:
        return "MariaDB"

    def program(self) -> Sequence[str]:
        return [_found("mariadbd"), "--no-defaults", "--innodb-log-file-size=8M"]

    def initialise(self, data: Path) -> None:
        argv = [_found("mariadb-install-db"), "--no-defaults", f"--datadir={data}", "--innodb-log-file-size=8M"]
        self.run([*argv, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"])


def programs() -> None:
    """Have Debian's programs there. Raises MissingProgramsError: only root on Debian can install them."""
    for program in ("mariadbd", "mariadb-install-db"):
        _found(program)


def _found(program: str) -> str:
    path = shutil.which(program, path=debian.SEARCH)
    if path is None:
        debian.install(_PACKAGES)
        path = shutil.which(program, path=debian.SEARCH)
        if path is None:
            raise process.ServerError(f"MariaDB's {program} is missing; it was not in what Debian installed")
    return path
