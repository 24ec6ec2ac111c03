"""Redis servers that are too old, of another kind than stated, full, or whose admin may too little; an account that is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.cluster.redis import BOSS, BOSS_PASSWORD, RedisServer
from tests.cluster.redis_groups import replicated
from tests.inputs.bait import bait
from tests.inputs.case import POLLED, Case
from tests.inputs.desk import Desk
from tests.inputs.targets import LOGIN
from tests.whole_path.world import Json

from keyward.errors import Reason

ENDPOINTS = "spec.redis.endpoints of Target {}"


def _on(desk: Desk, name: str, server: RedisServer, topology: str = "Standalone", login: Any = LOGIN) -> list[Json]:
    """A Credential on a Target of its own name, which leads to this server."""
    wanted = {
        "redis": {"targetRef": {"name": name}, "create": {"name": _account(name), "privilege": "ReadWrite"}},
        "rotation": {"interval": "24h", "gracePeriod": "0s"},
        "projections": [{"secretName": name}],
    }
    secret = desk.plain_secret(f"{name}-admin", login)
    return [secret, _target(desk, name, server, topology), desk.made("Credential", name, wanted)]


def _target(desk: Desk, name: str, server: RedisServer, topology: str) -> Json:
    spec = {
        "redis": {
            "topology": topology,
            "endpoints": [{"host": "127.0.0.1", "port": server.port}],
            "tls": {"ca": server.ca_pem},
        },
        "admin": {"secretRef": {"name": f"{name}-admin"}},
        "allowedAccounts": ["*"],
    }
    return desk.made("Target", name, spec)


def _account(name: str) -> str:
    return "orders_" + name.replace("-", "_")


def _server(desk: Desk, **settings: str) -> RedisServer:
    return desk.borrowed.enter_context(RedisServer(settings=settings))


def _case(
    name: str,
    reason: Reason,
    says: tuple[str, ...],
    begin: Callable[[Desk], tuple[list[Json], Callable[[], object]]],
    soon: float = 90.0,
) -> Case:
    """`begin` answers what is applied, and what mends it; then it is asked for again."""
    mending: dict[Desk, Callable[[], object]] = {}

    def arrange(desk: Desk) -> list[Json]:
        applied, mending[desk] = begin(desk)
        return applied

    def mend(desk: Desk) -> None:
        mending[desk]()
        desk.annotate(name, "rotate", "now")

    return Case(name, reason, says, arrange, mend, soon)


def _too_old(desk: Desk) -> tuple[list[Json], Callable[[], object]]:
    """As Redis 5 it knows no such command."""
    server = _server(desk, **{"rename-command": 'ACL ""'})
    login = {"username": BOSS, "password": BOSS_PASSWORD}

    def renew() -> None:
        server.stop()
        del server.settings["rename-command"]
        server.empty()
        server.start()

    return _on(desk, "redis-old", server, login=login), renew


def _a_replica(desk: Desk) -> tuple[list[Json], Callable[[], object]]:
    group = desk.borrowed.enter_context(replicated(replicas=1))
    group.admin()
    name, replica = "redis-replica", group.nodes[1]
    return _on(desk, name, replica), lambda: desk.apply(_target(desk, name, replica, "Replicated"))


def _no_cluster(desk: Desk) -> tuple[list[Json], Callable[[], object]]:
    server, name = _server(desk), "redis-no-cluster"
    server.admin()
    return _on(desk, name, server, "Cluster"), lambda: desk.apply(_target(desk, name, server, "Standalone"))


def _another_kind(desk: Desk) -> tuple[list[Json], Callable[[], object]]:
    server, name = _server(desk), "redis-other"
    server.admin()
    secret, target, credential = _on(desk, name, server)
    target["spec"]["redis"]["endpoints"][0]["port"] = desk.postgres.port

    def correct() -> None:
        desk.apply(_target(desk, name, server, "Standalone"))
        desk.approve(name)

    return [secret, target, credential], correct


def _few_rights(desk: Desk) -> tuple[list[Json], Callable[[], object]]:
    server, password = _server(desk), bait("redis-rights")
    server.run("ACL", "SETUSER", "powerless", "on", f">{password}", "-@all", "+info", "+acl|getuser", "+acl|dryrun")
    login = {"username": "powerless", "password": password}
    server.run("ACL", "SETUSER", "powerless", "+config|get")
    return _on(desk, "redis-rights", server, login=login), lambda: server.admin("powerless", password=password)


def _no_connection_left(desk: Desk) -> tuple[list[Json], Callable[[], object]]:
    server = _server(desk)
    server.admin()
    boss = desk.borrowed.enter_context(server.client())
    boss.config_set("maxclients", 1)
    return _on(desk, "redis-full", server), lambda: boss.config_set("maxclients", 1000)


def _taken(desk: Desk) -> tuple[list[Json], Callable[[], object]]:
    server, name = _server(desk), "redis-taken"
    server.admin()
    server.run("ACL", "SETUSER", f"{_account(name)}_clone", "on", "+ping")
    return _on(desk, name, server), lambda: server.run("ACL", "DELUSER", f"{_account(name)}_clone")


CASES = (
    _case("redis-old", Reason.ENGINE_UNSUPPORTED, (ENDPOINTS.format("redis-old"), "no ACL users", "Redis 6"), _too_old),
    _case("redis-replica", Reason.INVALID_SPEC, ("spec.redis", "is a replica", "name its primary"), _a_replica),
    _case(
        "redis-no-cluster", Reason.INVALID_SPEC, ("no node of a cluster", "correct spec.redis.topology"), _no_cluster
    ),
    _case(
        "redis-other",
        Reason.UNREACHABLE,
        (ENDPOINTS.format("redis-other"), "the server closed it", "another kind of server"),
        _another_kind,
        POLLED,
    ),
    _case(
        "redis-rights",
        Reason.ADMIN_PRIVILEGE_MISSING,
        ("spec.admin.secretRef of Target redis-rights", "lacks the right to run"),
        _few_rights,
    ),
    _case("redis-full", Reason.UNREACHABLE, (ENDPOINTS.format("redis-full"), "maxclients"), _no_connection_left),
    _case("redis-taken", Reason.ACCOUNT_EXISTS, ("spec.redis.create.name", "orders_redis_taken_clone"), _taken),
)
