"""Lives on a real MySQL or MariaDB, told in the words of those on PostgreSQL."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pymysql
from tests.cluster.mysql_family import FamilyServer
from tests.kills.api import Api
from tests.kills.consumers import Consumers, Unanswered
from tests.kills.lives import (
    BACK,
    CREATION,
    DELETION,
    IMPORTED,
    LEAK,
    RETURN,
    ROTATION,
    Json,
    Kin,
    Life,
    Tale,
)
from tests.kills.stage import ADMIN, DATABASES, PASSWORD, Stage
from tests.whole_path.mysql_client import REFUSALS

from keyward.engines.mysql import hashing
from keyward.sensitive import Sensitive

HOSTS = ("127.0.0.1", "10.99.%")  # of single accounts: one that a login from here ends at, one that none does
_LIFE = (CREATION, ROTATION, DELETION, RETURN)
TALES = (
    Tale(Kin("dual create", "Drop"), (CREATION, ROTATION, DELETION), (CREATION, ROTATION, DELETION)),
    Tale(Kin("dual import"), (CREATION, ROTATION), (CREATION, ROTATION)),
    Tale(Kin("single create"), _LIFE, _LIFE),
    Tale(Kin("single import"), (CREATION, ROTATION), (ROTATION,)),
)
OVERLAPS = (
    Tale(Kin("overlap create", "Retain"), (CREATION, ROTATION), (CREATION, ROTATION)),
    Tale(Kin("overlap import"), (CREATION, ROTATION), (ROTATION,)),
    # Within a grace that does not end: what stands in the second place is current, and has to change places first.
    Tale(Kin("overlap create for long", "Drop"), (CREATION, ROTATION, BACK, LEAK), (BACK, LEAK)),
)
POLARDB = Tale(Kin("dual create of polardb", "Drop"), (CREATION, ROTATION, DELETION), (CREATION, ROTATION, DELETION))
GRACE = 4  # seconds
# Many sessions stand still at once, and each password costs as little as the server allows.
MYSQL = {"max-connections": "300", "caching-sha2-password-digest-rounds": "5000"}
MARIADB = {"max-connections": "300"}


@dataclass(slots=True)
class FamilyLife(Life):
    """See `Life`. `engine` is what the Target says."""

    engine: str = "MySQL"

    @property
    def overlaps(self) -> bool:
        return self.kin.kind.startswith("overlap")

    @property
    def grace(self) -> int:
        return 0 if not self.overlaps else 86_400 if self.kin.kind.endswith("for long") else GRACE

    @property
    def imported(self) -> bool:
        return "import" in self.kin.kind

    @property
    def accounts(self) -> tuple[str, ...]:
        second = f"{self.role}_second" if self.imported else f"{self.role}_clone"
        return (self.role, second) if self.kin.is_dual else (self.role,)

    @property
    def hosts(self) -> tuple[str, ...]:
        return HOSTS if self.kin.kind == "single create" else ("%",)

    def _server(self, ca_pem: str) -> Json:
        endpoint = {"host": "127.0.0.1", "port": self.through}
        return {"engine": self.engine, "endpoints": [endpoint], "tls": {"ca": ca_pem}}

    def _rds(self) -> Json:
        mode = "Dual" if self.kin.is_dual else "Overlap" if self.overlaps else "Single"
        rds = {
            "targetRef": {"name": self.name},
            "engine": self.engine,
            "accountManagement": mode,
            "databaseName": self.database,
        }
        if self.imported:
            return rds | {"import": {"accounts": self._given()}}
        privileges = [{"database": self.database, "level": "ReadWrite"}]
        return rds | {"create": {"name": self.role, "privileges": privileges}, "hosts": list(self.hosts)}


@dataclass(slots=True)
class PolardbLife(FamilyLife):
    """See `Life`. The cluster is a server of MySQL."""

    @property
    def role(self) -> str:
        return f"p{self.name.rpartition('-')[2]}k"  # a cluster's names are short

    def surroundings(self, ca_pem: str) -> list[Json]:
        found = FamilyLife.surroundings(self, ca_pem)
        (target,) = (item for item in found if item["kind"] == "Target")
        target["spec"]["polardb"] = target["spec"].pop("rds")
        target["spec"]["allowedAccounts"] = ["p*"]
        return found

    def _spec(self) -> Json:
        spec = FamilyLife._spec(self)
        rds = spec.pop("rds")
        return spec | {"polardb": {key: rds[key] for key in ("targetRef", "engine", "databaseName", "create")}}


class FamilyStage(Stage):
    """See `Stage`."""

    def __init__(self, api: Api, server: FamilyServer) -> None:
        super().__init__(api, server)  # type: ignore[arg-type]
        self.server = server

    def consumers(self) -> Consumers:
        return FamilyConsumers(self.api.kubeconfig, self.server.authority.ca_file)

    def _databases(self) -> None:
        sql = self.server.sql
        sql(f"CREATE USER {ADMIN} IDENTIFIED BY '{PASSWORD}'")
        sql(f"GRANT CREATE USER ON *.* TO {ADMIN}")
        sql(f"GRANT SELECT ON mysql.* TO {ADMIN}")
        for number in range(DATABASES):
            self.server.database(f"kills_{number}")
            sql(f"GRANT ALL ON kills_{number}.* TO {ADMIN} WITH GRANT OPTION")

    def _born(self, kin: Kin, name: str, through: int) -> Life:
        port, database = self.server.port, self._a_database
        born = PolardbLife if kin == POLARDB.kin else FamilyLife
        return born(kin, name, self.namespace, database, port, through, engine=self.server.name)

    @property
    def tales(self) -> tuple[Tale, ...]:
        return (*TALES, POLARDB) if self.server.name == "MySQL" else TALES

    def _have_accounts(self, life: Life) -> None:
        for number, account in enumerate(life.accounts):
            self.server.sql(f"CREATE USER {account} IDENTIFIED BY '{IMPORTED}{account}'")
            # The second one has less, so that a rotation has rights to copy.
            rights = "SELECT" if number else "SELECT, INSERT"
            self.server.sql(f"GRANT {rights} ON {life.database}.* TO {account}")

    # --- looking ---

    def looks(self, lives: Iterable[Life]) -> dict[str, Json]:
        """Those of `Stage`, and the rights of the account in use: what was killed half-way has some of them.

        Of two accounts the other one gets its rights at the latest when its turn comes.
        """
        lives = list(lives)
        found, rights = super().looks(lives), self._rights()
        two = {name for name, _, told in self._rows() if told.get("old")}
        for life in lives:
            versions = [v for v in found[life.name]["versions"] if v["live"] and v["promoted"]]
            current = max(versions, key=lambda v: v["promoted"], default={"account": ""})
            found[life.name]["rights"] = rights.get(life.role + current["account"], [])
            found[life.name]["two passwords"] = life.role in two
            # The long grace is over when a leak is told, by the second token.
            found[life.name]["waits"] = life.role in two and (life.grace == GRACE or life.told > 1)
        return found

    def _rights(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        query = "SELECT GRANTEE, PRIVILEGE_TYPE FROM information_schema.SCHEMA_PRIVILEGES ORDER BY 1, 2"
        for grantee, right in self.server.sql(query):
            name, _, host = str(grantee).replace("'", "").partition("@")
            found.setdefault(name, []).append(f"{right} from {host}")
        return found

    def roles(self) -> dict[str, tuple[bool, str | None, str | None]]:
        """Of every account: whether it may log in, its mark, and all that is stored of its passwords."""
        found: dict[str, tuple[bool, str | None, str | None]] = {}
        for name, host, told in self._rows():
            login, mark, stored = not told["locked"], told["mark"], f"{host}={told['stored'].hex()}"
            if name in found:
                before = found[name]
                login, stored = login and before[0], f"{before[2]} {stored}"
                mark = mark if mark == before[1] else None
            found[name] = (login, mark, stored)
        return found

    def _rows(self) -> list[tuple[str, str, Json]]:
        """Each user@host, in the order of their hosts."""
        if self.server.name == "MariaDB":
            rows = self.server.sql(
                "SELECT User, Host, Priv FROM mysql.global_priv WHERE User REGEXP '^[kp]' ORDER BY 1, 2"
            )
            return [(name, host, _of_json(orjson.loads(priv))) for name, host, priv in rows]
        query = (
            "SELECT User, Host, plugin, HEX(authentication_string), account_locked = 'Y', "
            "JSON_UNQUOTE(JSON_EXTRACT(User_attributes, '$.metadata.keyward')), "
            "JSON_UNQUOTE(JSON_EXTRACT(User_attributes, '$.additional_password')) "
            "FROM mysql.user WHERE User REGEXP '^[kp]' ORDER BY 1, 2"
        )
        return [
            (
                name,
                host,
                {"plugin": plugin, "stored": bytes.fromhex(stored), "locked": bool(locked), "mark": mark, "old": old},
            )
            for name, host, plugin, stored, locked, mark, old in self.server.sql(query)
        ]

    def _proves_login(self, life: Life, secret: dict[str, str]) -> None:
        name, password = secret["username"], secret["password"]
        with self.server.connect(life.database, name, password) as conn, conn.cursor() as cursor:
            cursor.execute("SELECT CURRENT_USER()")
            assert str(cursor.fetchone()[0]).partition("@")[0] == name
        assert isinstance(life, FamilyLife)
        stored = {host: told for user, host, told in self._rows() if user == name}
        assert set(stored) == set(life.hosts)
        for host, told in stored.items():
            places = [told["stored"], *([told["old"].encode()] if told.get("old") else [])]
            matches = [hashing.matches(told["plugin"], place, Sensitive(password)) for place in places]
            assert any(matches), f"{name}@{host} has another password"

    # --- the end ---

    def _drop(self, lives: list[Life]) -> None:
        wanted = {account for life in lives for account in life.accounts}
        rows = [f"'{name}'@'{host}'" for name, host, _ in self._rows() if name in wanted]
        if rows:
            self.server.sql(f"DROP USER {', '.join(rows)}")

    def leave(self) -> None:
        super().leave()
        for number in range(DATABASES):
            self.server.sql(f"DROP DATABASE kills_{number}")
        self.server.sql(f"DROP USER {ADMIN}")


def _of_json(priv: Json) -> Json:
    stored = str(priv.get("authentication_string", "")).encode()
    return {"plugin": priv["plugin"], "stored": stored, "locked": bool(priv.get("account_locked")), "mark": None}


@dataclass(slots=True)
class FamilyConsumers(Consumers):
    """Applications of MySQL or MariaDB."""

    _context: Any = field(default=None)

    async def log_in(self, life: Life, secret: dict[str, str]) -> str:
        return await asyncio.to_thread(self._connect, life, secret)

    def _connect(self, life: Life, secret: dict[str, str]) -> str:
        if self._context is None:
            self._context = ssl.create_default_context(cafile=str(self.ca_file))
        try:
            pymysql.connect(
                host="127.0.0.1",
                port=life.port,
                database=life.database,
                user=secret["username"],
                password=secret["password"].encode(),
                ssl=self._context,
                connect_timeout=20,
            ).close()
        except (pymysql.MySQLError, OSError) as error:
            number = error.args[0] if error.args else 0
            if number in REFUSALS:
                return str(number)
            raise Unanswered from error
        return ""
