"""Valid objects of every kind, to be spoilt."""

from __future__ import annotations

import copy
from typing import Any

Json = dict[str, Any]
LINEAGE = "0123456789abcdef" * 2
PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def _object(kind: str, spec: Json, **blocks: Any) -> Json:
    return {"apiVersion": "keyward.dev/v1alpha1", "kind": kind, "metadata": {"name": "x"}, "spec": spec, **blocks}


GENERATED = _object("Credential", {"generic": {"generate": {}}})
SOURCED = _object(
    "Credential", {"generic": {"source": {"secretRef": {"name": "s"}}}, "projections": [{"secretName": "one"}]}
)
CREATED = _object(
    "Credential",
    {
        "rds": {
            "targetRef": {"name": "pg"},
            "create": {"name": "orders", "privileges": [{"database": "orders", "level": "ReadWrite"}]},
            "databaseName": "orders",
        },
        "rotation": {"interval": "24h"},
        "projections": [{"secretName": "orders-db"}],
    },
)


def _account(name: str) -> Json:
    return {"name": name, "passwordFrom": {"secretName": "given"}}


IMPORTED = _object(
    "Credential",
    {
        "rds": {
            "targetRef": {"name": "pg"},
            "import": {"accounts": [_account("a"), _account("b")]},
            "databaseName": "orders",
        },
        "rotation": {"interval": "24h"},
    },
)
MYSQL = _object(
    "Credential",
    {
        "rds": {
            "targetRef": {"name": "mysql"},
            "engine": "MySQL",
            "create": {"name": "orders", "privileges": [{"database": "orders", "level": "DMLOnly"}]},
        },
        "rotation": {"interval": "24h"},
    },
)
MYSQL_IMPORTED = _object(
    "Credential",
    {
        "rds": {
            "targetRef": {"name": "mysql"},
            "engine": "MySQL",
            "import": {"accounts": [_account("a"), _account("b")]},
        },
        "rotation": {"interval": "24h"},
    },
)
REDIS = _object(
    "Credential",
    {
        "redis": {"targetRef": {"name": "cache"}, "create": {"name": "orders", "privilege": "ReadWrite"}},
        "rotation": {"interval": "24h"},
        "projections": [{"secretName": "orders-cache"}],
    },
)
REDIS_ADMIN = _object(
    "Credential",
    {
        "redis": {
            "targetRef": {"name": "cache"},
            "accountManagement": "Overlap",
            "import": {"accounts": [_account("boss")]},
        },
        "rotation": {"interval": "24h"},
        "deletion": {"accounts": "Retain", "secrets": "Retain"},
        "projections": [{"secretName": "cache-admin"}],
    },
)
ECS = _object(
    "Credential",
    {
        "ecs": {"targetRef": {"name": "web"}, "secretType": "SSHKey", "import": {"accounts": [_account("deploy")]}},
        "rotation": {"interval": "1h"},
        "projections": [{"secretName": "web-deploy"}],
    },
)
RAM = _object(
    "Credential",
    {
        "ram": {
            "targetRef": {"kind": "ClusterTarget", "name": "cloud"},
            "userName": "orders-app",
            "accessKeysFrom": [{"secretName": "given"}],
        },
        "rotation": {"interval": "30d"},
        "projections": [{"secretName": "orders-app-key"}],
    },
)
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
MYSQL_SERVER = {"engine": "MySQL", "endpoints": [{"host": "mysql.db", "port": 3306}]}
SERVER = {"engine": "PostgreSQL", "endpoints": [{"host": "pg.db"}]}
TARGET = _object("Target", {"rds": SERVER, "admin": {"secretRef": {"name": "admin"}}})
MYSQL_TARGET = _object("Target", {"rds": MYSQL_SERVER, "admin": {"secretRef": {"name": "admin"}}})
REDIS_TARGET = _object(
    "Target", {"redis": {"endpoints": [{"host": "cache"}]}, "admin": {"secretRef": {"name": "admin"}}}
)
ECS_TARGET = _object(
    "Target",
    {"ecs": {"endpoints": [{"host": "web"}], "hostKeys": [HOST_KEY]}, "admin": {"secretRef": {"name": "admin"}}},
)
RAM_TARGET = _object("Target", {"ram": {}, "admin": {"secretRef": {"name": "admin"}}})
RAM_CLUSTER_TARGET = _object(
    "ClusterTarget",
    {
        "ram": {
            "regionId": "cn-hangzhou",
            "endpoints": [{"service": "RAM", "host": "ram.gateway"}, {"service": "STS", "host": "sts.gateway"}],
            "tls": {"ca": PEM},
            "credentials": "DefaultChain",
        },
        "admin": {"secretRef": {"name": "admin"}},
    },
)


