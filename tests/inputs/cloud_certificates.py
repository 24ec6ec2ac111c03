"""Instances of each product with the certificate of another host: accounts are made by the cloud, and no value logs in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.cloud.ecs import REGION
from tests.cloud.standin import HOST
from tests.inputs.cloud_cases import MADE, Begun, CloudCase, account, case, changing, corrected, redis, redis_target
from tests.inputs.cloud_desk import DATABASE, CloudDesk
from tests.whole_path.world import Json

from keyward.errors import Reason


@dataclass(frozen=True, slots=True)
class _Kind:
    """A database of the cloud. `level` is what an account that is made gets there, if the API gives it anything."""

    block: str
    engine: str
    instance: str
    level: str = "ReadWrite"
    mode: str = "Dual"

    def server(self, desk: CloudDesk) -> Any:
        behind = desk.behind
        return {"MariaDB": behind.sql, "MySQL": behind.mysql, "PostgreSQL": behind.postgres}[self.engine]

    def target(self, desk: CloudDesk, name: str, **tls: str) -> Json:
        server = self.server(desk)
        endpoint = {"host": HOST, "port": server.port}
        system = {"engine": self.engine, "endpoints": [endpoint], "tls": {"ca": server.ca_pem} | tls}
        return desk.target_on(name, self.block, system, instanceId=self.instance, regionId=REGION)

    def credential(self, desk: CloudDesk, name: str) -> Json:
        create: Json = {"name": account(name)}
        if self.level:
            create["privileges"] = [{"database": DATABASE, "level": self.level}]
        wanted = {"engine": self.engine, "databaseName": DATABASE, "create": create}
        if self.block == "rds":
            wanted["accountManagement"] = self.mode
        return desk.credential_on(name, self.block, wanted)


_KINDS = {
    "crt-maria": _Kind("rds", "MariaDB", "rm-bp1main"),
    "crt-mysql": _Kind("rds", "MySQL", "rm-bp1mysql"),
    "crt-pg": _Kind("rds", "PostgreSQL", "rm-bp1pg", "DBOwner", "Single"),
    "crt-polmy": _Kind("polardb", "MySQL", "pc-bp1mysql"),
    "crt-polpg": _Kind("polardb", "PostgreSQL", "pc-bp1main", ""),
}


def _of_database(desk: CloudDesk, name: str) -> Begun:
    kind = _KINDS[name]
    target = kind.target(desk, name, serverName="db.example.com")
    return [desk.admin(name), target, kind.credential(desk, name)], corrected(desk, name, kind.target(desk, name))


def _of_cache(desk: CloudDesk, name: str) -> Begun:
    server = desk.behind.other
    right = {"system": {"tls": {"ca": server.ca_pem}}, "port": server.port, "instanceId": "r-bp1second"}
    wrong = right | {"system": {"tls": {"ca": server.ca_pem, "serverName": "cache.example.com"}}}
    return redis(desk, name, **wrong), corrected(desk, name, redis_target(desk, name, **right))


def _case(name: str, block: str, begin: Any) -> CloudCase:
    says = (f"spec.{block}.tls of ClusterTarget inputs-cloud-{name}: ", "does not match", "set serverName")
    return changing(case(name, Reason.UNKNOWN_CA, says, begin), *MADE, "ModifyAccountPassword")


CASES = (
    *(_case(name, kind.block, _of_database) for name, kind in _KINDS.items()),
    _case("crt-cache", "redis", _of_cache),
)
