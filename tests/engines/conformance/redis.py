"""Redis as a stage."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import ClassVar

from tests.cluster.redis import RedisServer, hashed
from tests.engines.conformance.redis_front import Front
from tests.engines.conformance.stage import Overlapping, number

from keyward.engines.base import AccountSet, Endpoint, Level, Login, Place, Privilege
from keyward.sensitive import Sensitive

_fronts: dict[int, Front] = {}
_READER = ("~*", "&*", "-@all", "+@read", "+@connection", "+acl|whoami")


_ALONE = "an imported account is the login of the admin, which stands alone: no pair is kept alike"


class RedisStage(Overlapping):
    name = "Redis"
    server = "redis_server"
    at_limit = "r" * 128
    beyond = "s" * 129
    unfit: ClassVar[Mapping[str, str]] = {"test_no_more_than_is_allowed_is_given_to_an_imported_account": _ALONE}
    odd = ("a:b", "#hash", ">not-a-password", "+@all", "reset", "ü" * 64, "on")

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        if server.port not in _fronts:
            _fronts[server.port] = Front(server)
        self._front = _fronts[server.port]

    @property
    def port(self) -> int:
        return self._front.port

    def place(self, port: int | None = None) -> Place:
        return Place((Endpoint("127.0.0.1", port or self.port),), "0", self._server.ca_pem)

    def can_be(self, name: str) -> bool:
        return re.search(r"\s", name) is None

    def admin(self) -> Login:
        name = f"admin{number()}"
        return Login(name, Sensitive(self._server.admin(name)))

    def powerless(self) -> Login:
        name = f"nobody{number()}"
        self._set(name, "reset", "on", hashed("powerless"), "+ping", "+info")
        return Login(name, Sensitive("powerless"))

    def made(self, admin: Login, *names: str) -> AccountSet:
        return AccountSet(names, created=True, privileges=(Privilege("0", Level.READ_WRITE),))

    def make(self, name: str, password: str) -> None:
        self._set(name, "reset", "on", hashed(password), *_READER)

    def make_mighty(self, name: str) -> None:
        self._set(name, "reset", "on", hashed("mighty"), "~*", "+@all")

    def give_second(self, name: str, password: str) -> None:
        self._set(name, hashed(password))

    def set_by_hand(self, name: str, password: str) -> None:
        self._set(name, "resetpass", hashed(password))

    def forbid(self, name: str) -> None:
        self._set(name, "off")

    def hijack(self, name: str, password: str) -> None:
        somebody = f"somebody{number()}"
        self.make(somebody, password)
        self._front.log_in_as(name, password, somebody)

    def take_right(self, accounts: AccountSet) -> None:
        for name in accounts.names:
            self._set(name, "-@write")

    def make_object(self, name: str, password: str) -> None:
        # The one thing of a server that depends on an account: its link to a primary.
        self._server.run("CONFIG", "SET", "masteruser", name)

    @contextlib.contextmanager
    def refusing(self, admin: Login, account: str) -> Iterator[str]:
        # The server refuses none; the engine does, in its place.
        yield account

    def stalled(self, name: str) -> AbstractContextManager[None]:
        return self._front.held(name)

    def exists(self, name: str) -> bool:
        return self._server.exists(name)

    def logs_in(self, name: str, password: str) -> bool:
        return self._server.logs_in(name, password)

    def idle(self, admin: Login) -> bool:
        return f" user={admin.account} " not in self._server.run("CLIENT", "LIST")

    def records(self) -> bytes:
        return self._server.records()

    def _set(self, name: str, *rules: str) -> None:
        self._server.run("ACL", "SETUSER", name, *rules)
