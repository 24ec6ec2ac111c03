"""A real PostgreSQL for a test or the demo: TLS by the test CA, SCRAM only, unprivileged, on loopback, with a sure end.

It holds nothing that matters (fsync is off). It must never listen beyond loopback unless the caller names the address.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier, Literal
from tests.cluster import debian, pki, process
from tests.cluster.housed import Housed
from tests.cluster.kept import Kept

_CREATE_CLUSTER = Path("/etc/postgresql-common/createcluster.conf")
SUPERUSER = "postgres"
SUPERUSER_PASSWORD = "super-secret-of-the-test"
_HBA = """local all all scram-sha-256
hostssl all all 0.0.0.0/0 {auth}
hostssl all all ::0/0 {auth}
host replication all 127.0.0.1/32 scram-sha-256
hostnossl all all 127.0.0.1/32 {auth}
"""


@dataclass(slots=True, kw_only=True)
class PostgresServer(Housed):
    """A context manager; `stop` and `start` in between make an outage.

    Attributes:
        hosts: names and addresses of the certificate beside 127.0.0.1 and localhost; addresses are listened on too.
        settings: further lines of postgresql.conf.
        auth: the method of pg_hba.conf for TLS clients.
    """

    hosts: tuple[str, ...] = ()
    listen: tuple[str, ...] = ("127.0.0.1",)
    log_statements: bool = False
    tls: bool = True
    auth: str = "scram-sha-256"
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=process.free_port)
    folder: Path = field(init=False)
    authority: pki.Authority = field(init=False)
    running: process.Running | None = field(default=None, init=False)
    _kept: Kept = field(default_factory=Kept, init=False, repr=False)

    @property
    def log(self) -> Path:
        return self.folder / "postgresql.log"

    @property
    def ca_pem(self) -> str:
        return self.authority.ca_file.read_text(encoding="ascii")

    @property
    def short(self) -> str:
        return "pg"

    @property
    def programs(self) -> Path:
        """The folder of the server's programs."""
        return binaries()

    def start(self) -> None:
        """Start it and wait until it answers."""
        if self.running is None:
            self.running = process.start(self._server())

    def stop(self) -> None:
        """Stop it at once; sessions are cut."""
        self._kept.end()
        if self.running is not None:
            self.running.stop()
            self.running = None

    def _end(self) -> None:
        self.stop()

    def crash(self) -> None:
        """Kill all of it at once; its data stay, and the next start recovers them."""
        self._kept.end()
        if self.running is not None:
            self.running.kill()
            self.running = None

    @contextlib.contextmanager
    def connect(
        self, database: str = "postgres", user: str = SUPERUSER, password: str = SUPERUSER_PASSWORD
    ) -> Iterator[Any]:
        """A connection, by default the superuser's, in autocommit."""
        with self._open(database, user, password) as conn:
            yield conn

    def _open(self, database: str = "postgres", user: str = SUPERUSER, password: str = SUPERUSER_PASSWORD) -> Any:
        settings: dict[str, Any] = {"sslmode": "verify-full", "sslrootcert": str(self.authority.ca_file)}
        if not self.tls:
            settings = {"sslmode": "disable"}
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            dbname=database,
            user=user,
            password=password,
            autocommit=True,
            prepare_threshold=None,
            **settings,
        )

    def sql(self, statement: Any, database: str = "postgres", params: Any = None) -> list[tuple[Any, ...]]:
        """Run one statement as superuser; its rows, if it has any."""
        # A session that stays would keep its database from being dropped, which nobody does to this one.
        stays = database == "postgres"
        with self._kept.lent(self._open, psycopg.Connection.fileno) if stays else self.connect(database) as conn:
            cursor = conn.execute(statement, params)
            return cursor.fetchall() if cursor.description else []

    def database(self, name: str) -> str:
        """Make an empty database that PUBLIC may not write to."""
        self.sql(SQL("CREATE DATABASE {}").format(Identifier(name)))
        return name

    def admin(self, role: str = "rotator", *, password: str = "rotators-password", database: str | None = None) -> str:
        """Make a CREATEROLE role that is no superuser, owner of `database` and its schema public; its password."""
        create = SQL("CREATE ROLE {} LOGIN CREATEROLE PASSWORD {}")
        self.sql(create.format(Identifier(role), Literal(password)))
        if database is not None:
            self.sql(SQL("ALTER DATABASE {} OWNER TO {}").format(Identifier(database), Identifier(role)))
            self.sql(SQL("ALTER SCHEMA public OWNER TO {}").format(Identifier(role)), database)
        return password

    # --- making it ---

    def _prepare(self) -> None:
        self.authority = pki.authority(self.folder / "pki")
        pair = self.authority.server("server", ("127.0.0.1", "localhost", *self.hosts))
        self.folder.chmod(0o711)
        secret = self.folder / "superuser"
        secret.write_text(SUPERUSER_PASSWORD, encoding="ascii")
        data = self.folder / "data"
        data.mkdir(mode=0o700)
        for path in (pair.cert, pair.key):
            shutil.copyfile(path, data.parent / path.name)
            (data.parent / path.name).chmod(0o600)
            self._give(data.parent / path.name)
        for path in (data, secret):
            self._give(path)
        self._initdb(data, secret)
        (data / "postgresql.auto.conf").write_text(self._settings(), encoding="utf-8")
        (data / "pg_hba.conf").write_text(_HBA.format(auth=self.auth), encoding="ascii")

    def _initdb(self, data: Path, secret: Path) -> None:
        argv = [
            str(self.programs / "initdb"),
            "-D",
            str(data),
            "-U",
            SUPERUSER,
            f"--pwfile={secret}",
            "-A",
            "scram-sha-256",
        ]
        argv += ["-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        process.run_tool(argv, self.folder)
        secret.unlink()

    def _give(self, path: Path) -> None:
        uid = process.unprivileged_id()
        if uid is not None:
            os.chown(path, uid, uid)

    def _settings(self) -> str:
        chosen = {
            "listen_addresses": ",".join(self.listen),
            "port": str(self.port),
            "unix_socket_directories": "",
            "ssl": "on" if self.tls else "off",
            "ssl_cert_file": str(self.folder / "server.crt"),
            "ssl_key_file": str(self.folder / "server.key"),
            "password_encryption": "scram-sha-256",
            "fsync": "off",
            "autovacuum": "off",  # one more process for each database and minute, of a server that lives for minutes
            "max_connections": "300",
            "shared_buffers": "16MB",
            "log_statement": "all" if self.log_statements else "none",
        } | self.settings
        return "".join(f"{name} = '{value}'\n" for name, value in chosen.items())

    def _server(self) -> process.Server:
        return process.Server(
            name="PostgreSQL",
            argv=[str(self.programs / "postgres"), "-D", str(self.folder / "data")],
            ready=self._answers,
            log=self.log,
            cwd=self.folder,
            uid=process.unprivileged_id(),
            stop_signal=2,  # SIGINT: fast shutdown
        )

    def _answers(self) -> bool:
        ready = [str(self.programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(ready, check=False).returncode == 0


def binaries() -> Path:
    """The folder of Debian's newest server programs, installed if they are missing.

    Raises:
        debian.MissingProgramsError: they cannot be installed.
    """
    found = _installed()
    if not found:
        with _no_main_cluster():
            debian.install(["postgresql"])
        found = _installed()
    return found[-1]


@contextlib.contextmanager
def _no_main_cluster() -> Iterator[None]:
    """Debian's package makes a database of its own at its first install and starts it, unless this file says not to."""
    if _CREATE_CLUSTER.exists():
        yield
        return
    _CREATE_CLUSTER.parent.mkdir(parents=True, exist_ok=True)
    _CREATE_CLUSTER.write_text("create_main_cluster = false\n", encoding="ascii")
    try:
        yield
    finally:
        _CREATE_CLUSTER.unlink(missing_ok=True)


def _installed() -> list[Path]:
    folders = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    return [path.parent for path in sorted(folders, key=lambda path: int(path.parts[-3]))]
