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


def _another_name(desk: Desk) -> tuple[list[Json], Callable[[], object]]:
    server, name = _server(desk), "redis-name"
    server.admin()
    secret, target, credential = _on(desk, name, server)
    target["spec"]["redis"]["tls"]["serverName"] = "cache.example.com"

    def correct() -> None:
        assert server.run("ACL", "LOG") == [], "somebody was refused"
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


# --- the admin's own login ---


def _kept(desk: Desk, name: str, password: str, secret: str, **spec: Any) -> list[Json]:
    """A Credential that keeps the login of its Target's admin, whose Secret is of this name."""
    server = _server(desk)
    server.admin("orders_boss", password=bait("boss"))
    block = {
        "targetRef": {"name": name},
        "accountManagement": "Overlap",
        "import": {"accounts": [{"name": "orders_boss", "passwordFrom": {"secretName": f"{name}-first"}}]},
    }
    wanted = {
        "redis": block,
        "rotation": {"interval": "24h", "gracePeriod": "0s"},
        "deletion": {"accounts": "Retain", "secrets": "Retain"},
        "projections": [{"secretName": name}],
    }
    target = _target(desk, name, server, "Standalone")
    target["spec"]["admin"]["secretRef"]["name"] = secret
    return [_given(desk, name, password), target, desk.made("Credential", name, wanted | spec)]


def _given(desk: Desk, name: str, password: str) -> Json:
    return desk.values(f"{name}-first", {"password": password}, name)


def _own(desk: Desk, target: Json, name: str) -> None:
    """The Target looks for its admin where the Credential puts it."""
    target["spec"]["admin"]["secretRef"]["name"] = name
    desk.apply(target)


def _by_hand(desk: Desk) -> tuple[list[Json], Callable[[], object]]:
    name = "redis-admin-by-hand"
    applied = _kept(desk, name, bait("boss"), "redis-by-hand")
    by_hand = desk.plain_secret("redis-by-hand", {"username": "orders_boss", "password": bait("boss")})
    return [by_hand, *applied], lambda: _own(desk, applied[1], name)


def _nowhere(desk: Desk) -> tuple[list[Json], Callable[[], object]]:
    name = "redis-admin-nowhere"
    applied = _kept(desk, name, bait("boss"), "nobody-makes-it")
    return applied, lambda: _own(desk, applied[1], name)


def _wrong_first(desk: Desk) -> tuple[list[Json], Callable[[], object]]:
    name = "redis-admin-wrong"
    applied = _kept(desk, name, bait("wrong"), name)
    applied[1]["spec"]["allowUnverifiedImport"] = ["orders_boss"]
    return applied, lambda: desk.apply(_given(desk, name, bait("boss")))


def _goes_with_it(desk: Desk) -> tuple[list[Json], Callable[[], object]]:
    name = "redis-admin-goes"
    applied = _kept(desk, name, bait("boss"), name, deletion={"accounts": "Retain"})

    def correct() -> None:
        applied[2]["spec"]["deletion"]["secrets"] = "Retain"
        desk.apply(applied[2])

    return applied, correct


def _made_as_admin(desk: Desk) -> tuple[list[Json], Callable[[], object]]:
    """An account that is made cannot be what makes it."""
    name = "redis-admin-made"
    server = _server(desk)
    server.admin()
    secret, target, credential = _on(desk, name, server)
    target["spec"]["admin"]["secretRef"]["name"] = name
    return [secret, target, credential], lambda: _own(desk, target, f"{name}-admin")


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
        "redis-name",
        Reason.UNKNOWN_CA,
        ("spec.redis.tls of Target redis-name", "does not match its host name", "set serverName"),
        _another_name,
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
    *(
        _case(
            name,
            Reason.INVALID_SPEC,
            (
                "spec.redis.import: is for the login of the Target's admin alone",
                f"Secret {secret}, which spec.admin.secretRef of Target {name} names, is not made by this Credential",
                f"name there a Secret of its own that is not there yet ({name})",
            ),
            begin,
        )
        for name, secret, begin in (
            ("redis-admin-by-hand", "redis-by-hand", _by_hand),
            ("redis-admin-nowhere", "nobody-makes-it", _nowhere),
        )
    ),
    _case(
        "redis-admin-wrong",
        Reason.ADMIN_LOGIN_REFUSED,
        ("spec.redis.import.accounts", "'orders_boss' does not log in", "correct the Secret that passwordFrom names"),
        _wrong_first,
    ),
    _case(
        "redis-admin-goes",
        Reason.INVALID_SPEC,
        ("spec.deletion", "has to outlive this Credential", "set accounts and secrets to Retain"),
        _goes_with_it,
    ),
    _case(
        "redis-admin-made",
        Reason.ADMIN_SECRET_INVALID,
        ("spec.admin.secretRef of Target redis-admin-made", "is not there: create it"),
        _made_as_admin,
        POLLED,
    ),
)