def _cloud(target: Json, instance: str) -> Json:
    found = copy.deepcopy(target)
    (block,) = (name for name in found["spec"] if name != "admin")
    found["spec"][block] |= {
        "provider": "AlibabaCloud",
        "openApi": {"instanceId": instance, "regionId": "cn-hangzhou"},
    }
    return found


CLOUD_TARGET = _cloud(MYSQL_TARGET, "rm-bp1example")
CLOUD_REDIS_TARGET = _cloud(REDIS_TARGET, "r-bp1example")
CLOUD_ECS_TARGET = _cloud(ECS_TARGET, "i-bp1example")
CLUSTER_TARGET = _object("ClusterTarget", {"rds": SERVER, "admin": {"secretRef": {"name": "admin"}}})
POLARDB = _object(
    "Credential",
    {
        "polardb": {
            "targetRef": {"name": "polar"},
            "engine": "MySQL",
            "create": {"name": "orders", "privileges": [{"database": "orders", "level": "ReadWrite"}]},
            "databaseName": "orders",
        },
        "rotation": {"interval": "24h"},
    },
)
POLARDB_PG = _object(
    "Credential",
    {
        "polardb": {
            "targetRef": {"name": "polar"},
            "engine": "PostgreSQL",
            "create": {"name": "orders"},
            "databaseName": "orders",
        },
        "rotation": {"interval": "24h"},
    },
)
POLARDB_TARGET = _object("Target", {"polardb": MYSQL_SERVER, "admin": {"secretRef": {"name": "admin"}}})
POLARDB_PG_TARGET = _object("Target", {"polardb": SERVER, "admin": {"secretRef": {"name": "admin"}}})
CLOUD_WINDOWS_TARGET = copy.deepcopy(CLOUD_ECS_TARGET)
CLOUD_WINDOWS_TARGET["spec"]["ecs"] |= {"engine": "Windows", "endpoints": [{"host": "web", "port": 3389}]}
del CLOUD_WINDOWS_TARGET["spec"]["ecs"]["hostKeys"]
CLOUD_POLARDB_TARGET = _cloud(POLARDB_PG_TARGET, "pc-bp1example")
POLARDB_SET = _object(
    "CredentialSet",
    {
        "targets": {"names": ["polar"]},
        "template": {
            "spec": {
                "polardb": {"engine": "PostgreSQL", "create": {"name": "orders"}, "databaseName": "orders"},
                "rotation": {"interval": "24h"},
            }
        },
    },
)
CLOUD_CLUSTER_TARGET = copy.deepcopy(CLOUD_TARGET | {"kind": "ClusterTarget"})
CLOUD_CLUSTER_TARGET["spec"]["rds"]["openApi"] |= {
    "endpoints": [{"service": "RDS", "host": "rds.gateway"}],
    "tls": {"ca": PEM},
    "credentials": "DefaultChain",
}


def _through_the_cloud(credential: Json) -> Json:
    found = copy.deepcopy(credential)
    (block,) = (name for name in found["spec"] if name in ("rds", "polardb", "redis", "ecs"))
    found["spec"][block]["provider"] = "AlibabaCloud"
    return found


