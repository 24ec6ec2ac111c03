"""The servers whose passwords are rotated, one of each kind.

One more kind is one more entry in KINDS, a Credential in `credentials.yaml`, and its way in the login client
(tests/cluster/loginclient, `ways`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from tests.cluster import mariadb, redis
from tests.cluster.mariadb import MariadbServer
from tests.cluster.postgres import PostgresServer
from tests.cluster.postgres import binaries as postgres_programs
from tests.cluster.redis import RedisServer

Json = dict[str, Any]
LOOPBACK: Final = "127.0.0.1"
ADMIN, DATABASE = "keyward_admin", "shop"


@dataclass(frozen=True, slots=True)
class Described:
    """A server that runs.

    Attributes:
        target: the block of its Target, but for the endpoints' host.
        password: of the login that manages its accounts.
    """

    target: Json
    password: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of server.

    Attributes:
        install: get its programs; at once if they are there.
        start: start one that also listens on these addresses, for as long as the stack lasts.
    """

    name: str
    target: str
    install: Callable[[], object]
    start: Callable[[ExitStack, Sequence[str]], Described]


def _postgresql(stack: ExitStack, hosts: Sequence[str]) -> Described:
    server = stack.enter_context(PostgresServer(hosts=tuple(hosts), listen=(LOOPBACK, *hosts)))
    password = server.admin(ADMIN, password=secrets.token_urlsafe(24), database=server.database(DATABASE))
    return Described(_rds("PostgreSQL", server.port, server.ca_pem), password)


def _mariadb(stack: ExitStack, hosts: Sequence[str]) -> Described:
    server = stack.enter_context(MariadbServer(hosts=tuple(hosts), listen=",".join((LOOPBACK, *hosts))))
    server.database(DATABASE)
    password = secrets.token_urlsafe(24)
    server.sql(f"CREATE USER {ADMIN} IDENTIFIED BY %s", [password])
    server.sql(f"GRANT CREATE USER ON *.* TO {ADMIN}")
    server.sql(f"GRANT SELECT ON mysql.* TO {ADMIN}")
    server.sql(f"GRANT ALL ON {DATABASE}.* TO {ADMIN} WITH GRANT OPTION")
    return Described(_rds("MariaDB", server.port, server.ca_pem), password)


def _redis(stack: ExitStack, hosts: Sequence[str]) -> Described:
    server = stack.enter_context(RedisServer(hosts=tuple(hosts), listen=(LOOPBACK, *hosts)))
    password = server.admin(ADMIN, password=secrets.token_urlsafe(24))
    return Described({"redis": {"endpoints": [{"port": server.port}], "tls": {"ca": server.ca_pem}}}, password)


def _rds(engine: str, port: int, ca_pem: str) -> Json:
    return {"rds": {"engine": engine, "endpoints": [{"port": port}], "tls": {"ca": ca_pem}}}


KINDS: Final = (
    Kind("PostgreSQL", "postgres", postgres_programs, _postgresql),
    Kind("MariaDB", "mariadb", mariadb.programs, _mariadb),
    Kind("Redis", "redis", partial(redis.program, "redis-server"), _redis),
)
