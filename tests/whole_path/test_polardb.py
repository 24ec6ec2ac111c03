"""Type polardb on what PolarDB speaks: a real MySQL and a real PostgreSQL. PolarDB itself cannot be run here."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.sql import SQL, Identifier
from tests.whole_path.accounts import refused as refused_by_postgresql
from tests.whole_path.clients import outside
from tests.whole_path.consumers import GRACE, consumers, never_refused
from tests.whole_path.mysql_shop import FamilyShop
from tests.whole_path.mysql_shop import client as mysql_client
from tests.whole_path.world import Json, Shop, until

ROTATIONS, CLIENTS = 10, 4


class PolardbShop(Shop, ABC):
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

    def there(self, name: str) -> set[str]:
        """The accounts on the server that are of this name, or have something behind it."""
        return {one for one in self._accounts() if one == name or one.startswith(f"{name}_")}

    @abstractmethod
    def _accounts(self) -> Iterator[str]:
        """All that are on the server."""

    @abstractmethod
    def take(self, name: str) -> None:
        """Somebody makes an account of this name."""

    @abstractmethod
    def refuses(self, secret: dict[str, str]) -> bool:
        """Whether the server does not let this login in because of its password."""

    @abstractmethod
    def client(self, file: Path) -> AbstractContextManager[Path]:
        """A consumer that reads this file before each login; its log."""


class OnMysql(PolardbShop, FamilyShop):
    engine = "MySQL"
    privileges = ({"database": "orders", "level": "ReadWrite"},)

    def __init__(self, cluster: Any, server: Any) -> None:
        super().__init__(cluster, server)
        self.namespace = "polardb-mysql"

    def _accounts(self) -> Iterator[str]:
        return (row[0] for row in self.server.sql("SELECT User FROM mysql.user"))

    def take(self, name: str) -> None:
        self.server.sql(f"CREATE USER {name} IDENTIFIED BY 'theirs'")
        self.server.sql(f"GRANT SELECT ON orders.* TO {name}")

    def refuses(self, secret: dict[str, str]) -> bool:
        return self.refused(secret) == 1045

    def client(self, file: Path) -> AbstractContextManager[Path]:
        return mysql_client(self)(file)


class OnPostgresql(PolardbShop):
    engine = "PostgreSQL"
    suffix = "_rights"

    def __init__(self, cluster: Any, server: Any) -> None:
        super().__init__(cluster, server, "polardb-postgresql")

    def _accounts(self) -> Iterator[str]:
        return (row[0] for row in self.postgres.sql("SELECT rolname FROM pg_roles"))

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
    shop.apply(shop.pair("turns", "orders_p_t"))
    first = shop.published("turns")
    assert shop.there("orders_p_t") == {"orders_p_t", "orders_p_t_clone"} | (
        {"orders_p_t_rights"} if shop.suffix else set()
    )
    names, before = [first["username"]], first
    for number in range(3):
        shop.annotate("turns", "rotate", f"t{number}")
        after = until("a rotation", lambda before=before: (s := shop.secret("turns")) != before and s)
        assert not shop.refuses(before)
        assert not shop.refuses(after)
        names.append(after["username"])
        before = after
    assert names == ["orders_p_t", "orders_p_t_clone", "orders_p_t", "orders_p_t_clone"]
    assert shop.refuses(first)
    assert f"polardb/{shop.engine}" in shop.cluster.kubectl("get", "credential", "turns", "-n", shop.namespace)
    shown = shop.cluster.kubectl("get", "target", "pg", "-n", shop.namespace)
    assert shop.engine in shown
    assert shop.host in shown


@pytest.mark.parametrize("taken", ["orders_p_x", "orders_p_y_clone"])
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
    wanted = shop.pair("other", "orders_p_o")
    wanted["spec"]["polardb"]["targetRef"] = {"name": "other"}
    shop.apply(wanted)
    assert "spec.polardb.targetRef: Target other is of type rds" in _says(shop, "other", "InvalidSpec")
    assert not shop.there("orders_p_o")


def test_what_was_made_is_disabled_at_the_end_and_given_back_at_a_return(shop):
    wanted = shop.pair("gone", "orders_p_g")
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
    shop.apply(shop.pair("granted", "orders_p_r"))
    before = shop.published("granted")
    shop.postgres.sql("CREATE TABLE kept (n int)", database="orders")
    try:
        shop.postgres.sql("GRANT SELECT ON kept TO orders_p_r_rights", database="orders")
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
    shop.apply(shop.pair("busy", "orders_p_b", rotation=rotation))
    shop.published("busy")
    with consumers(shop, "busy", tmp_path, CLIENTS, shop.client) as busy:
        tally = busy.through(ROTATIONS)
    sys.stderr.write(
        f"polardb/{shop.engine}: {len(tally.logins)} logins in {ROTATIONS} rotations, {len(tally.refused)} refused\n"
    )
    never_refused(tally, CLIENTS, ROTATIONS)
    assert {edition.document["username"] for edition in busy.follower.editions} == {"orders_p_b", "orders_p_b_clone"}
