"""A real Redis for a test or the demo: TLS by the test CA, ACL users, unprivileged, on loopback, with a sure end.

It holds nothing that matters. It must never listen beyond loopback unless the caller names the address.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from tests.cluster import debian, pki, process
from tests.cluster.housed import Housed
from tests.cluster.small_disk import SmallDisk

BOSS = "boss"
BOSS_PASSWORD = "super-secret-of-the-test"
LINK = "link"  # the account of replicas on their primary
LINK_PASSWORD = "secret-of-the-link"


class Accounts(Enum):
    """Where the server keeps its accounts."""

    FILE = "an ACL file of their own"
    CONFIG = "its configuration file"
    MEMORY = "nowhere but in memory"


@dataclass(slots=True, kw_only=True, eq=False)
class RedisServer(Housed):
    """A context manager; `stop` and `start` in between make an outage.

    Attributes:
        hosts: names and addresses of the certificate beside 127.0.0.1 and localhost.
        listen: addresses to listen on.
        log_statements: everything that this kind of server can write down of what it is told.
        authority: the CA, if it is to be that of another server.
        disk: where the ACL file lies, if not beside the configuration.
        settings: further lines of its configuration.
    """

    hosts: tuple[str, ...] = ()
    listen: tuple[str, ...] = ("127.0.0.1",)
    log_statements: bool = False
    accounts: Accounts = Accounts.FILE
    authority: pki.Authority | None = None
    disk: SmallDisk | None = None
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=process.free_port)
    folder: Path = field(init=False)
    running: process.Running | None = field(default=None, init=False)
    _monitor: process.Running | None = field(default=None, init=False)

    @property
    def data(self) -> Path:
        """What is the server's own: its configuration, its accounts, its dump."""
        return self.folder / "data"

    @property
    def acl_file(self) -> Path:
        return (self.disk.outside if self.disk else self.data) / "users.acl"

    @property
    def log(self) -> Path:
        return self.folder / "redis.log"

    @property
    def ca_file(self) -> Path:
        assert self.authority is not None
        return self.authority.ca_file

    @property
    def ca_pem(self) -> str:
        return self.ca_file.read_text(encoding="ascii")

    @property
    def short(self) -> str:
        return "redis"

    def start(self) -> None:
        """Start it and wait until it answers."""
        if self.running is None:
            self.running = process.start(self._server())
        if self.log_statements and self._monitor is None:
            self._monitor = process.start(self._watcher())

    def stop(self) -> None:
        """Stop it; connections are cut, and nothing is saved."""
        for running in (self._monitor, self.running):
            if running is not None:
                running.kill()
        self._monitor = self.running = None

    def _end(self) -> None:
        self.stop()

    def empty(self) -> None:
        """Lose all accounts but those of the start, as a node without a disk does; it must be stopped."""
        assert self.running is None
        self._write_configuration()

    # --- what a person does ---

    def client(self, user: str = BOSS, password: str = BOSS_PASSWORD) -> redis.Redis:
        """An ordinary client, by default the boss's. It is not connected yet."""
        return redis.Redis(
            host="127.0.0.1",
            port=self.port,
            username=user,
            password=password,
            ssl=True,
            ssl_ca_certs=str(self.ca_file),
            socket_timeout=10,
            socket_connect_timeout=10,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
            protocol=2,
        )

    def run(self, *command: Any) -> Any:
        """The answer to one command of the boss, as it comes over the wire. Raises redis.RedisError."""
        with self.client() as client:
            conn = client.connection_pool.get_connection()
            conn.send_command(*command)
            return conn.read_response()

    def admin(self, name: str = "rotator", *, password: str = "rotators-password") -> str:
        """Make an account with the rights that Keyward's documentation asks for, and no more; its password."""
        self.run("ACL", "SETUSER", name, "reset", "on", hashed(password), *ADMIN_RULES)
        self.persist()
        return password

    def persist(self) -> None:
        """Have the accounts written down, as far as this server can."""
        if self.accounts is Accounts.FILE:
            self.run("ACL", "SAVE")
        elif self.accounts is Accounts.CONFIG:
            self.run("CONFIG", "REWRITE")

    def logs_in(self, name: str, password: str) -> bool:
        """Whether an ordinary client is let in."""
        with self.client(name, password) as client:
            try:
                return bool(client.execute_command("ACL", "WHOAMI"))
            except redis.AuthenticationError:
                return False
            except redis.ConnectionError as error:
                if "closed by server" not in str(error):
                    raise
                return False  # its value was taken away right after it

    def exists(self, name: str) -> bool:
        return self.run("ACL", "GETUSER", name) is not None

    def records(self) -> bytes:
        """Everything that it wrote down about commands: logs, monitor, files, statistics."""
        asked = [self.run("SLOWLOG", "GET", "-1"), self.run("ACL", "LOG", "128"), self.run("CLIENT", "LIST")]
        files = [self.log, self.folder / "monitor.log", *(p for p in sorted(self.data.rglob("*")) if p.is_file())]
        return b"".join(path.read_bytes() for path in files if path.exists()) + repr(asked).encode()

    # --- making it ---

    def _prepare(self) -> None:
        program("redis-server")
        self.folder.chmod(0o711)
        if self.authority is None:
            self.authority = pki.authority(self.folder / "pki")
        pair = self.authority.server(f"redis-{self.port}", ("127.0.0.1", "localhost", *self.hosts))
        for path, name in ((pair.cert, "server.crt"), (pair.key, "server.key"), (self.ca_file, "ca.crt")):
            shutil.copyfile(path, self.folder / name)
            self._give(self.folder / name)
        self.data.mkdir(mode=0o700)
        self._give(self.data)
        self._write_configuration()

    def _write_configuration(self) -> None:
        lines = [f"{name} {value}" for name, value in self._settings().items()]
        if self.accounts is Accounts.CONFIG:
            lines += _first_accounts()
        self._write(self.data / "redis.conf", lines)
        if self.accounts is Accounts.FILE:
            self._write(self.acl_file, _first_accounts())

    def _write(self, path: Path, lines: Sequence[str]) -> None:
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        self._give(path)

    def _give(self, path: Path) -> None:
        path.chmod(0o700 if path.is_dir() else 0o600)
        uid = process.unprivileged_id()
        if uid is not None:
            os.chown(path, uid, uid)

    def _settings(self) -> dict[str, str]:
        chosen = {
            "bind": " ".join(self.listen),
            "port": "0",
            "tls-port": str(self.port),
            "tls-cert-file": str(self.folder / "server.crt"),
            "tls-key-file": str(self.folder / "server.key"),
            "tls-ca-cert-file": str(self.folder / "ca.crt"),
            "tls-auth-clients": "no",
            "tls-replication": "yes",
            "tls-cluster": "yes",
            "masteruser": LINK,
            "masterauth": LINK_PASSWORD,
            "dir": str(self.data),
            "save": '""',
            "repl-diskless-sync-delay": "0",
            "daemonize": "no",
        }
        if self.accounts is Accounts.FILE:
            chosen["aclfile"] = str((self.disk.inside if self.disk else self.data) / "users.acl")
        if self.log_statements:
            chosen |= {"loglevel": "debug", "slowlog-log-slower-than": "0", "slowlog-max-len": "100000"}
        return chosen | self.settings

    def _server(self) -> process.Server:
        argv = [program("redis-server"), *self._arguments()]
        return process.Server(
            name=f"Redis on port {self.port}",
            argv=argv if self.disk is None else self.disk.command(argv),
            ready=self._answers,
            log=self.log,
            cwd=self.folder,
            uid=process.unprivileged_id() if self.disk is None else None,
        )

    def _arguments(self) -> list[str]:
        if self.accounts is not Accounts.MEMORY:
            return [str(self.data / "redis.conf")]
        given = [[f"--{name}", *value.split()] for name, value in self._settings().items() if name != "save"]
        return [word for line in given for word in line] + _words(_first_accounts())

    def _watcher(self) -> process.Server:
        log = self.folder / "monitor.log"
        where = ["-h", "127.0.0.1", "-p", str(self.port), "--tls", "--cacert", str(self.ca_file), "--user", BOSS]
        return process.Server(
            name="redis-cli",
            argv=[program("redis-cli"), *where, "MONITOR"],
            ready=lambda: log.read_bytes().startswith(b"OK"),
            log=log,
            env=os.environ | {"REDISCLI_AUTH": BOSS_PASSWORD},
        )

    def _answers(self) -> bool:
        try:
            return bool(self.run("PING"))
        except redis.RedisError:
            return False


