"""What a real MySQL and a real MariaDB for a test have in common: TLS by the test CA, unprivileged, on loopback.

They hold nothing that matters, and write down every statement that they can, so that a test can look for what must not be
there. They must never listen beyond loopback unless the caller names the address.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import ssl
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pymysql
from tests.cluster import pki, process
from tests.cluster.housed import Housed
from tests.cluster.kept import Kept

SUPERUSER = "boss"
SUPERUSER_PASSWORD = "super-secret-of-the-test"
# One that looks up who connects waits no longer than this for a resolver that is away.
_IMPATIENT = {"RES_OPTIONS": "timeout:1 attempts:1"}
_FIRST = f"""CREATE USER IF NOT EXISTS '{SUPERUSER}'@'%' IDENTIFIED BY '{SUPERUSER_PASSWORD}';
GRANT ALL ON *.* TO '{SUPERUSER}'@'%' WITH GRANT OPTION;
"""


@dataclass(slots=True, kw_only=True)
class FamilyServer(Housed):
    """A context manager; `stop` and `start` in between make an outage.

    Attributes:
        hosts: names and addresses of the certificate beside 127.0.0.1 and localhost.
        listen: address to listen on; "*" for all.
        log_statements: general log, slow log of everything, binary log, statement history.
        settings: further arguments, such as {"read-only": "ON"}.
    """

    hosts: tuple[str, ...] = ()
    listen: str = "127.0.0.1"
    log_statements: bool = False
    tls: bool = True
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=process.free_port)
    folder: Path = field(init=False)
    authority: pki.Authority = field(init=False)
    running: process.Running | None = field(default=None, init=False)
    _kept: Kept = field(default_factory=Kept, init=False, repr=False)

    # --- which server ---

    @property
    @abstractmethod
    def name(self) -> str:
        """As people call it."""

    @abstractmethod
    def program(self) -> Sequence[str]:
        """What to run, up to --no-defaults and the settings that belong to this program."""

    @abstractmethod
    def initialise(self, data: Path) -> None:
        """Put an empty server's data into `data`, which is there, empty and the unprivileged user's."""

    # --- using it ---

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def ca_pem(self) -> str:
        return self.authority.ca_file.read_text(encoding="ascii")

    @property
    def short(self) -> str:
        return self.name.lower()

    def start(self) -> None:
        """Start it and wait until it answers."""
        if self.running is None:
            self.running = process.start(self._server())

    def stop(self) -> None:
        """Stop it; sessions are cut."""
        self._kept.end()
        if self.running is not None:
            self.running.stop()
            self.running = None

    def _end(self) -> None:
        self._kept.end()
        if self.running is not None:
            self.running.kill()  # nothing of it is kept
            self.running = None

    @contextlib.contextmanager
    def connect(
        self, database: str | None = None, user: str = SUPERUSER, password: str = SUPERUSER_PASSWORD
    ) -> Iterator[Any]:
        """A connection, by default the superuser's, in autocommit."""
        with self._open(database, user, password) as conn:
            yield conn

    def _open(
        self, database: str | None = None, user: str = SUPERUSER, password: str = SUPERUSER_PASSWORD
    ) -> pymysql.Connection[Any]:
        context = _trusting(self.ca_pem) if self.tls else None
        return pymysql.connect(
            host="127.0.0.1",
            port=self.port,
            database=database,
            user=user,
            password=password,
            autocommit=True,
            connect_timeout=5,
            ssl=context,
            ssl_disabled=not self.tls,
        )

    def sql(self, statement: str, params: Any = None, database: str | None = None) -> list[tuple[Any, ...]]:
        """Run one statement as superuser; its rows, if it has any."""
        kept = self._kept.lent(self._open, _descriptor) if database is None else self.connect(database)
        with kept as conn, conn.cursor() as cursor:
            cursor.execute(statement, params)
            return list(cursor.fetchall())

    def database(self, name: str) -> str:
        """Make an empty database."""
        self.sql(f"CREATE DATABASE `{name}`")
        return name

    def records(self) -> bytes:
        """Everything that it wrote down about statements: logs, binary logs, statement history."""
        found = b"".join(path.read_bytes() for path in sorted(self.folder.glob("*.log")))
        found += b"".join(path.read_bytes() for path in sorted(self.data.glob("binlog.0*")))
        history = "SELECT sql_text FROM performance_schema.events_statements_history_long WHERE sql_text IS NOT NULL"
        rows = [*self.sql(history), *self.sql("SELECT info FROM information_schema.processlist")]
        return found + "\n".join(str(row[0]) for row in rows).encode()

    # --- making it ---

    def _prepare(self) -> None:
        self.folder.chmod(0o711)
        uid = process.unprivileged_id()
        self.authority = pki.authority(self.folder / "pki")
        pair = self.authority.server("server", ("127.0.0.1", "localhost", *self.hosts))
        for path in (pair.cert, pair.key, self.authority.ca_file):
            shutil.copyfile(path, self.folder / path.name)
            self._give(self.folder / path.name)
        self.folder.joinpath("first.sql").write_text(_FIRST, encoding="ascii")
        self.data.mkdir(mode=0o700)
        self._give(self.data)
        for name in ("general.log", "slow.log"):
            (self.folder / name).touch()
            self._give(self.folder / name)
        self.initialise(self.data)
        if uid is not None:
            for path in self.data.rglob("*"):
                os.chown(path, uid, uid)

    def _give(self, path: Path) -> None:
        path.chmod(0o700 if path.is_dir() else 0o600)
        uid = process.unprivileged_id()
        if uid is not None:
            os.chown(path, uid, uid)

    def run(self, argv: Sequence[str]) -> None:
        """Run a tool of the server as the unprivileged user. Raises ServerError with what it said."""
        process.run_tool(argv, self.folder)

    def _settings(self) -> dict[str, str]:
        chosen = {
            "datadir": str(self.data),
            "bind-address": self.listen,
            "port": str(self.port),
            "socket": str(self.data / "s"),
            "pid-file": str(self.data / "pid"),
            "init-file": str(self.folder / "first.sql"),
            "skip-name-resolve": "ON",
            "innodb-buffer-pool-size": "32M",
            "innodb-flush-log-at-trx-commit": "0",
            "max-connections": "60",
        }
        if self.tls:
            chosen |= {"ssl-ca": "ca.crt", "ssl-cert": "server.crt", "ssl-key": "server.key"}
            chosen |= {key: str(self.folder / chosen[key]) for key in ("ssl-ca", "ssl-cert", "ssl-key")}
        return chosen | (self._statement_logs() if self.log_statements else {"performance-schema": "OFF"})

    def _statement_logs(self) -> dict[str, str]:
        return {
            "general-log": "ON",
            "general-log-file": str(self.folder / "general.log"),
            "slow-query-log": "ON",
            "slow-query-log-file": str(self.folder / "slow.log"),
            "long-query-time": "0",
            "log-bin": str(self.data / "binlog"),
            "server-id": "1",
            "performance-schema": "ON",
            "performance-schema-consumer-events-statements-history-long": "ON",
        }

    def _server(self) -> process.Server:
        arguments = [f"--{name}={value}" for name, value in (self._settings() | self.settings).items()]
        return process.Server(
            name=self.name,
            argv=[*self.program(), *arguments],
            ready=self._answers,
            log=self.folder / "server.log",
            env=os.environ | _IMPATIENT,
            cwd=self.folder,
            uid=process.unprivileged_id(),
        )

    def _answers(self) -> bool:
        try:
            self.sql("SELECT 1")
        except pymysql.MySQLError:
            return False
        return True


def _descriptor(session: Any) -> int:
    return int(session._sock.fileno())


@cache
def _trusting(ca_pem: str) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=ca_pem)
