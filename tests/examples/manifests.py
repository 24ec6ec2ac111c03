"""The manifests of examples/, with what stands for a person's own world put in place: namespace, host, port, CA."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from tests.cloud.standin import HOST, StandIn
from tests.cluster.mysql_family import FamilyServer
from tests.cluster.postgres import PostgresServer
from tests.cluster.redis import RedisServer
from tests.cluster.sshd import SshServer
from tests.engines.ssh_system import admins_key

from keyward.api import places

FOLDER = Path(__file__).parents[2] / "examples"
FILES = sorted(FOLDER.glob("*.yaml"))
PREREQUISITES = tuple(
    FOLDER / f"{name}.yaml"
    for name in (
        "rbac",
        "encryption-key",
        "target",
        "target-admin-pair",
        "target-admin-self",
        "target-mysql",
        "target-mysql-admin-pair",
        "target-mariadb",
        "target-mariadb-admin-self",
        "target-polardb-mysql",
        "target-polardb-postgresql",
        "target-polardb-admin-pair",
        "target-redis",
        "target-redis-admin",
        "target-ecs",
        "target-ecs-admin",
        "target-ecs-cloud",
        "target-ram",
        "target-rds-cloud",
        "target-polardb-cloud",
        "target-redis-cloud",
        "cluster-target",
    )
)
SET = FOLDER / "credential-set.yaml"
REDIS_SET = FOLDER / "redis-credential-set.yaml"
CLOUD_REDIS_SET = FOLDER / "redis-cloud-credential-set.yaml"
_GRANT = re.compile(r"^# +(GRANT .*;)$", re.MULTILINE)

Item = dict[str, Any]
Servers = Mapping[str, PostgresServer | FamilyServer | RedisServer | SshServer | StandIn]
"""By the name of their engine."""


def read(file: Path) -> list[Item]:
    """The objects of one example as they are written."""
    return [item for item in yaml.safe_load_all(file.read_text(encoding="utf-8")) if item]


def placed(file: Path, namespace: str, servers: Servers) -> list[Item]:
    """The objects of one example, in this namespace and with these servers in the place of those that are written."""
    found = read(file)
    for item in found:
        if item["metadata"].get("namespace") == "shop":
            item["metadata"]["namespace"] = namespace
        if item.get("spec", {}).get("allowedNamespaces"):
            assert item["spec"]["allowedNamespaces"] == ["shop"]
            item["spec"]["allowedNamespaces"] = [namespace]
        if item["kind"] in ("Target", "ClusterTarget"):
            _place_target(item, servers)
        if item["kind"] == "Secret" and item["metadata"]["name"] == "web-1-admin":
            item["stringData"]["ssh-privatekey"] = admins_key().reveal_text()
    return found


def _place_target(item: Item, servers: Servers) -> None:
    block = accounts_of(item["spec"])
    assert block is not None
    if "openApi" in block:
        _through(block, next(name for name in places.SERVICES if name in item["spec"]), servers)
    if engine_of(item) == "Windows":
        return  # nobody logs in there
    server = servers[engine_of(item)]
    if isinstance(server, StandIn):
        block["endpoints"] = [{"service": service, "host": HOST, "port": server.port} for service in ("RAM", "STS")]
        block["tls"] = {"ca": server.ca_pem}
        return
    for endpoint in block["endpoints"]:
        endpoint |= {"host": "127.0.0.1", "port": server.port}
    if isinstance(server, SshServer):
        block["hostKeys"] = list(server.host_keys())
    else:
        block["tls"]["ca"] = server.ca_pem


def _through(block: Item, name: str, servers: Servers) -> None:
    """Have the API called at the stand-in."""
    cloud = servers["AlibabaCloud"]
    assert isinstance(cloud, StandIn)
    named = [{"service": service, "host": HOST, "port": cloud.port} for service in places.SERVICES[name]]
    block["openApi"] |= {"endpoints": named, "tls": {"ca": cloud.ca_pem}}


def of_kind(kind: str, items: list[Item]) -> list[Item]:
    return [item for item in items if item["kind"] == kind]


CREDENTIALS = [file for file in FILES if of_kind("Credential", read(file))]


def grants(file: Path) -> list[str]:
    """What the head of an example asks to be run on PostgreSQL 16 and newer."""
    return _GRANT.findall(file.read_text(encoding="utf-8"))


def accounts_of(spec: Item) -> Item | None:
    """The block that says which server, and which accounts of it; None where there is none."""
    found: Item | None = next((spec[block] for block in places.BLOCKS if block in spec), None)
    return found


def engine_of(item: Item) -> str:
    """The engine of the server that a Target describes or a Credential is for."""
    block = accounts_of(item["spec"])
    assert block is not None
    default = {"redis": "Redis", "ecs": "Linux", "ram": "AlibabaCloud"}
    return str(block.get("engine", next((default[name] for name in default if name in item["spec"]), "PostgreSQL")))


def imports(items: list[Item], engine: str, *, provider: bool = False) -> dict[str, str]:
    """Accounts that must exist on a server of this engine before a Credential can import them, with their passwords.

    `provider`: those that are changed through a cloud.
    """
    secrets = {item["metadata"]["name"]: item["stringData"] for item in of_kind("Secret", items)}
    found = {}
    for credential in of_kind("Credential", items):
        block = accounts_of(credential["spec"])
        if block is None or engine_of(credential) != engine or ("provider" in block) != provider:
            continue
        for account in block.get("import", {}).get("accounts", ()):
            reference = account["passwordFrom"]
            found[account["name"]] = secrets[reference["secretName"]][reference.get("key", "password")]
    return found


def access_keys(items: list[Item]) -> dict[str, str]:
    """The AccessKeys that an example gives, and the admin's of a cloud account: secret by id."""
    found = {}
    for secret in of_kind("Secret", items):
        data = {key.lower(): text for key, text in secret["stringData"].items()}
        if "accesskeyid" in data:
            found[data["accesskeyid"]] = data["accesskeysecret"]
    return found
