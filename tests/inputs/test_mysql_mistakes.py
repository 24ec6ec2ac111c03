"""What MySQL and MariaDB refuse is said with field, cause and fix, is never healed in silence, and is mended at once."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pymysql
import pytest
from tests.cluster.mariadb import MariadbServer
from tests.cluster.mysql import MysqlServer
from tests.cluster.mysql_family import FamilyServer
from tests.cluster.mysql_replica import promote, troubles
from tests.inputs.mysql_desk import Case, Desk
from tests.whole_path.mysql_shop import GRANTS
from tests.whole_path.world import Json, until

from keyward.errors import Reason

OTHER = {"MySQL": "MariaDB", "MariaDB": "MySQL"}
SERVERS: dict[str, type[FamilyServer]] = {"MySQL": MysqlServer, "MariaDB": MariadbServer}
BAIT = "Bait-a-password-8c21"
POLICY = {
    "MySQL": "INSTALL COMPONENT 'file://component_validate_password'",
    "MariaDB": "INSTALL SONAME 'simple_password_check'",
}
FORGETTING = {"MySQL": "TRUNCATE TABLE performance_schema.host_cache", "MariaDB": "FLUSH HOSTS"}
LENIENT = {"MySQL": "SET GLOBAL validate_password.length = 8", "MariaDB": "SET GLOBAL strict_password_validation = OFF"}


# --- locked ---


def _locked(desk: Desk) -> list[Json]:
    desk.server.sql(f"CREATE USER orders_locked IDENTIFIED BY '{BAIT}' ACCOUNT LOCK")
    desk.server.sql("GRANT SELECT ON orders.* TO orders_locked")
    source = desk.plain_secret("locked-old", {"password": BAIT}, labels={"keyward.dev/source-for": "locked"})
    account = {"import": {"accounts": [{"name": "orders_locked", "passwordFrom": {"secretName": "locked-old"}}]}}
    return [source, desk.credential("locked", account, mode="Single")]


def _unlock(desk: Desk) -> None:
    assert desk.refused({"username": "orders_locked", "password": BAIT}) in (3118, 4151), "it was healed"
    desk.server.sql("ALTER USER orders_locked ACCOUNT UNLOCK")


# --- read-only, crowded, strict ---


def _read_only(desk: Desk) -> list[Json]:
    return desk.on("replica", desk.replica("replica"))


def _writable(desk: Desk) -> None:
    server = desk.others["replica"]
    assert server.sql("SELECT 1 FROM mysql.user WHERE User LIKE 'orders%'") == [], "it was written to"
    assert not troubles(server)
    promote(server)


def _full(desk: Desk) -> list[Json]:
    """Of its `max_connections` none is left but the one that is kept for a superuser."""
    server = desk.another("full", **{"max-connections": "10"})  # MariaDB takes no less
    with suppress(pymysql.OperationalError):
        while True:
            desk.held("full").enter_context(server.connect(None, "rotator", "rotators-password"))
    return desk.on("full", server)


def _crowded(desk: Desk) -> list[Json]:
    desk.server.sql(f"CREATE USER rotator_crowded IDENTIFIED BY '{BAIT}'")
    for grant in GRANTS[1:]:
        desk.server.sql(grant.replace("rotator", "rotator_crowded"))
    desk.server.sql("ALTER USER rotator_crowded WITH MAX_USER_CONNECTIONS 1")
    desk.held("crowded").enter_context(desk.server.connect(None, "rotator_crowded", BAIT))
    _, target, credential = desk.on("crowded")
    login = {"username": "rotator_crowded", "password": BAIT}
    return [desk.plain_secret("crowded-admin", login), target, credential]


def _blocked(desk: Desk) -> list[Json]:
    """As a port scanner or a health check does it, from the operator's own address."""
    # It keeps count of those alone whose name it looks up.
    counting = {"skip-name-resolve": "OFF", "max-connect-errors": "1", "performance-schema": "ON"}
    server = desk.another("blocked", **counting)
    secret, target, credential = desk.on("blocked", server)
    target["spec"]["rds"]["endpoints"][0]["port"] = port = desk.from_another_host(server)
    until("the block", lambda: b"127.0.0.2' is blocked" in _broken_handshake(port))
    return [secret, target, credential]


