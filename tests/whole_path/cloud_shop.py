"""A shop whose accounts are changed through the cloud's API: a stand-in on loopback, which does it to a real local server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql
from tests.cloud import polardb, rds
from tests.cloud.databases import Databases
from tests.cloud.polardb import Polardb
from tests.cloud.rds import Rds
from tests.cloud.standin import HOST, StandIn
from tests.whole_path.accounts import refused as refused_by_postgresql
from tests.whole_path.clients import outside
from tests.whole_path.consumers import Client, program
from tests.whole_path.world import OPERATOR_NAMESPACE, Json, Shop, keyward

PRODUCTS: dict[str, tuple[type[Databases], str, str, str]] = {
    "rds": (Rds, rds.VERSION, "RDS", "rm-bp1example"),
    "polardb": (Polardb, polardb.VERSION, "PolarDB", "pc-bp1example"),
}


def server_of(block: str, there: Databases, cloud: StandIn) -> Json:
    """What a Target says of an instance, and of the server that it is."""
    _, _, service, _ = PRODUCTS[block]
    api = {
        "instanceId": there.instance,
        "regionId": "cn-hangzhou",
        "endpoints": [{"service": service, "host": HOST, "port": cloud.port}],
        "tls": {"ca": cloud.ca_pem},
    }
    real = there.server.real
    return {
        "engine": there.engine,
        "provider": "AlibabaCloud",
        "openApi": api,
        "endpoints": [{"host": HOST, "port": real.port}],
        "tls": {"ca": real.ca_pem},
    }


class CloudDatabaseShop(Shop):
    """`there` is the instance as the cloud has it. Its ClusterTarget has the namespace's name."""

    def __init__(self, cluster: Any, server: Any, cloud: StandIn, block: str, prefix: str) -> None:
        super().__init__(cluster, server, f"{prefix}-{block}")
        kind, version, _, instance = PRODUCTS[block]
        self.server, self.cloud, self.block = server, cloud, block
        self.there = cloud.products[version] = kind(server, instance)
        self.database = f"orders_{block}"
        self.admin = cloud.ram.user("keyward-admin", admin=True).keys[0]

    def target(self) -> Json:
        return {
            self.block: server_of(self.block, self.there, self.cloud),
            "admin": {"secretRef": {"name": f"{self.namespace}-admin"}},
            "allowedAccounts": ["*"],
            "allowedNamespaces": [self.namespace],
            "maxConcurrentRotations": 64,
        }

    def prepare(self) -> None:
        self.install()
        self.server.database(self.database)
        spaces = [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            for name in (OPERATOR_NAMESPACE, self.namespace)
        ]
        key = keyward("EncryptionKey", "default", {"provider": {"local": {}}, "allowedNamespaces": ["*"]})
        login = {"accessKeyId": self.admin.id, "accessKeySecret": self.admin.secret}
        admin = self.plain_secret(f"{self.namespace}-admin", login)
        admin["metadata"]["namespace"] = OPERATOR_NAMESPACE
        target = keyward("ClusterTarget", self.namespace, self.target())
        for item in (key, target):
            del item["metadata"]["namespace"]
        self.apply(*spaces)
        self.apply(key, admin, target)

    def close(self) -> None:
        self.api.delete("clustertarget", self.namespace, "")
        self.api.delete("secret", f"{self.namespace}-admin", OPERATOR_NAMESPACE)
        super().close()
        if self.there.engine == "PostgreSQL":
            self.server.sql(f"DROP DATABASE {self.database} WITH (FORCE)")
        self.there.close()
        if self.there.engine != "PostgreSQL":
            self.server.sql(f"DROP DATABASE {self.database}")

    @contextmanager
    def beside(self, replica: Any) -> Iterator[str]:
        """Another ClusterTarget of the instance, where consumers log in at this server as well; its name."""
        name = f"{self.namespace}-both"
        spec = self.target() | {"admin": {"secretRef": {"name": name}}}
        spec[self.block]["endpoints"].append({"host": HOST, "port": replica.port, "role": "Replica"})
        admin = self.plain_secret(name, {"accessKeyId": self.admin.id, "accessKeySecret": self.admin.secret})
        admin["metadata"]["namespace"] = OPERATOR_NAMESPACE
        target = keyward("ClusterTarget", name, spec)
        del target["metadata"]["namespace"]
        self.apply(admin, target)
        yield name
        self.api.delete("clustertarget", name, "")
        self.api.delete("secret", name, OPERATOR_NAMESPACE)

    def credential(self, name: str, account: Json, **spec: Any) -> Json:
        wanted = {
            self.block: {
                "targetRef": {"kind": "ClusterTarget", "name": self.namespace},
                "engine": self.there.engine,
                "provider": "AlibabaCloud",
                "databaseName": self.database,
            }
            | account,
            "rotation": {"interval": "24h", "gracePeriod": "0s"},
            "projections": [{"secretName": name}],
        }
        return self.made("Credential", name, wanted | spec)

    def created(self, account: str, level: str | None = "ReadWrite") -> Json:
        privileges = [{"database": self.database, "level": level}] if level else []
        return {"create": {"name": account, "privileges": privileges}}

    def existing(self, credential: str, *accounts: str) -> Json:
        """Accounts that the instance has already, of which the first may do more, and the import of them."""
        passwords = {name: f"Was-of-{name}" for name in accounts}
        for name, password in passwords.items():
            level = "ReadWrite" if name == accounts[0] else "ReadOnly"
            self.there.account(name, password, **{self.database: level})
        labels = {"keyward.dev/source-for": credential}
        self.apply(self.plain_secret(f"{credential}-old", passwords, labels=labels))
        given = [{"name": name, "passwordFrom": {"secretName": f"{credential}-old", "key": name}} for name in accounts]
        return {"import": {"accounts": given}}

    def refused(self, secret: dict[str, str]) -> str:
        """Why the server does not let this login in; empty if it does."""
        if self.there.engine == "PostgreSQL":
            return refused_by_postgresql(self, secret)
        try:
            with self.server.connect(secret["database"], secret["username"], secret["password"].encode()):
                return ""
        except pymysql.OperationalError as error:
            return str(error.args[0])

    def logs_in(self, secret: dict[str, str]) -> str:
        """Of PostgreSQL, as `refused_by_postgresql` asks."""
        with self.server.connect(self.database, secret["username"], secret["password"]) as session:
            return str(session.execute("select current_user").fetchone()[0])

    @property
    def client(self) -> Client:
        ca = self.server.authority.ca_file
        if self.there.engine == "PostgreSQL":
            return lambda file: outside(file.stem, file, ca)
        return lambda file: program("mysql_client", file, str(ca), "0.5")


@contextmanager
def cloud_shop(
    cluster: Any, server: Any, folder: Path, block: str, prefix: str = "cloud"
) -> Iterator[CloudDatabaseShop]:
    """Prepared; the operator is not started."""
    with StandIn(folder / "cloud") as cloud:
        shop = CloudDatabaseShop(cluster, server, cloud, block, prefix)
        shop.log = folder / "operator.log"
        shop.prepare()
        yield shop
        shop.close()
