"""A shop whose system is a Redis, alone or of many nodes, and clients that log in all the time."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.cluster import process
from tests.cluster.redis_groups import RedisGroup
from tests.whole_path.clients import Follower, Tally, logins
from tests.whole_path.world import Json, Shop, until

CLIENTS = 5


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

    def credential(self, name: str, account: str, privilege: str = "ReadWrite", **spec: Any) -> Json:
        wanted = {
            "redis": {"targetRef": {"name": "pg"}, "create": {"name": account, "privilege": privilege}},
            "rotation": {"interval": "24h", "gracePeriod": "0s"},
            "projections": [{"secretName": name}],
        }
        return self.made("Credential", name, wanted | spec)

    def published(self, name: str) -> dict[str, str]:
        found: dict[str, str] = until(f"the first Secret of {name}", lambda: self.secret(name))
        return found

    def rotated(self, name: str, token: str) -> tuple[dict[str, str], dict[str, str]]:
        before = self.secret(name)
        self.annotate(name, "rotate", token)
        after = until(f"a rotation of {name}", lambda: (found := self.secret(name)) != before and found)
        return before, after

    def logs_in_everywhere(self, secret: dict[str, str]) -> bool:
        up = [node for node in self.group.nodes if node.running is not None]
        return all(node.logs_in(secret["username"], secret["password"]) for node in up)


@contextlib.contextmanager
def shop(cluster: Any, group: RedisGroup, topology: str) -> Iterator[RedisShop]:
    """The shop with an operator at work."""
    found = RedisShop(cluster, group, topology)
    found.prepare()
    with found.operator():
        yield found
    found.close()


@contextlib.contextmanager
def consumers(shop: RedisShop, name: str, folder: Path) -> Iterator[tuple[Follower, list[Path]]]:
    """Clients with files of their own, of which every other one comes a second late."""
    files = [folder / f"{name}-{n}.json" for n in range(CLIENTS)]
    follower = Follower(
        shop.cluster.kubectl_program, shop.cluster.kubeconfig, {file: 1.0 * (n % 2) for n, file in enumerate(files)}
    )
    with contextlib.ExitStack() as stack:
        stack.enter_context(follower.following(shop.namespace, name))
        until("the files", lambda: all(file.exists() for file in files))
        yield follower, [stack.enter_context(_client(file, shop)) for file in files]


@contextlib.contextmanager
def _client(file: Path, shop: RedisShop) -> Iterator[Path]:
    log = file.with_suffix(".log")
    module = [sys.executable, "-m", "tests.whole_path.redis_client"]
    argv = [*module, str(file), str(shop.group.nodes[0].ca_file), "0.05"]
    cwd = Path(__file__).parents[2]
    server = process.Server(name="client", argv=argv, ready=lambda: log.stat().st_size > 0, log=log, cwd=cwd)
    with process.serving(server):
        yield log


def counted(logs: list[Path]) -> Tally:
    return Tally([one for log in logs for one in logins(log.stem, log.read_text().splitlines())])
