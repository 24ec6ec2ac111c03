"""A real MySQL for a test or the demo, of Debian's newest suite."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import unpacked
from tests.cluster.mysql_family import FamilyServer


@dataclass(slots=True, kw_only=True)
class MysqlServer(FamilyServer):
    """See `FamilyServer`."""

    @property
    def name(self) -> str:
        return "MySQL"

    def program(self) -> Sequence[str]:
        program = _program(unpacked.reachable(PACKAGE))
        return [*program, "--mysqlx=OFF", *([] if self.log_statements else ["--skip-log-bin"])]

    def initialise(self, data: Path) -> None:
        template = unpacked.ensure(PACKAGE) / "data"
        if not template.is_dir():
            self.run([*self.program(), "--initialize-insecure", f"--datadir={data}"])
            for made in ("auto.cnf", *(path.name for path in data.glob("*.pem"))):
                (data / made).unlink()  # each server has an identity of its own
            with unpacked.alone(PACKAGE):
                if not template.is_dir():
                    _copy(data, template)
            return
        shutil.copytree(template, data, dirs_exist_ok=True)


def _copy(data: Path, template: Path) -> None:
    draft = Path(tempfile.mkdtemp(prefix="data-", dir=template.parent))
    shutil.copytree(data, draft, dirs_exist_ok=True)
    draft.rename(template)


def _version(root: Path) -> str:
    answer = subprocess.run([*_program(root), "--version"], capture_output=True, text=True, check=True)
    return answer.stdout.partition("Ver ")[2].split()[0]


def _program(root: Path) -> list[str]:
    usr = root / "usr"
    return [
        *unpacked.loader(root),
        str(usr / "sbin/mysqld"),
        "--no-defaults",
        f"--basedir={usr}",
        f"--plugin-dir={usr / 'lib/mysql/plugin'}",
        f"--lc-messages-dir={usr / 'share/mysql'}",
        f"--character-sets-dir={usr / 'share/mysql/charsets'}",
        "--secure-file-priv=",
    ]


PACKAGE = unpacked.Package(
    "mysql",
    "mysql-server-core",
    ("usr/sbin/mysqld", "usr/lib/*-linux-*", "usr/lib/mysql", "usr/share/mysql"),
    _version,
)
