"""Servers that cannot be reached, trusted or used: names, TLS, authentication, rights, databases."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier
from tests.cluster import pki
from tests.cluster.mariadb import MariadbServer
from tests.cluster.postgres import PostgresServer
from tests.cluster.process import free_port
from tests.cluster.proxy import FaultProxy
from tests.cluster.replica import Replica
from tests.inputs.bait import bait
from tests.inputs.case import POLLED, Case
from tests.inputs.desk import Desk
from tests.inputs.targets import LOGIN, approved, credential, on
from tests.whole_path.world import Json

from keyward.errors import Reason

FOUND = "spec.rds.endpoints of Target {}"


def _another_ca(desk: Desk) -> list[Json]:
    ca = pki.authority(Path(desk.postgres.folder) / "another").ca_file.read_text(encoding="ascii")
    return on("unknown-ca", tls={"ca": ca})(desk)


def _another_kind(desk: Desk) -> list[Json]:
    server = desk.borrowed.enter_context(MariadbServer())
    return on("other-kind", endpoint={"port": server.port})(desk)


def _not_listening(desk: Desk) -> list[Json]:
    return on("wrong-port", endpoint={"port": free_port()})(desk)


def _server(desk: Desk, name: str, **settings: Any) -> tuple[PostgresServer, list[Json]]:
    """A server of the case's own, and what is applied for it."""
    server = desk.servers[name] = desk.borrowed.enter_context(PostgresServer(**settings))
    server.database("orders")
    server.admin("rotator", password=LOGIN["password"], database="orders")
    return server, on(name, endpoint={"port": server.port}, tls={"ca": server.ca_pem})(desk)


def _switch_tls_on(desk: Desk) -> None:
    server = desk.servers["no-tls"]
    server.sql("ALTER SYSTEM SET ssl = on")
    server.sql("SELECT pg_reload_conf()")
    desk.annotate("no-tls", "rotate", "now")


def _ask_for_scram(desk: Desk) -> None:
    server = desk.servers["clear-text"]
    rules = server.folder / "data" / "pg_hba.conf"
    rules.write_text(rules.read_text().replace(" password\n", " scram-sha-256\n"))
    server.sql("SELECT pg_reload_conf()")
    desk.annotate("clear-text", "rotate", "now")


def _standby(desk: Desk) -> list[Json]:
    server = desk.servers["standby"] = desk.borrowed.enter_context(Replica(primary=desk.postgres))
    return on("standby", endpoint={"port": server.port})(desk)


def _promote(desk: Desk) -> None:
    desk.servers["standby"].sql("SELECT pg_promote()")
    desk.annotate("standby", "rotate", "now")


def _crowded(desk: Desk) -> list[Json]:
    server, objects = _server(desk, "crowded", settings={"max_connections": "8"})
    with suppress(psycopg.OperationalError):
        while True:  # but for those that are kept for superusers
            desk.held.enter_context(server.connect("orders", "rotator", LOGIN["password"]))
    return objects


def _make_room(desk: Desk) -> None:
    desk.held.close()
    desk.annotate("crowded", "rotate", "now")


def _closed(desk: Desk) -> list[Json]:
    proxy = desk.proxies["down"] = desk.borrowed.enter_context(FaultProxy(("127.0.0.1", desk.postgres.port)))
    proxy.refuse = True
    return on("down", endpoint={"port": proxy.port})(desk)


def _answering(desk: Desk) -> None:
    desk.proxies["down"].refuse = False
    desk.annotate("down", "rotate", "now")


def _powerless(desk: Desk) -> list[Json]:
    desk.postgres.sql(SQL("CREATE ROLE powerless LOGIN PASSWORD {}").format(bait("powerless")))
    return on("no-rights", login={"username": "powerless", "password": bait("powerless")})(desk)


def _grant(desk: Desk) -> None:
    desk.postgres.sql("ALTER ROLE powerless CREATEROLE")
    desk.postgres.sql("GRANT rotator TO powerless")
    desk.annotate("no-rights", "rotate", "now")


