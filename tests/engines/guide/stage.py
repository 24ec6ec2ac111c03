"""Lockbox as a stage."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.cluster import pki, process
from tests.engines.conformance.stage import Stage, number
from tests.engines.guide.server import ROOT, ROOTS_PASSWORD, hashed

from keyward.engines.base import AccountSet, Endpoint, Level, Login, Place, Privilege
from keyward.sensitive import Sensitive


@dataclass(frozen=True, slots=True)
class Server:
    port: int
    ca_pem: str
    log: Path

    def run(self, do: str, **asked: Any) -> Any:
        """What root is answered."""
        return self.ask((ROOT, ROOTS_PASSWORD), {"do": do, **asked})

    def ask(self, login: tuple[str, str], *asked: dict[str, Any]) -> Any:
        """The last answer; None if any of them is a refusal."""
        first = {"do": "login", "name": login[0], "password": login[1]}
        context = ssl.create_default_context(cadata=self.ca_pem)
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=20) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as conn,
            conn.makefile("rwb") as lines,
        ):
            answer: Any = None
            for one in (first, *asked):
                lines.write(json.dumps(one).encode() + b"\n")
                lines.flush()
                said = json.loads(lines.readline())
                if "no" in said:
                    return None
                answer = said["ok"]
            return answer


@pytest.fixture(scope="session")
def lockbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder, port = tmp_path_factory.mktemp("lockbox"), process.free_port()
    authority = pki.authority(folder)
    pair = authority.server("server", ("127.0.0.1", "localhost"))
    server = Server(port, authority.ca_file.read_text(), folder / "log")
    argv = [sys.executable, "-m", "tests.engines.guide.server", str(port), str(pair.cert), str(pair.key)]

    def ready() -> bool:
        return server.run("exists", name=ROOT) is True

    root = Path(__file__).parents[3]
    with process.serving(process.Server(name="lockbox", argv=argv, ready=ready, log=server.log, cwd=root)):
        yield server


class LockboxStage(Stage):
    name = "Lockbox"
    server = "lockbox"
    at_limit = "l" * 64
    beyond = "m" * 65

    def __init__(self, server: Server) -> None:
        self._server = server

    @property
    def port(self) -> int:
        return self._server.port

    def place(self, port: int | None = None) -> Place:
        return Place((Endpoint("127.0.0.1", port or self.port),), "", self._server.ca_pem)

    def admin(self) -> Login:
        return self._login(f"admin{number()}", role="Admin")

    def powerless(self) -> Login:
        return self._login(f"nobody{number()}", role="")

    def _login(self, name: str, role: str) -> Login:
        password = f"of-{name}"
        self._server.run("edit", name=name, hash=hashed(name, password), role=role)
        return Login(name, Sensitive(password))

    def made(self, admin: Login, *names: str) -> AccountSet:
        return AccountSet(names, created=True, privileges=(Privilege("box", Level.READ_WRITE),))

    def make(self, name: str, password: str) -> None:
        self._server.run("edit", name=name, hash=hashed(name, password), rights=["read"])

    def make_mighty(self, name: str) -> None:
        self._server.run("edit", name=name, hash=hashed(name, "mighty"), role="Root")

    def forbid(self, name: str) -> None:
        self._server.run("edit", name=name, may_login=False)

    def hijack(self, name: str, password: str) -> None:
        somebody = f"somebody{number()}"
        self.make(somebody, password)
        self._server.run("edit", name=name, becomes=somebody)

    def take_right(self, accounts: AccountSet) -> None:
        for name in accounts.names:
            self._server.run("edit", name=name, rights=["read"])

    def widen(self, name: str) -> None:
        self._server.run("edit", name=name, rights=["read", "write"])

    def make_object(self, name: str, password: str) -> None:
        self._server.run("edit", name=name, owns=True)

    @contextlib.contextmanager
    def refusing(self, admin: Login, account: str) -> Iterator[str]:
        self._server.run("refuse", hash=hashed(account, "short"))
        yield "short"
        self._server.run("refuse", hash="")

    @contextlib.contextmanager
    def stalled(self, name: str) -> Iterator[None]:
        self._server.run("stall", name=name, on=True)
        try:
            yield
        finally:
            self._server.run("stall", name=name, on=False)

    def exists(self, name: str) -> bool:
        return bool(self._server.run("exists", name=name))

    def logs_in(self, name: str, password: str) -> bool:
        return self._server.ask((name, password)) is not None

    def idle(self, admin: Login) -> bool:
        return admin.account not in self._server.run("sessions")

    def records(self) -> bytes:
        return self._server.log.read_bytes()
