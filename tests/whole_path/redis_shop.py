"""A shop whose system is a Redis, alone or of many nodes, and clients that log in all the time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, TypeVar

from tests.cluster.redis import RedisServer
from tests.cluster.redis_groups import RedisGroup
from tests.whole_path.consumers import Client, program
from tests.whole_path.world import Json, Shop


class RedisShop(Shop):
    """A shop whose Targets are a group of Redis servers."""

    def __init__(self, cluster: Any, group: RedisGroup, topology: str) -> None:
        super().__init__(cluster, group.nodes[0], f"redis-{topology.lower()}")  # type: ignore[arg-type]
        self.group, self.topology = group, topology
        self.log = group.nodes[0].folder / "operator.log"

    def _prepare_server(self) -> None:
        self.group.admin()

    def target(self) -> Json:
        endpoints = [{"host": self.host, "port": node.port} for node in self.group.nodes]
        return {
            "redis": {"topology": self.topology, "endpoints": endpoints, "tls": {"ca": self.group.ca_pem}},
            "admin": {"secretRef": {"name": "pg-admin"}},
            "allowedAccounts": ["orders*"],
        }

    def credential(
        self, name: str, account: str, privilege: str = "ReadWrite", *, mode: str = "Dual", **spec: Any
    ) -> Json:
        create = {"name": account, "privilege": privilege}
        wanted = {
            "redis": {"targetRef": {"name": "pg"}, "accountManagement": mode, "create": create},
            "rotation": {"interval": "24h", "gracePeriod": "0s"},
            "projections": [{"secretName": name}],
        }
        return self.made("Credential", name, wanted | spec)

    def logs_in_everywhere(self, secret: dict[str, str]) -> bool:
        up = [node for node in self.group.nodes if node.running is not None]
        return all(node.logs_in(secret["username"], secret["password"]) for node in up)


Kind = TypeVar("Kind", bound=RedisShop)


@contextlib.contextmanager
def shop(cluster: Any, group: RedisGroup, topology: str, kind: type[Kind] = RedisShop) -> Iterator[Kind]:  # type: ignore[assignment]
    """The shop with an operator at work."""
    found = kind(cluster, group, topology)
    found.prepare()
    with found.operator():
        yield found
    found.close()


def client(shop: RedisShop) -> Client:
    """One that logs in up to twice a second."""
    return lambda file: program("redis_client", file, str(shop.group.nodes[0].ca_file), "0.5")


def hashes(server: RedisServer, account: str) -> list[str]:
    """What a node stores of the account's passwords."""
    line = next(line for line in server.run("ACL", "LIST") if str(line).split(" ")[1] == account)
    return [rule for rule in str(line).split(" ") if rule.startswith("#")]