CLOUD_MYSQL = _through_the_cloud(MYSQL)
CLOUD_IMPORTED = _through_the_cloud(MYSQL_IMPORTED)
CLOUD_POLARDB = _through_the_cloud(POLARDB)
CLOUD_POLARDB_PG = _through_the_cloud(POLARDB_PG)
CLOUD_REDIS = _through_the_cloud(REDIS)
CLOUD_ECS = _through_the_cloud(ECS)
CLOUD_WINDOWS = copy.deepcopy(CLOUD_ECS)
CLOUD_WINDOWS["spec"]["ecs"] |= {"engine": "Windows", "secretType": "Password"}
CLOUD_PG = _through_the_cloud(CREATED)
CLOUD_PG["spec"]["rds"] |= {"accountManagement": "Single"}
CLOUD_PG["spec"]["rds"]["create"]["privileges"][0]["level"] = "DBOwner"
SET = _object(
    "CredentialSet",
    {
        "targets": {"matchLabels": {"fleet": "orders"}},
        "template": {
            "spec": {
                "rds": {
                    "create": {"name": "orders", "privileges": [{"database": "orders", "level": "ReadWrite"}]},
                    "databaseName": "orders",
                },
                "rotation": {"interval": "24h"},
                "projections": [{"secretName": "orders-db"}],
            }
        },
    },
)
REDIS_SET = _object(
    "CredentialSet",
    {
        "targets": {"names": ["cache"]},
        "template": {
            "spec": {"redis": {"create": {"name": "orders", "privilege": "ReadOnly"}}, "rotation": {"interval": "6h"}}
        },
    },
)
CLOUD_REDIS_SET = copy.deepcopy(REDIS_SET)
CLOUD_REDIS_SET["spec"]["template"]["spec"]["redis"]["provider"] = "AlibabaCloud"
RAM_SET = _object(
    "CredentialSet",
    {
        "targets": {"kind": "ClusterTarget", "names": ["cloud"]},
        "template": {
            "spec": {
                "ram": {"userName": "orders-app", "accessKeysFrom": [{"secretName": "given"}]},
                "rotation": {"interval": "30d"},
            }
        },
    },
)
ECS_SET = _object(
    "CredentialSet",
    {
        "targets": {"names": ["web"]},
        "template": {"spec": {"ecs": copy.deepcopy(ECS["spec"]["ecs"]), "rotation": {"interval": "24h"}}},
    },
)
del ECS_SET["spec"]["template"]["spec"]["ecs"]["targetRef"]
KEY = _object("EncryptionKey", {"provider": {"local": {}}, "allowedNamespaces": ["*"]})
AT = "2026-11-24T02:00:00Z"
VERSION = _object(
    "CredentialVersion",
    {
        "credential": "x",
        "lineage": LINEAGE,
        "sequence": 2,
        "versionId": "v2",
        "type": "rds",
        "cluster": "7f0f1b5c",
        "cause": {"kind": "Schedule", "recoveryWindowSeconds": 0},
        "mode": "Dual",
        "origin": "Generated",
        "account": "x",
        "accounts": ["x", "x_clone"],
        "target": {"kind": "Target", "name": "pg", "digest": "ab" * 32},
        "previous": {"sequence": 1, "digest": "cd" * 32},
    },
)
VERSION["metadata"]["name"] = "x-01234567-2"
ENVELOPE = {"v": 1, "suite": "s", "salt": "AAAA", "commit": "AAAA", "nonce": "AAAA", "ct": "AAAA"}
WRAP = {"key": "default", "keyVersion": "1", "provider": "local", "wrapped": "AAAA"}
ALL = {
    "generated": GENERATED,
    "sourced": SOURCED,
    "created": CREATED,
    "imported": IMPORTED,
    "set": SET,
    "polardb": POLARDB,
    "polardb-pg": POLARDB_PG,
    "polardb-target": POLARDB_TARGET,
    "polardb-pg-target": POLARDB_PG_TARGET,
    "polardb-set": POLARDB_SET,
    "mysql": MYSQL,
    "mysql-imported": MYSQL_IMPORTED,
    "redis": REDIS,
    "redis-admin": REDIS_ADMIN,
    "redis-set": REDIS_SET,
    "cloud-redis-set": CLOUD_REDIS_SET,
    "ecs-set": ECS_SET,
    "redis-target": REDIS_TARGET,
    "ecs": ECS,
    "ecs-target": ECS_TARGET,
    "ram": RAM,
    "ram-set": RAM_SET,
    "ram-target": RAM_TARGET,
    "ram-cluster-target": RAM_CLUSTER_TARGET,
    "target": TARGET,
    "mysql-target": MYSQL_TARGET,
    "cluster-target": CLUSTER_TARGET,
    "cloud-target": CLOUD_TARGET,
    "cloud-polardb-target": CLOUD_POLARDB_TARGET,
    "cloud-redis-target": CLOUD_REDIS_TARGET,
    "cloud-ecs-target": CLOUD_ECS_TARGET,
    "cloud-windows-target": CLOUD_WINDOWS_TARGET,
    "cloud-cluster-target": CLOUD_CLUSTER_TARGET,
    "cloud-mysql": CLOUD_MYSQL,
    "cloud-imported": CLOUD_IMPORTED,
    "cloud-pg": CLOUD_PG,
    "cloud-polardb": CLOUD_POLARDB,
    "cloud-polardb-pg": CLOUD_POLARDB_PG,
    "cloud-redis": CLOUD_REDIS,
    "cloud-ecs": CLOUD_ECS,
    "cloud-windows": CLOUD_WINDOWS,
    "key": KEY,
    "version": VERSION,
}


def account(name: str) -> Json:
    """An account that is to be imported."""
    return _account(name)


def named(item: Json, name: str) -> Json:
    """A copy under this name; of a version, it is the Credential's."""
    found = copy.deepcopy(item)
    if found["kind"] == "CredentialVersion":
        found["spec"]["credential"] = name
        return of_its_name(found)
    found["metadata"]["name"] = name
    return found


def of_its_name(version: Json) -> Json:
    """A copy that is called as its spec wants it."""
    spec = version["spec"]
    name = f"{spec.get('credential')}-{str(spec.get('lineage'))[:8]}-{spec.get('sequence')}"
    return version | {"metadata": version["metadata"] | {"name": name}}
