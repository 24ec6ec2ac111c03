"""A shop of MySQL or MariaDB in which mistakes are made, each on a Target of its own, and how one is written down."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pymysql
from tests.cluster.mysql_family import FamilyServer
from tests.cluster.mysql_replica import replica_of
from tests.cluster.proxy import FaultProxy
from tests.whole_path.mysql_shop import GRANTS, FamilyShop, created
from tests.whole_path.world import Json, until

from keyward.cli.target import approve
from keyward.errors import Reason


class Desk(FamilyShop):
    """A shop, and further servers of the same kind."""

    def __init__(self, cluster: Any, kind: type[FamilyServer], stack: ExitStack) -> None:
        super().__init__(cluster, stack.enter_context(kind()))
        self.namespace = f"mistakes-{self.server.name.lower()}"
        self._kind, self._stack = kind, stack
        self.others: dict[str, FamilyServer] = {}
        self._held: dict[str, ExitStack] = {}

    def held(self, name: str) -> ExitStack:
        """Connections that leave this Credential no room."""
        if name not in self._held:
            self._held[name] = self._stack.enter_context(ExitStack())
        return self._held[name]

    def lets_in(self, name: str) -> bool:
        secret, server = self.secret(name), self.others.get(name, self.server)
        if not secret:
            return False
        try:
            with server.connect("orders", secret["username"], secret["password"].encode()):
                return True
        except pymysql.OperationalError:
            return False

    def events(self, name: str) -> list[Json]:
        found = self.api.items("events", self.namespace)
        return [e for e in found if e["involvedObject"]["name"] == name]

    def another(self, name: str, **settings: str) -> FamilyServer:
        server = self.others[name] = self._stack.enter_context(self._kind(settings=settings))
        server.database("orders")
        for statement in GRANTS:
            server.sql(statement)
        return server

    def replica(self, name: str) -> FamilyServer:
        """A read-only one, of a primary of its own from which it has all that `another` has."""
        primary = self._stack.enter_context(self._kind(log_statements=True))
        primary.database("orders")
        found = self.others[name] = self._stack.enter_context(replica_of(primary, "orders"))
        for statement in GRANTS:
            primary.sql(statement)
        until("what its primary did", lambda: "`orders`" in str(_grants(found)))
        found.sql("SET GLOBAL read_only = ON")
        return found

    def from_another_host(self, server: FamilyServer) -> int:
        """A port at which it is reached as if from another host: it counts no broken handshakes of 127.0.0.1."""
        front = FaultProxy(("127.0.0.1", server.port), source="127.0.0.2")
        return self._stack.enter_context(front).port

    def on(self, name: str, server: FamilyServer | None = None, tls: Json | None = None, **rds: Any) -> list[Json]:
        """A Credential on a Target of its own name, with an admin Secret of its own: it vouches for one Target."""
        credential = self.credential(name, created(account_of(name)))
        credential["spec"]["rds"]["targetRef"] = {"name": name}
        login = {"username": "rotator", "password": "rotators-password"}
        admin = self.plain_secret(f"{name}-admin", login)
        return [admin, self.target_of(name, server, tls, **rds), credential]

    def target_of(self, name: str, server: FamilyServer | None = None, tls: Json | None = None, **rds: Any) -> Json:
        spec, server = self.target(), server or self.server
        spec["admin"] = {"secretRef": {"name": f"{name}-admin"}}
        spec["rds"]["endpoints"][0]["port"] = server.port
        spec["rds"]["tls"] = {"ca": server.ca_pem} | (tls or {})
        spec["rds"] |= rds
        return self.made("Target", name, spec)

    def approve(self, target: str) -> None:
        approve([target], self.namespace, kubeconfig=self.kubeconfig)


@dataclass(frozen=True)
class Case:
    """See `tests.inputs.case.Case`."""

    name: str
    reason: Reason
    says: tuple[str, ...]
    arrange: Callable[[Desk], list[Json]]
    mend: Callable[[Desk], object]


def _grants(server: FamilyServer) -> list[tuple[str, ...]]:
    """The admin's, if it is there."""
    there = server.sql("SELECT 1 FROM mysql.user WHERE User = 'rotator'")
    return server.sql("SHOW GRANTS FOR rotator") if there else []


def account_of(name: str) -> str:
    return "orders_" + name.replace("-", "_")
