"""The manifests of examples/, with what stands for a person's own world put in place: namespace, host, port, CA."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from tests.cluster.postgres import PostgresServer

FOLDER = Path(__file__).parents[2] / "examples"
FILES = sorted(FOLDER.glob("*.yaml"))
PREREQUISITES = tuple(FOLDER / f"{name}.yaml" for name in ("rbac", "encryption-key", "target", "cluster-target"))
_GRANT = re.compile(r"^# +(GRANT .*;)$", re.MULTILINE)

Item = dict[str, Any]


def read(file: Path) -> list[Item]:
    """The objects of one example as they are written."""
    return [item for item in yaml.safe_load_all(file.read_text(encoding="utf-8")) if item]


def placed(file: Path, namespace: str, server: PostgresServer) -> list[Item]:
    """The objects of one example, in this namespace and with this server in the place of the one that is written."""
    found = read(file)
    for item in found:
        if item["metadata"].get("namespace") == "shop":
            item["metadata"]["namespace"] = namespace
        if item.get("spec", {}).get("allowedNamespaces"):
            assert item["spec"]["allowedNamespaces"] == ["shop"]
            item["spec"]["allowedNamespaces"] = [namespace]
        if item["kind"] in ("Target", "ClusterTarget"):
            rds = item["spec"]["rds"]
            for endpoint in rds["endpoints"]:
                endpoint |= {"host": "127.0.0.1", "port": server.port}
            rds["tls"]["ca"] = server.ca_pem
    return found


def of_kind(kind: str, items: list[Item]) -> list[Item]:
    return [item for item in items if item["kind"] == kind]


def grants(file: Path) -> list[str]:
    """What the head of an example asks to be run on PostgreSQL 16 and newer."""
    return _GRANT.findall(file.read_text(encoding="utf-8"))


def imports(items: list[Item]) -> dict[str, str]:
    """Accounts that must exist before a Credential can import them, with their passwords."""
    secrets = {item["metadata"]["name"]: item["stringData"] for item in of_kind("Secret", items)}
    found = {}
    for credential in of_kind("Credential", items):
        for account in credential["spec"].get("rds", {}).get("import", {}).get("accounts", ()):
            reference = account["passwordFrom"]
            found[account["name"]] = secrets[reference["secretName"]][reference.get("key", "password")]
    return found