def _broken_handshake(port: int) -> bytes:
    """What the server says first, if anything."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        return client.recv(500)
    return b""


def _unblock(desk: Desk) -> None:
    server = desk.others["blocked"]
    assert server.sql("SELECT 1 FROM mysql.user WHERE User LIKE 'orders%'") == [], "it was written to"
    server.sql(FORGETTING[server.name])


def _another_kind(desk: Desk) -> list[Json]:
    secret, target, credential = desk.on("another-kind")
    for one in (target, credential):
        one["spec"]["rds"]["engine"] = OTHER[desk.server.name]
    return [secret, target, credential]


def _its_own_kind(desk: Desk) -> None:
    _, target, credential = desk.on("another-kind")
    desk.api.delete("credential", "another-kind", desk.namespace)
    until("its end", lambda: desk.get("credential", "another-kind") is None)
    desk.apply(target, credential)


def _strict(desk: Desk) -> list[Json]:
    server = desk.another("strict")
    server.sql(POLICY[server.name])
    if server.name == "MySQL":
        server.sql("SET GLOBAL validate_password.length = 64")
        return desk.on("strict", server, passwordTransport="Plaintext")
    return desk.on("strict", server)


# --- an admin's roles ---


def _not_on(desk: Desk) -> list[Json]:
    desk.server.sql(f"CREATE USER rotator_idle IDENTIFIED BY '{BAIT}'")
    desk.server.sql("CREATE ROLE duties")
    for grant in GRANTS[1:]:
        right, option, _ = grant.partition(" WITH GRANT OPTION")
        desk.server.sql(right.replace("rotator", "duties") + option)
    desk.server.sql("GRANT duties TO rotator_idle")
    _, target, credential = desk.on("idle")
    login = {"username": "rotator_idle", "password": BAIT}
    return [desk.plain_secret("idle-admin", login), target, credential]


def _put_on(desk: Desk) -> None:
    assert desk.server.sql("SELECT 1 FROM mysql.user WHERE User LIKE 'orders_idle%'") == [], "something was made"
    by_default = {
        "MySQL": "ALTER USER rotator_idle DEFAULT ROLE duties",
        "MariaDB": "SET DEFAULT ROLE duties FOR rotator_idle",
    }
    desk.server.sql(by_default[desk.server.name])


# --- more than is allowed ---


def _greedy(desk: Desk, *levels: str) -> list[Json]:
    return desk.on("greedy", allowedPrivileges=[{"databases": ["orders"], "levels": ["ReadOnly", *levels]}])


def _satisfied(desk: Desk) -> None:
    assert desk.server.sql("SELECT 1 FROM mysql.user WHERE User LIKE 'orders_greedy%'") == [], "something was made"
    desk.apply(_greedy(desk, "ReadWrite")[1])


# --- rows and certificates ---


def _unlisted(desk: Desk) -> list[Json]:
    desk.server.sql(f"CREATE USER orders_unlisted@'10.9.9.9' IDENTIFIED BY '{BAIT}'")
    return desk.on("unlisted")


def _another_host(desk: Desk) -> list[Json]:
    return desk.on("another-host", tls={"serverName": "db.example.com"})


def _its_own_name(desk: Desk) -> None:
    desk.apply(desk.target_of("another-host"))
    desk.approve("another-host")


CASES = (
    Case(
        "locked",
        Reason.ACCOUNT_DISABLED,
        ("spec.rds.import.accounts[].name", "is locked", "UNLOCK", "we never do"),
        _locked,
        _unlock,
    ),
    Case(
        "replica",
        Reason.READ_ONLY_ENDPOINT,
        ("spec.rds.endpoints of Target replica", "read-only server", "correct the roles"),
        _read_only,
        _writable,
    ),
    Case(
        "full",
        Reason.BUSY,
        ("spec.rds.endpoints of Target full", "no connection left", "raise max_connections"),
        _full,
        lambda desk: desk.held("full").close(),
    ),
    Case(
        "crowded",
        Reason.BUSY,
        ("spec.rds.endpoints of Target crowded", "no connection left", "max_user_connections"),
        _crowded,
        lambda desk: desk.held("crowded").close(),
    ),
    Case(
        "blocked",
        Reason.BUSY,
        ("spec.rds.endpoints of Target blocked", "blocks this host", "FLUSH HOSTS", "host_cache"),
        _blocked,
        _unblock,
    ),
    Case(
        "another-kind",
        Reason.ENGINE_UNSUPPORTED,
        ("spec.rds", "Target says", "but the server is", "correct its engine"),
        _another_kind,
        _its_own_kind,
    ),
    Case(
        "strict",
        Reason.PASSWORD_REFUSED,
        ("spec.rds.endpoints of Target strict", "password"),
        _strict,
        lambda desk: desk.others["strict"].sql(LENIENT[desk.server.name]),
    ),
    Case(
        "idle",
        Reason.ADMIN_PRIVILEGE_MISSING,
        (
            "spec.admin.secretRef of Target idle",
            "lacks CREATE USER",
            "`duties`",
            "not on after its login",
            "DEFAULT ROLE",
        ),
        _not_on,
        _put_on,
    ),
    Case(
        "greedy",
        Reason.PRIVILEGE_NOT_ALLOWED,
        (
            "spec.rds.create.privileges[].level",
            "spec.rds.allowedPrivileges of Target greedy does not allow ReadWrite on database 'orders'",
            "where it allows ReadOnly",
            "ask for less",
        ),
        _greedy,
        _satisfied,
    ),
    Case(
        "unlisted",
        Reason.UNLISTED_HOST,
        ("'orders_unlisted'", "'10.9.9.9'", "list it in hosts"),
        _unlisted,
        lambda desk: desk.server.sql("DROP USER orders_unlisted@'10.9.9.9'"),
    ),
    Case(
        "another-host",
        Reason.UNKNOWN_CA,
        ("spec.rds.tls of Target another-host", "does not match its host name", "set serverName"),
        _another_host,
        _its_own_name,
    ),
)


@pytest.fixture(scope="module", params=SERVERS)
def desk(request: pytest.FixtureRequest, control_plane) -> Iterator[Desk]:
    """All mistakes stand at once."""
    with ExitStack() as stack:
        desk = Desk(control_plane, SERVERS[request.param], stack)
        desk.prepare()
        stack.callback(desk.close)
        stack.enter_context(desk.operator())
        for case in CASES:
            desk.apply(*case.arrange(desk))
        yield desk


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_said_and_mended(desk, case):
    said = until(f"a word on {case.name}", lambda: _of(desk, case))
    assert said["status"] == "False"
    for part in case.says:
        assert part in said["message"], said
    until(
        "an event", lambda: [e for e in desk.events(case.name) if (e["type"], e["reason"]) == ("Warning", case.reason)]
    )
    assert BAIT not in str([desk.get("credential", case.name), desk.events(case.name)])
    case.mend(desk)
    desk.annotate(case.name, "rotate", "now")
    # A single account's value may be replaced between our look at the Secret and the login.
    until(f"a login of {case.name}", lambda: desk.lets_in(case.name), 90)
    assert BAIT not in desk.log.read_text()


def _of(desk: Desk, case: Case) -> Json | None:
    found = desk.condition(case.name, "Ready")
    return found if found.get("reason") == case.reason else None
