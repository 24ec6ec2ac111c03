"""A shop whose system is a MySQL or a MariaDB, and clients that log in all the time."""

from __future__ import annotations

from typing import Any

import pymysql
from tests.cluster.mysql_family import FamilyServer
from tests.whole_path.consumers import Client, program
from tests.whole_path.world import Json, Shop

GRANTS = (
    "CREATE USER rotator IDENTIFIED BY 'rotators-password'",
    "GRANT CREATE USER ON *.* TO rotator",
    "GRANT SELECT ON mysql.* TO rotator",
    "GRANT ALL ON `orders`.* TO rotator WITH GRANT OPTION",
)


class FamilyShop(Shop):
    """A shop whose server is MySQL or MariaDB."""

    def __init__(self, cluster: Any, server: FamilyServer) -> None:
        super().__init__(cluster, server, f"rds-{server.name.lower()}")  # type: ignore[arg-type]
        self.server = server

    def _prepare_server(self) -> None:
        self.server.database("orders")
        for statement in GRANTS:
            self.server.sql(statement)

    def target(self) -> Json:
        endpoints = [{"host": self.host, "port": self.server.port}]
        return {
            "rds": {"engine": self.server.name, "endpoints": endpoints, "tls": {"ca": self.server.ca_pem}},
            "admin": {"secretRef": {"name": "pg-admin"}},
            "allowedAccounts": ["orders*"],
        }

    def logs_in(self, secret: dict[str, str]) -> str:
        login = ("orders", secret["username"], secret["password"].encode())
        with self.server.connect(*login) as conn, conn.cursor() as cursor:
            cursor.execute("SELECT CURRENT_USER()")
            return str(cursor.fetchone()[0])

    def credential(self, name: str, account: Json, *, mode: str = "Dual", **spec: Any) -> Json:
        wanted = {
            "rds": {"targetRef": {"name": "pg"}, "engine": self.server.name, "accountManagement": mode} | account,
            "rotation": {"interval": "24h", "gracePeriod": "0s"},
            "projections": [{"secretName": name}],
        }
        return self.made("Credential", name, wanted | spec)

    def existing(self, credential: str, **passwords: str) -> Json:
        """Accounts that the server has already, a Secret that holds their passwords, and the import of them."""
        for name, password in passwords.items():
            self.server.sql(f"CREATE USER {name} IDENTIFIED BY '{password}'")
            self.server.sql(f"GRANT SELECT ON orders.* TO {name}")
        labels = {"keyward.dev/source-for": credential}
        self.apply(self.plain_secret(f"{credential}-old", passwords, labels=labels))
        given = [{"name": name, "passwordFrom": {"secretName": f"{credential}-old", "key": name}} for name in passwords]
        return {"import": {"accounts": given}, "databaseName": "orders"}

    def refused(self, secret: dict[str, str]) -> int:
        """The number of the server's refusal; 0 if it lets the login in."""
        try:
            self.logs_in(secret)
        except pymysql.OperationalError as error:
            return int(error.args[0])
        return 0


def created(name: str, level: str = "ReadWrite") -> Json:
    return {"create": {"name": name, "privileges": [{"database": "orders", "level": level}]}, "databaseName": "orders"}


def client(shop: FamilyShop) -> Client:
    """One that logs in up to twice a second."""
    return lambda file: program("mysql_client", file, str(shop.server.authority.ca_file), "0.5")