def _other_database(name: str, database: str, **create: Any) -> Callable[[Desk], list[Json]]:
    def arrange(desk: Desk) -> list[Json]:
        objects = on(name)(desk)
        objects[-1] = credential(desk, name, **create)
        objects[-1]["spec"]["rds"]["databaseName"] = database
        return objects

    return arrange


def _make_database(name: str, database: str) -> Callable[[Desk], object]:
    def mend(desk: Desk) -> None:
        desk.postgres.database(database)
        desk.postgres.sql(SQL("ALTER DATABASE {} OWNER TO rotator").format(Identifier(database)))
        desk.postgres.sql("ALTER SCHEMA public OWNER TO rotator", database)
        desk.annotate(name, "rotate", "now")

    return mend


CASES = (
    Case(
        "down",
        Reason.UNREACHABLE,
        (FOUND.format("down"), "127.0.0.1:", "was closed at once", "see whether a server runs"),
        _closed,
        _answering,
    ),
    Case(
        "wrong-port",
        Reason.UNREACHABLE,
        (FOUND.format("wrong-port"), "127.0.0.1:", "nobody listens", "correct"),
        _not_listening,
        approved("wrong-port"),
        POLLED,
    ),
    Case(
        "other-kind",
        Reason.UNREACHABLE,
        (FOUND.format("other-kind"), "127.0.0.1:", "is no PostgreSQL", "correct host and port"),
        _another_kind,
        approved("other-kind"),
        POLLED,
    ),
    Case(
        "unknown-host",
        Reason.NAME_RESOLUTION,
        (FOUND.format("unknown-host"), "db.orders.invalid:", "no address", "correct"),
        on("unknown-host", endpoint={"host": "db.orders.invalid"}),
        approved("unknown-host"),
        POLLED,
    ),
    Case(
        "no-tls",
        Reason.TLS_REFUSED,
        (FOUND.format("no-tls"), "does not offer TLS", "ssl = on"),
        lambda desk: _server(desk, "no-tls", tls=False)[1],
        _switch_tls_on,
    ),
    Case(
        "unknown-ca",
        Reason.UNKNOWN_CA,
        ("spec.rds.tls of Target unknown-ca", "not signed by the Target's CA", "put"),
        _another_ca,
        approved("unknown-ca"),
        POLLED,
    ),
    Case(
        "other-name",
        Reason.UNKNOWN_CA,
        ("spec.rds.tls of Target other-name", "does not match the endpoint's host", "set serverName"),
        on("other-name", tls={"serverName": "db.example.com"}),
        approved("other-name"),
        POLLED,
    ),
    Case(
        "clear-text",
        Reason.WEAK_AUTHENTICATION,
        (FOUND.format("clear-text"), "weaker authentication", "nothing was sent", "pg_hba.conf"),
        lambda desk: _server(desk, "clear-text", auth="password")[1],
        _ask_for_scram,
    ),
    Case(
        "standby",
        Reason.READ_ONLY_ENDPOINT,
        (FOUND.format("standby"), "read-only", "correct"),
        _standby,
        _promote,
    ),
    Case(
        "crowded",
        Reason.BUSY,
        (FOUND.format("crowded"), "no connection left", "raise max_connections"),
        _crowded,
        _make_room,
    ),
    Case(
        "no-rights",
        Reason.ADMIN_PRIVILEGE_MISSING,
        ("spec.admin.secretRef of Target no-rights", "lacks CREATEROLE", "ALTER ROLE"),
        _powerless,
        _grant,
    ),
    Case(
        "no-database",
        Reason.DATABASE_MISSING,
        ("spec.rds.databaseName", "'nowhere'", "create it"),
        _other_database("no-database", "nowhere"),
        _make_database("no-database", "nowhere"),
    ),
    Case(
        "no-second-database",
        Reason.DATABASE_MISSING,
        ("spec.rds.create.privileges", "'elsewhere'", "create it"),
        _other_database("no-second-database", "orders", privileges=[{"database": "elsewhere", "level": "ReadOnly"}]),
        _make_database("no-second-database", "elsewhere"),
    ),
)
