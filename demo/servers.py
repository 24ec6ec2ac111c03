"""The servers whose passwords and keys are rotated, one of each kind.

One more kind is one more entry in KINDS, a Credential in `credentials.yaml`, and its way in the login client
(tests/cluster/loginclient, `ways`).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from tests.cluster import mariadb, redis, sshd
from tests.cluster.mariadb import MariadbServer
from tests.cluster.postgres import PostgresServer
from tests.cluster.postgres import binaries as postgres_programs
from tests.cluster.redis import RedisServer
from tests.cluster.sshd import SshServer

from keyward.crypto import key_pairs
from keyward.domain import openssh
from keyward.sensitive import Sensitive

Json = dict[str, Any]
LOOPBACK: Final = "127.0.0.1"
ADMIN, DATABASE, USER = "keyward_admin", "shop", "deploy"


@dataclass(frozen=True, slots=True)
class Described:
    """A server that runs.

    Attributes:
        target: the block of its Target, but for the endpoints' host.
        admin: what its Secret holds of the login that manages its accounts, beside the name.
        given: the Secret of each Credential whose user is there already, with its value of now.
    """

    target: Json
    admin: dict[str, str]
    given: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of server.

    Attributes:
        install: get its programs; at once if they are there.
        start: start one that also listens on these addresses, for as long as the stack lasts.
        why_not: why it cannot be had here; empty when it can.
    """

    name: str
    target: str
    install: Callable[[], object]
    start: Callable[[ExitStack, Sequence[str]], Described]
    why_not: Callable[[], str] = str


def _postgresql(stack: ExitStack, hosts: Sequence[str]) -> Described:
    server = stack.enter_context(PostgresServer(hosts=tuple(hosts), listen=(LOOPBACK, *hosts)))
    password = server.admin(ADMIN, password=secrets.token_urlsafe(24), database=server.database(DATABASE))
    return Described(_rds("PostgreSQL", server.port, server.ca_pem), {"password": password})


def _mariadb(stack: ExitStack, hosts: Sequence[str]) -> Described:
    server = stack.enter_context(MariadbServer(hosts=tuple(hosts), listen=",".join((LOOPBACK, *hosts))))
    server.database(DATABASE)
    password = secrets.token_urlsafe(24)
    server.sql(f"CREATE USER {ADMIN} IDENTIFIED BY %s", [password])
    server.sql(f"GRANT CREATE USER ON *.* TO {ADMIN}")
    server.sql(f"GRANT SELECT ON mysql.* TO {ADMIN}")
    server.sql(f"GRANT ALL ON {DATABASE}.* TO {ADMIN} WITH GRANT OPTION")
    return Described(_rds("MariaDB", server.port, server.ca_pem), {"password": password})


def _redis(stack: ExitStack, hosts: Sequence[str]) -> Described:
    server = stack.enter_context(RedisServer(hosts=tuple(hosts), listen=(LOOPBACK, *hosts)))
    password = server.admin(ADMIN, password=secrets.token_urlsafe(24))
    block = {"endpoints": [{"port": server.port}], "tls": {"ca": server.ca_pem}}
    return Described({"redis": block}, {"password": password})


def _linux(stack: ExitStack, hosts: Sequence[str]) -> Described:
    server = stack.enter_context(SshServer(listen=(LOOPBACK, *hosts)))
    admins, users = (key_pairs.generate(key_pairs.ED25519, secrets.token_bytes) for _ in range(2))
    server.admin(ADMIN, openssh.public_line(admins))
    server.user(USER, None, openssh.public_line(users))
    block = {"endpoints": [{"port": server.port}], "hostKeys": list(server.host_keys())}
    return Described({"ecs": block}, _key(admins), {"deploy-key": _key(users)})


def _key(value: Sensitive) -> dict[str, str]:
    return {"ssh-privatekey": value.reveal_text()}


def _without_root() -> str:
    return "" if os.geteuid() == 0 else "a host with users of its own needs root"


def _rds(engine: str, port: int, ca_pem: str) -> Json:
    return {"rds": {"engine": engine, "endpoints": [{"port": port}], "tls": {"ca": ca_pem}}}


KINDS: Final = (
    Kind("PostgreSQL", "postgres", postgres_programs, _postgresql),
    Kind("MariaDB", "mariadb", mariadb.programs, _mariadb),
    Kind("Redis", "redis", partial(redis.program, "redis-server"), _redis),
    Kind("Linux", "host", sshd.ensure, _linux, _without_root),
)


def here() -> tuple[list[Kind], dict[str, str]]:
    """The kinds that can be had on this machine, and why another one cannot, by its name."""
    missing = {kind.name: why for kind in KINDS if (why := kind.why_not())}
    return [kind for kind in KINDS if kind.name not in missing], missing
