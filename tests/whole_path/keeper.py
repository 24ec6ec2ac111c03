"""A Target whose admin login is kept by a Credential of that very Target, on a server of each kind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.cluster.newest_postgres import NewestPostgresServer
from tests.cluster.postgres import PostgresServer
from tests.whole_path.accounts import created as created_on_postgres
from tests.whole_path.accounts import refused as refused_on_postgres
from tests.whole_path.test_mysql_family import FamilyShop, created
from tests.whole_path.world import Json, Shop, until

GRACE = 1  # seconds: between a reader's look at the Secret and its login
RETAINED = {"accounts": "Retain", "secrets": "Retain"}


@dataclass
class Keeper:
    """One server and its Target, whose admin Secret a Credential makes."""

    shop: Any
    made: Callable[[str], Json]  # the block of accounts that are made
    make_admin: Callable[[str, str], None]
    refused: Callable[[dict[str, str]], Any]
    break_in: Callable[[str, str], None]  # set a password by hand
    engine: str
    sql: Callable[[str], Any]  # as a superuser
    seen: dict[str, int] = field(default_factory=dict)

    def target(self, name: str, secret: str, **admin: Any) -> Json:
        spec = self.shop.target() | {"admin": {"secretRef": {"name": secret}} | admin}
        spec["allowedAccounts"] = [f"{name}_*"]
        return self.shop.made("Target", name, spec)

    def admins(self, name: str, *accounts: str, mode: str = "Dual", **spec: Any) -> list[Json]:
        """The Credential that keeps the login of the Target `name`, and where it takes the first passwords from."""
        old = self.shop.plain_secret(
            f"{name}-first", {a: f"first-of-{a}" for a in accounts}, labels={"keyward.dev/source-for": f"{name}-admin"}
        )
        given = [{"name": a, "passwordFrom": {"secretName": f"{name}-first", "key": a}} for a in accounts]
        wanted = self.credential(f"{name}-admin", name, {"import": {"accounts": given}}, mode=mode)
        wanted["spec"] |= {"deletion": RETAINED} | spec
        return [old, wanted]

    def credential(self, name: str, target: str, block: Json, mode: str = "Dual") -> Json:
        database = {"databaseName": "orders"}
        rds = {"targetRef": {"name": target}, "engine": self.engine, "accountManagement": mode} | database | block
        rotation = {"interval": "24h", "gracePeriod": f"{GRACE}s"}
        return self.shop.made(
            "Credential", name, {"rds": rds, "rotation": rotation, "projections": [{"secretName": name}]}
        )

    def begin(self, name: str, *accounts: str, mode: str = "Dual", **admin: Any) -> tuple[str, str]:
        """The login of the Target `name`, and a Credential beside it, both published."""
        for account in accounts:
            self.make_admin(account, f"first-of-{account}")
        shop, beside = self.shop, f"{name}-beside"
        target = self.target(name, f"{name}-admin", **admin)
        shop.apply(
            target, *self.admins(name, *accounts, mode=mode), self.credential(beside, name, self.made(f"{name}_app"))
        )
        until("both Secrets", lambda: shop.secret(f"{name}-admin") and shop.secret(beside), seconds=90)
        return f"{name}-admin", beside

    def goes_on_alone(self, rotations: int) -> None:
        """A login changes itself so often, while another Credential rotates through it and is read."""
        admin, beside = self.begin("alone", "alone_one", mode="Single", selfChange=True)
        since = self.now()
        with self.readers(beside) as refused:
            for number in range(rotations):
                self.both_rotated((admin, beside), f"t{number}")
        assert not refused
        assert self.seen[beside] > rotations
        assert not self.troubles(since, admin, beside)
        assert not self.refused(self.shop.secret(admin))

    def ask_in_vain(self, name: str, token: str) -> None:
        self.shop.annotate(name, "rotate", token)
        until("word of it", lambda: self.shop.condition(name, "Rotated").get("reason") == "AdminLoginRefused")

    def both_rotated(self, names: tuple[str, ...], token: str) -> None:
        before = {name: self.shop.secret(name) for name in names}
        for name in names:
            self.shop.annotate(name, "rotate", token)
        for name in names:
            until(f"a rotation of {name}", lambda name=name: self.shop.secret(name) != before[name])

    @contextmanager
    def readers(self, *secrets: str) -> Iterator[list[str]]:
        """One for each Secret, who reads it and logs in, all the time. What was refused."""
        found, stop = [], threading.Event()

        def read(name: str) -> None:
            while not stop.is_set():
                secret = self.shop.secret(name)
                if self.refused(secret):
                    found.append(f"{name}: {secret['username']}")
                self.seen[name] = self.seen.get(name, 0) + 1
                time.sleep(0.1)

        threads = [threading.Thread(target=read, args=(name,)) for name in secrets]
        for thread in threads:
            thread.start()
        try:
            yield found
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def troubles(self, since: int, *names: str) -> list[str]:
        """What the operator said that failed since then, of these Credentials."""
        lines = self.shop.log.read_text()[since:].splitlines()
        keys = [f'"{self.shop.namespace}/{name}"' for name in names]
        return [line for line in lines if " failed: " in line and any(key in line for key in keys)]

    def now(self) -> int:
        return len(self.shop.log.read_text())


def _postgres(control_plane: Any, server: Any) -> Keeper:
    newest = isinstance(server, NewestPostgresServer)
    shop = Shop(control_plane, server, "admins-newest-pg" if newest else "admins-pg")

    def make_admin(name: str, password: str) -> None:
        server.admin(name, password=password)
        server.sql(f"GRANT rotator TO {name}")  # who owns the database and its schema

    def break_in(name: str, password: str) -> None:
        server.sql(f"ALTER ROLE {name} PASSWORD '{password}'")

    made = created_on_postgres
    return Keeper(shop, made, make_admin, lambda s: refused_on_postgres(shop, s), break_in, "PostgreSQL", server.sql)


def _family(control_plane: Any, server: Any) -> Keeper:
    shop = FamilyShop(control_plane, server)
    shop.namespace = f"admins-{server.name.lower()}"

    def make_admin(name: str, password: str) -> None:
        server.sql(f"CREATE USER {name} IDENTIFIED BY '{password}'")
        for grant in ("CREATE USER ON *.*", "SELECT ON mysql.*"):
            server.sql(f"GRANT {grant} TO {name}")
        server.sql(f"GRANT ALL ON `orders`.* TO {name} WITH GRANT OPTION")

    def break_in(name: str, password: str) -> None:
        server.sql(f"ALTER USER {name} IDENTIFIED BY '{password}'")

    made = lambda name: {k: v for k, v in created(name).items() if k != "databaseName"}  # noqa: E731
    return Keeper(shop, made, make_admin, shop.refused, break_in, server.name, server.sql)


@contextmanager
def keeping(control_plane: Any, server: Any, prefix: str = "") -> Iterator[Keeper]:
    """A namespace of this server, whose name begins so, and the operator."""
    of_postgres = isinstance(server, PostgresServer)
    keeper = (_postgres if of_postgres else _family)(control_plane, server)
    shop = keeper.shop
    shop.namespace = prefix + shop.namespace
    shop.prepare()
    with shop.operator():
        yield keeper
    shop.close()
    if not of_postgres:
        server.sql("DROP DATABASE orders")
        server.sql("DROP USER rotator")