ADMIN_RULES = (
    *(
        "-@all",
        "+acl|getuser",
        "+acl|setuser",
        "+acl|deluser",
        "+acl|list",
        "+acl|save",
        "+acl|whoami",
        "+acl|dryrun",
        "+acl|cat",
    ),
    *("+config|get", "+config|rewrite", "+client|id", "+client|list", "+client|kill", "+client|setname"),
    *("+info", "+cluster|nodes"),
)


def hashed(password: str) -> str:
    """A password as an ACL rule takes it."""
    return f"#{hashlib.sha256(password.encode()).hexdigest()}"


def _first_accounts() -> list[str]:
    return [
        "user default reset off",
        f"user {BOSS} reset on {hashed(BOSS_PASSWORD)} ~* &* +@all",
        f"user {LINK} reset on {hashed(LINK_PASSWORD)} +psync +replconf +ping",
    ]


def _words(lines: Sequence[str]) -> list[str]:
    return [word for line in lines for word in f"--{line}".split()]


def program(name: str) -> str:
    """Path of Debian's program, installed if it is missing.

    Raises:
        ServerError: it cannot be installed.
    """
    path = shutil.which(name, path=debian.SEARCH)
    if path is None:
        debian.install(["redis-server", "redis-tools"])
        path = shutil.which(name, path=debian.SEARCH)
        if path is None:
            raise process.ServerError(f"{name} is missing; it was not in what Debian installed")
    return path
