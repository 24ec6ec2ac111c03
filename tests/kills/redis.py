"""Lives on a real Redis, told in the words of those on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import redis
from tests.cluster.redis import RedisServer
from tests.cluster.redis_groups import RedisGroup
from tests.kills.api import Api
from tests.kills.consumers import Consumers, Unanswered
from tests.kills.lives import AGAIN, CREATION, DELETION, RETURN, ROTATION, Json, Kin, Life, Tale
from tests.kills.points import Point
from tests.kills.stage import ADMIN, PASSWORD, Stage

_LIFE = (CREATION, ROTATION, DELETION, RETURN)
TALES = (
    Tale(Kin("dual create", "Retain"), (CREATION, ROTATION, AGAIN), (CREATION, ROTATION, AGAIN)),
    Tale(Kin("dual create", "Disable"), _LIFE, (DELETION, RETURN)),
    Tale(Kin("dual create", "Drop"), _LIFE, (DELETION, RETURN)),
    Tale(Kin("overlap create", "Retain"), (CREATION, ROTATION, AGAIN), (CREATION, ROTATION, AGAIN)),
)
CLUSTERED = (
    Tale(Kin("overlap create", "Retain"), (CREATION, ROTATION), (CREATION, ROTATION)),
    Tale(Kin("dual create", "Retain"), (CREATION, ROTATION), (CREATION, ROTATION)),
)
GRACE = 4  # seconds, of who holds two values


def is_everybodys(point: Point) -> bool:
    """What a look at the servers adds to the status comes at a moment of its own, or with another of its writes."""
    return point.step != "status" or point.nth == 1


class RedisLife(Life):
    """See `Life`."""

    __slots__ = ()

    @property
    def accounts(self) -> tuple[str, ...]:
        return (self.role, f"{self.role}_clone") if self.kin.is_dual else (self.role,)

    @property
    def grace(self) -> int:
        return 0 if self.kin.is_dual else GRACE

    def surroundings(self, ca_pem: str) -> list[Json]:
        found = super().surroundings(ca_pem)
        (target,) = (item for item in found if item["kind"] == "Target")
        endpoint = {"host": "127.0.0.1", "port": self.through}
        del target["spec"]["rds"]
        target["spec"]["redis"] = {"endpoints": [endpoint], "tls": {"ca": ca_pem}}
        return found

    def _spec(self) -> Json:
        spec = super()._spec()
        del spec["rds"]
        create = {"name": self.role, "privilege": "ReadWrite"}
        mode = "Dual" if self.kin.is_dual else "Overlap"
        return spec | {"redis": {"targetRef": {"name": self.name}, "accountManagement": mode, "create": create}}


@dataclass(slots=True)
class RedisClusterLife(RedisLife):
    """See `Life`. Its Target names every node from the start: who looks at it in between would approve one of them alone."""

    nodes: list[int] = field(default_factory=list)

    def surroundings(self, ca_pem: str) -> list[Json]:
        found = RedisLife.surroundings(self, ca_pem)
        (target,) = (item for item in found if item["kind"] == "Target")
        endpoints = [{"host": "127.0.0.1", "port": port} for port in self.nodes]
        target["spec"]["redis"] |= {"topology": "Cluster", "endpoints": endpoints}
        return found


class RedisStage(Stage):
    """See `Stage`."""

    def __init__(self, api: Api, server: RedisServer) -> None:
        super().__init__(api, server)  # type: ignore[arg-type]
        self.server = server

    def consumers(self) -> Consumers:
        return RedisConsumers(self.api.kubeconfig, self.server.ca_file)

    def _databases(self) -> None:
        self.server.admin(ADMIN, password=PASSWORD)

    def _born(self, kin: Kin, name: str, through: int) -> Life:
        return RedisLife(kin, name, self.namespace, "0", self.server.port, through)

    # --- looking ---

    def looks(self, lives: Iterable[Life]) -> dict[str, Json]:
        """Those of `Stage`, but for what a look at the nodes says, which comes some seconds later."""
        lives = list(lives)
        found, stored = super().looks(lives), self.roles()
        for life in lives:
            hashes = (stored.get(life.role) or (False, None, None))[2] or ""
            found[life.name]["two passwords"] = found[life.name]["waits"] = " " in hashes
        for look in found.values():
            if look["credential"] is not None:
                look["credential"]["conditions"].pop("NodesCurrent", None)
        return found

    def roles(self) -> dict[str, tuple[bool, str | None, str | None]]:
        """Of every account: whether it may log in, no mark, and what is stored of its password."""
        return self._roles_of(self.server)

    def _roles_of(self, server: RedisServer) -> dict[str, tuple[bool, str | None, str | None]]:
        found: dict[str, tuple[bool, str | None, str | None]] = {}
        for line in server.run("ACL", "LIST"):
            _, name, *rules = str(line).split(" ")
            hashes = [rule for rule in rules if rule.startswith("#")]
            found[name] = ("on" in rules, None, " ".join(hashes) or None)
        return found

    def _proves_login(self, life: Life, secret: dict[str, str]) -> None:
        assert self.server.logs_in(secret["username"], secret["password"])
        with self.server.client(secret["username"], secret["password"]) as client:
            assert client.set(f"{life.role}:proof", "1")

    # --- the end ---

    def _drop(self, lives: list[Life]) -> None:
        wanted = [account for life in lives for account in life.accounts]
        if wanted:
            self.server.run("ACL", "DELUSER", *wanted)

    def leave(self) -> None:
        super().leave()
        self.server.run("ACL", "DELUSER", ADMIN)


class RedisConsumers(Consumers):
    """Applications of Redis."""

    async def log_in(self, life: Life, secret: dict[str, str]) -> str:
        return await asyncio.to_thread(self._connect, life, secret)

    def _connect(self, life: Life, secret: dict[str, str]) -> str:
        settings: dict[str, Any] = {"ssl": True, "ssl_ca_certs": str(self.ca_file), "protocol": 2}
        login = {"username": secret["username"], "password": secret["password"]}
        try:
            with redis.Redis(host="127.0.0.1", port=life.port, socket_timeout=20, **login, **settings) as client:
                client.execute_command("ACL", "WHOAMI")
        except redis.AuthenticationError:
            return "WRONGPASS"
        except (redis.RedisError, OSError) as error:
            raise Unanswered from error
        return ""


class RedisClusterStage(RedisStage):
    """The same on a Redis Cluster, whose nodes each keep accounts of their own."""

    def __init__(self, api: Api, group: RedisGroup) -> None:
        super().__init__(api, group.nodes[0])
        self.group = group

    def _databases(self) -> None:
        for node in self.group.nodes:
            node.admin(ADMIN, password=PASSWORD)

    def _born(self, kin: Kin, name: str, through: int) -> Life:
        nodes = [node.port for node in self.group.nodes]
        return RedisClusterLife(kin, name, self.namespace, "0", self.server.port, through, nodes=nodes)

    def roles(self) -> dict[str, tuple[bool, str | None, str | None]]:
        """What all nodes say together: one that they do not agree on may not log in, and has all that they store."""
        nodes = [self._roles_of(node) for node in self.group.nodes]
        found: dict[str, tuple[bool, str | None, str | None]] = {}
        for name in {name for node in nodes for name in node}:
            there = [node.get(name, (False, None, None)) for node in nodes]
            stored = sorted({hashes or "" for _, _, hashes in there})
            found[name] = (all(login for login, _, _ in there), None, " ".join(filter(None, stored)) or None)
        return found

    def _proves_login(self, life: Life, secret: dict[str, str]) -> None:
        for node in self.group.nodes:
            assert node.logs_in(secret["username"], secret["password"])

    def _drop(self, lives: list[Life]) -> None:
        for life in lives:
            self.group.run("ACL", "DELUSER", *life.accounts)

    def leave(self) -> None:
        Stage.leave(self)
        self.group.run("ACL", "DELUSER", ADMIN)
