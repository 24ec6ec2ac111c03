"""Several real Redis servers that belong together: a primary with replicas, the same with Sentinels, a cluster."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
from tests.cluster import owned, process
from tests.cluster.redis import BOSS, BOSS_PASSWORD, RedisServer, program

SERVICE = "main"  # what the Sentinels call the group that they watch
_QUICK = {"cluster-enabled": "yes", "cluster-node-timeout": "2000", "cluster-require-full-coverage": "no"}


@dataclass(slots=True)
class RedisGroup:
    """Servers of one CA. Which of them is a primary is asked, because it changes.

    Attributes:
        sentinels: ports of the Sentinels.
    """

    nodes: list[RedisServer]
    sentinels: list[int] = field(default_factory=list)

    @property
    def ca_pem(self) -> str:
        return self.nodes[0].ca_pem

    def primaries(self) -> list[RedisServer]:
        """The nodes that are up and say that they are primaries."""
        return [node for node in self.nodes if _role(node) == "master"]

    @property
    def primary(self) -> RedisServer:
        return self.primaries()[0]

    def replicas_of(self, primary: RedisServer) -> list[RedisServer]:
        """Its replicas that are up."""
        return [node for node in self.nodes if _role(node) == "slave" and _follows(node) == primary.port]

    def admin(self, name: str = "rotator") -> str:
        """As `RedisServer.admin`, on each node."""
        passwords = [node.admin(name) for node in self.nodes]
        return passwords[0]

    def run(self, *command: Any) -> list[Any]:
        """The answer of each node that is up."""
        return [node.run(*command) for node in self.nodes if node.running is not None]

    def records(self) -> bytes:
        return b"".join(node.records() for node in self.nodes if node.running is not None)


def _role(node: RedisServer) -> str:
    if node.running is None:
        return ""
    try:
        return str(node.run("ROLE")[0])
    except redis.RedisError:
        return ""


def _follows(node: RedisServer) -> int:
    return int(node.run("ROLE")[2])


@contextlib.contextmanager
def replicated(replicas: int = 2, **options: Any) -> Iterator[RedisGroup]:
    """A primary, first of the nodes, and its replicas; each is in step with it."""
    with contextlib.ExitStack() as stack:
        primary = stack.enter_context(RedisServer(**options))
        options |= {"authority": primary.authority}
        options["settings"] = {**options.get("settings", {}), "replicaof": f"127.0.0.1 {primary.port}"}
        group = RedisGroup([primary, *(stack.enter_context(RedisServer(**options)) for _ in range(replicas))])
        until("the replicas", lambda: all("master_link_status:up" in node.run("INFO") for node in group.nodes[1:]))
        yield group


@contextlib.contextmanager
def watched(replicas: int = 2, sentinels: int = 3, **options: Any) -> Iterator[RedisGroup]:
    """As `replicated`, with Sentinels that promote a replica within a few seconds when the primary is gone."""
    with replicated(replicas, **options) as group, contextlib.ExitStack() as stack:
        for number in range(sentinels):
            group.sentinels.append(stack.enter_context(_sentinel(group.primary, number, quorum=sentinels // 2 + 1)))
        for port in group.sentinels:
            until("the Sentinels", lambda port=port: _knows(group, port, replicas, sentinels - 1))
        yield group


@contextlib.contextmanager
def clustered(primaries: int = 3, replicas: int = 1, **options: Any) -> Iterator[RedisGroup]:
    """A cluster; each primary has so many replicas."""
    with contextlib.ExitStack() as stack:
        nodes: list[RedisServer] = []
        for _ in range(primaries * (1 + replicas)):
            authority = nodes[0].authority if nodes else None
            settings = {**_QUICK, "cluster-port": str(process.free_port()), **options.get("settings", {})}
            nodes.append(stack.enter_context(RedisServer(**options | {"authority": authority, "settings": settings})))
        _cli(
            nodes[0],
            "--cluster",
            "create",
            *map(_cluster_address, nodes),
            "--cluster-replicas",
            str(replicas),
            "--cluster-yes",
        )
        group = RedisGroup(nodes)
        until("the cluster", lambda: _whole(group, primaries * replicas))
        yield group


def _cluster_address(node: RedisServer) -> str:
    return f"127.0.0.1:{node.port}@{node.settings['cluster-port']}"


def _whole(group: RedisGroup, replicas: int) -> bool:
    ok = all("cluster_state:ok" in node.run("CLUSTER", "INFO") for node in group.nodes)
    linked = [node for node in group.nodes if "master_link_status:up" in node.run("INFO", "replication")]
    return ok and len(linked) == replicas


def _cli(node: RedisServer, *args: str) -> str:
    where = ["-p", str(node.port), "--tls", "--cacert", str(node.ca_file), "--user", BOSS]
    env = os.environ | {"REDISCLI_AUTH": BOSS_PASSWORD}
    answer = subprocess.run([program("redis-cli"), *where, *args], capture_output=True, text=True, check=False, env=env)
    if answer.returncode:
        raise process.ServerError(f"redis-cli {args[0]} failed:\n{answer.stdout[-2000:]}{answer.stderr[-2000:]}")
    return answer.stdout


# --- Sentinels ---


@contextlib.contextmanager
def _sentinel(primary: RedisServer, number: int, quorum: int) -> Iterator[int]:
    folder, port = owned.new_folder("sentinel"), process.free_port()
    uid = process.unprivileged_id()
    assert primary.authority is not None
    pair = primary.authority.server(f"sentinel-{number}", ("127.0.0.1", "localhost"))
    lines = _sentinel_lines(primary, folder, port, quorum)
    (folder / "sentinel.conf").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    for source, name in ((pair.cert, "server.crt"), (pair.key, "server.key"), (primary.ca_file, "ca.crt")):
        shutil.copyfile(source, folder / name)
    for path in (folder, *folder.iterdir()):
        if uid is not None:
            os.chown(path, uid, uid)
    server = process.Server(
        name=f"Sentinel on port {port}",
        argv=[program("redis-server"), str(folder / "sentinel.conf"), "--sentinel"],
        ready=lambda: process.accepts(port),
        log=folder / "sentinel.log",
        cwd=folder,
        uid=uid,
    )
    try:
        with process.serving(server):
            yield port
    finally:
        owned.drop_folder(folder)


def _sentinel_lines(primary: RedisServer, folder: Path, port: int, quorum: int) -> list[str]:
    return [
        "bind 127.0.0.1",
        "port 0",
        f"tls-port {port}",
        f"tls-cert-file {folder}/server.crt",
        f"tls-key-file {folder}/server.key",
        f"tls-ca-cert-file {folder}/ca.crt",
        "tls-auth-clients no",
        "tls-replication yes",
        f"dir {folder}",
        f"sentinel monitor {SERVICE} 127.0.0.1 {primary.port} {quorum}",
        f"sentinel auth-user {SERVICE} {BOSS}",
        f"sentinel auth-pass {SERVICE} {BOSS_PASSWORD}",
        f"sentinel down-after-milliseconds {SERVICE} 1000",
        f"sentinel failover-timeout {SERVICE} 6000",
    ]


def _knows(group: RedisGroup, port: int, replicas: int, others: int) -> bool:
    with redis.Redis(
        port=port, ssl=True, ssl_ca_certs=str(group.nodes[0].ca_file), decode_responses=True, protocol=2
    ) as client:
        found = client.sentinel_master(SERVICE)
    return (found["num-slaves"], found["num-other-sentinels"]) == (replicas, others)


def until(what: str, true: Callable[[], bool], seconds: float = 120.0) -> None:
    """Wait for it. A Sentinel whose clock was held up by a busy machine does nothing for half a minute. Raises ServerError."""
    began = time.monotonic()
    while True:
        with contextlib.suppress(redis.RedisError):
            if true():
                return
        spent = time.monotonic() - began
        if spent > seconds:
            raise process.ServerError(f"{what}: not ready within {seconds:g} s")
        time.sleep(process.pause(spent))
