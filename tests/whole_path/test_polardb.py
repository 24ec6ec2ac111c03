"""Type polardb on what PolarDB speaks: a real MySQL and a real PostgreSQL. PolarDB itself cannot be run here."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from tests.whole_path.accounts import refused as refused_by_postgresql
from tests.whole_path.clients import Follower, Tally, logins, outside
from tests.whole_path.test_mysql_family import FamilyShop
from tests.whole_path.test_mysql_family import _client as mysql_client
from tests.whole_path.world import Json, Shop, until

ROTATIONS, CLIENTS = 10, 4
GRACE = 2  # seconds; the slowest file comes one behind


class PolardbShop(Shop):
    """What both kinds of cluster have in common: a Target of type polardb."""

    engine: str
    suffix = ""  # of the role that the accounts act as
    privileges: tuple[Json, ...] = ()

    def target(self) -> Json:
        found = super().target()
        return {"polardb": found.pop("rds")} | found

    def pair(self, name: str, created: str, **spec: Any) -> Json:
        wanted = {
            "polardb": {
                "targetRef": {"name": "pg"},
                "engine": self.engine,
                "create": {"name": created, "privileges": list(self.privileges)},
                "databaseName": "orders",
            },
            "rotation": {"interval": "6h", "gracePeriod": "0s"},
            "projections": [{"secretName": name}],
        }
        return self.made("Credential", name, wanted | spec)

    def published(self, name: str) -> dict[str, str]:
        found: dict[str, str] = until(f"the first Secret of {name}", lambda: self.secret(name))
        return found

    def there(self, prefix: str) -> set[str]:
        """The accounts on the server whose names begin so."""
        raise NotImplementedError

    def take(self, name: str) -> None:
        """Somebody makes an account of this name."""
        raise NotImplementedError

    def refuses(self, secret: dict[str, str]) -> bool:
        raise NotImplementedError

    def client(self, file: Path) -> AbstractContextManager[Path]:
        """A consumer that reads this file before each login; its log."""
        raise NotImplementedError


class OnMysql(PolardbShop, FamilyShop):
    engine = "MySQL"
    privileges = ({"database": "orders", "level": "ReadWrite"},)

    def __init__(self, cluster: Any, server: Any) -> None:
        super().__init__(cluster, server)
        self.namespace = "polardb-mysql"

    def published(self, name: str) -> dict[str, str]:
        return PolardbShop.published(self, name)

    def there(self, prefix: str) -> set[str]:
        return {row[0] for row in self.server.sql("SELECT User FROM mysql.user WHERE User LIKE %s", [f"{prefix}%"])}

    def take(self, name: str) -> None:
        self.server.sql(f"CREATE USER {name} IDENTIFIED BY 'theirs'")
        self.server.sql(f"GRANT SELECT ON orders.* TO {name}")

    def refuses(self, secret: dict[str, str]) -> bool:
        return self.refused(secret) == 1045

    def client(self, file: Path) -> AbstractContextManager[Path]:
        return mysql_client(file, self)


class OnPostgresql(PolardbShop):
    engine = "PostgreSQL"
    suffix = "_rights"

    def __init__(self, cluster: Any, server: Any) -> None:
        super().__init__(cluster, server, "polardb-postgresql")

    def there(self, prefix: str) -> set[str]:
        found = self.postgres.sql("SELECT rolname FROM pg_roles WHERE rolname LIKE %s", params=[f"{prefix}%"])
        return {row[0] for row in found}

    def take(self, name: str) -> None:
        self.postgres.sql(SQL("CREATE ROLE {} LOGIN PASSWORD 'theirs'").format(Identifier(name)))

    def refuses(self, secret: dict[str, str]) -> bool:
        return refused_by_postgresql(self, secret) == "password authentication failed"

    def client(self, file: Path) -> AbstractContextManager[Path]:
        return outside(file.stem, file, self.postgres.authority.ca_file)


_KINDS: dict[str, Callable[[Any, Any], PolardbShop]] = {"mysql": OnMysql, "postgres": OnPostgresql}


@pytest.fixture(scope="module", params=_KINDS)
def shop(request: pytest.FixtureRequest, control_plane) -> Iterator[PolardbShop]:
    server = request.getfixturevalue(request.param)
    shop = _KINDS[request.param](control_plane, server)
    shop.prepare()
    with shop.operator():
        yield shop
    shop.close()
    if isinstance(shop, OnMysql):
        server.sql("DROP DATABASE orders")
        server.sql("DROP USER rotator")


def _says(shop: PolardbShop, name: str, reason: str) -> str:
    """The status of a Credential once it names this reason."""

    def told() -> str:
        said = str((shop.get("credential", name) or {}).get("status"))
        return said if reason in said else ""

    return str(until(f"{reason} of {name}", told))


def test_a_pair_is_made_published_and_takes_turns(shop):
    shop.apply(shop.pair("turns", "orders_t"))
    first = shop.published("turns")
    assert shop.there("orders_t") == {"orders_t", "orders_t_clone"} | ({"orders_t_rights"} if shop.suffix else set())
    names, before = [first["username"]], first
    for number in range(3):
        shop.annotate("turns", "rotate", f"t{number}")
        after = until("a rotation", lambda before=before: (s := shop.secret("turns")) != before and s)
        assert not shop.refuses(before)
        assert not shop.refuses(after)
        names.append(after["username"])
        before = after
    assert names == ["orders_t", "orders_t_clone", "orders_t", "orders_t_clone"]
    assert shop.refuses(first)
    assert f"polardb/{shop.engine}" in shop.cluster.kubectl("get", "credential", "turns", "-n", shop.namespace)
    shown = shop.cluster.kubectl("get", "target", "pg", "-n", shop.namespace)
    assert shop.engine in shown
    assert shop.host in shown


@pytest.mark.parametrize("taken", ["orders_x", "orders_y_clone"])
def test_an_existing_name_is_refused_before_anything_is_made(shop, taken):
    name = taken.removesuffix("_clone")
    shop.take(taken)
    shop.apply(shop.pair(name.replace("_", "-"), name))
    said = _says(shop, name.replace("_", "-"), "AccountExists")
    assert f"spec.polardb.create.name: account '{taken}' is on the server already" in said
    assert "drop it on the server" in said
    assert "import" not in said
    assert shop.there(name) == {taken}
    assert not shop.refuses({"username": taken, "password": "theirs"})
    assert not shop.secret(name.replace("_", "-"))


def test_a_target_of_another_type_is_named(shop):
    target = shop.target()
    shop.apply(shop.made("Target", "other", {"rds": target.pop("polardb")} | target))
    wanted = shop.pair("other", "orders_o")
    wanted["spec"]["polardb"]["targetRef"] = {"name": "other"}
    shop.apply(wanted)
    assert "spec.polardb.targetRef: Target other is of type rds" in _says(shop, "other", "InvalidSpec")
    assert not shop.there("orders_o")


def test_what_was_made_is_disabled_at_the_end_and_given_back_at_a_return(shop):
    wanted = shop.pair("gone", "orders_g")
    shop.apply(wanted)
    first = shop.published("gone")
    shop.api.delete("credential", "gone", shop.namespace)
    until("its end", lambda: shop.get("credential", "gone") is None)
    assert not _lets_in(shop, first)
    shop.apply(wanted)
    again = until("a login that is let in", lambda: (s := shop.secret("gone")) and _lets_in(shop, s) and s)
    assert again["password"] == first["password"]


def _lets_in(shop: PolardbShop, secret: dict[str, str]) -> bool:
    if isinstance(shop, OnMysql):
        return not shop.refused(secret)
    return not refused_by_postgresql(shop, secret)


@pytest.mark.parametrize("shop", ["postgres"], indirect=True)  # MySQL has no such role
def test_a_grant_to_the_role_of_both_holds_through_rotations(shop):
    shop.apply(shop.pair("granted", "orders_r"))
    before = shop.published("granted")
    shop.postgres.sql("CREATE TABLE kept (n int)", database="orders")
    try:
        shop.postgres.sql("GRANT SELECT ON kept TO orders_r_rights", database="orders")
        for number in range(2):
            shop.annotate("granted", "rotate", f"t{number}")
            before = until("a rotation", lambda before=before: (s := shop.secret("granted")) != before and s)
            with shop.postgres.connect("orders", before["username"], before["password"]) as session:
                assert session.execute("SELECT count(*) FROM kept").fetchone() == (0,)
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    session.execute("INSERT INTO kept VALUES (1)")
    finally:
        # The server is shared, and no admin of other tests may grant rights to the superuser's table.
        shop.postgres.sql("DROP TABLE kept", database="orders")


def test_no_consumer_is_refused_one_login(shop, tmp_path):
    rotation = {"interval": "6h", "gracePeriod": f"{GRACE}s"}
    shop.apply(shop.pair("busy", "orders_b", rotation=rotation))
    shop.published("busy")
    files = [tmp_path / f"busy-{n}.json" for n in range(CLIENTS)]
    behind = {file: 1.0 * (n % 2) for n, file in enumerate(files)}
    follower = Follower(shop.cluster.kubectl_program, shop.cluster.kubeconfig, behind)
    with contextlib.ExitStack() as stack:
        stack.enter_context(follower.following(shop.namespace, "busy"))
        until("the files", lambda: all(file.exists() for file in files))
        logs = [stack.enter_context(shop.client(file)) for file in files]
        version = follower.after("", 10).version
        for number in range(ROTATIONS):
            shop.annotate("busy", "rotate", f"t{number}")
            version = follower.after(version, 60).version
        until("all clients' last version", lambda: all(version in _counted([log]).versions for log in logs))
        tally = _counted(logs)
    sys.stderr.write(
        f"polardb/{shop.engine}: {len(tally.logins)} logins in {ROTATIONS} rotations, {len(tally.refused)} refused\n"
    )
    assert not tally.refused
    assert not tally.failed
    assert len(tally.clients) == CLIENTS
    assert len(tally.versions) == ROTATIONS + 1
    assert {edition.document["username"] for edition in follower.editions} == {"orders_b", "orders_b_clone"}


def _counted(logs: list[Path]) -> Tally:
    return Tally([one for log in logs for one in logins(log.stem, log.read_text().splitlines())])
