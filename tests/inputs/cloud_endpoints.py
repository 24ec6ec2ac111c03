"""Endpoints of instances at which nobody listens, or another instance, or a server that has no connection left."""

from __future__ import annotations

from contextlib import ExitStack, suppress

import psycopg
from tests.cloud.ecs import REGION
from tests.cloud.rds import Rds
from tests.cloud.standin import HOST
from tests.cluster.postgres import PostgresServer
from tests.cluster.process import free_port
from tests.inputs.bait import bait
from tests.inputs.cloud_cases import (
    MADE,
    Begun,
    account,
    case,
    changing,
    corrected,
    rds,
    rds_target,
    redis,
    redis_target,
)
from tests.inputs.cloud_desk import DATABASE, CloudDesk

from keyward.errors import Reason

OF = "{} of ClusterTarget inputs-cloud-{}: "


def _shut(desk: CloudDesk, name: str) -> Begun:
    return rds(desk, name, endpoint={"port": free_port()}), corrected(desk, name, rds_target(desk, name))


def _another_server(desk: CloudDesk, name: str) -> Begun:
    other = desk.behind.other
    objects = redis(desk, name, system={"tls": {"ca": other.ca_pem}}, port=other.port)
    return objects, corrected(desk, name, redis_target(desk, name))


def _crowded(desk: CloudDesk, name: str) -> Begun:
    """An instance of the smallest class, and a program that keeps all connections that it can get."""
    server = desk.borrowed.enter_context(PostgresServer(settings={"max_connections": "8"}))
    server.database(DATABASE)
    server.sql(f"CREATE ROLE greedy LOGIN PASSWORD '{bait('greedy')}'")
    desk.join(Rds(server, "pgm-bp1small"))
    held = desk.borrowed.enter_context(ExitStack())
    with suppress(psycopg.OperationalError):
        while True:  # but for those that are kept for the cloud itself
            held.enter_context(server.connect(DATABASE, "greedy", bait("greedy")))
    system = {
        "engine": "PostgreSQL",
        "endpoints": [{"host": HOST, "port": server.port}],
        "tls": {"ca": server.ca_pem},
    }
    create = {"name": account(name), "privileges": [{"database": DATABASE, "level": "DBOwner"}]}
    wanted = {"engine": "PostgreSQL", "databaseName": DATABASE, "accountManagement": "Single", "create": create}
    target = desk.target_on(name, "rds", system, instanceId="pgm-bp1small", regionId=REGION)
    return [desk.admin(name), target, desk.credential_on(name, "rds", wanted)], held.close


CASES = (
    changing(
        case(
            "wire-shut",
            Reason.UNREACHABLE,
            (OF.format("spec.rds.endpoints", "wire-shut"), "nobody", "correct"),
            _shut,
        ),
        *MADE,
    ),
    changing(
        case(
            "wire-other",
            Reason.LOGIN_REFUSED,
            (
                "spec.redis.create.name",
                "the value was set",
                "account 'wire_other' on r-bp1main",
                "see whether this endpoint",
            ),
            _another_server,
        ),
        *MADE,
    ),
    changing(
        case(
            "wire-full",
            Reason.BUSY,
            (OF.format("spec.rds.endpoints", "wire-full"), "no connection left", "raise max_connections"),
            _crowded,
        ),
        *MADE,
    ),
)
