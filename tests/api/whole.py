"""Objects in which each field stands that has a bound, by the plural of their kind. Several, as not all can stand together."""

from __future__ import annotations

from typing import Any

from tests.api import objects as o
from tests.api.server import changed

Json = dict[str, Any]


def _with(item: Json, values: Json) -> Json:
    for path, value in values.items():
        item = changed(item, path, value)
    return item


CONDITION = {"type": "Ready", "status": "True", "reason": "r", "message": "m", "lastTransitionTime": o.AT}
WINDOW = {"start": "02:00", "duration": "1h", "days": ["Mon"], "timeZone": "Europe/Berlin"}
ROTATION = {"interval": "24h", "gracePeriod": "5m", "driftInterval": "10m", "timeZone": "UTC", "windows": [WINDOW]}
PROJECTION = {
    "secretName": "one",
    "keys": {"password": "word"},
    "templates": {"url": "x"},
    "labels": {"team": "a"},
    "annotations": {"note": "a"},
}
AROUND = {
    "spec.description": "d",
    "spec.encryptionKeyName": "default",
    "spec.projections": [PROJECTION],
    "spec.accessPolicy": {"readers": ["r"], "managers": ["m"]},
    "spec.deletion": {"recoveryWindow": "30d"},
}
GENERATE = {"length": 8, "classes": ["Digits"], "symbols": "!", "exclude": "0", "key": "token"}
RIGHTS = [{"database": "orders", "level": "ReadWrite", "schemas": ["public"], "ownerRoles": ["owner"]}]
CREDENTIALS = [
    _with(o.GENERATED, AROUND | {"spec.generic": {"versionId": "first", "maxVersions": 3, "generate": GENERATE}}),
    changed(o.SOURCED, "spec.generic.source.keys", ["a"]),
    _with(o.CREATED, {"spec.rds.create.privileges": RIGHTS, "spec.rotation": ROTATION}),
    changed(o.CREATED, "spec.rotation", {"cron": "0 3 * * 1"}),
    changed(o.IMPORTED, "spec.rds.import.accounts.0.passwordFrom.key", "k"),
    changed(o.MYSQL, "spec.rds.hosts", ["10.%"]),
    changed(o.POLARDB_PG, "spec.polardb.create.privileges", RIGHTS),
    o.REDIS,
    changed(o.REDIS_ADMIN, "spec.redis.import.accounts.0.passwordFrom.key", "k"),
    changed(o.ECS, "spec.ecs.import.accounts.0.passwordFrom.key", "k"),
    o.RAM,
    o.GENERATED
    | {
        "status": {
            "type": "t",
            "currentVersion": "v1",
            "lastGap": "1s",
            "nextRotation": "n",
            "lineage": "l",
            "conditions": [CONDITION],
            "projections": [{"secretName": "one", "version": "v1"}],
            "secrets": "s",
            "failures": {"count": 1, "reason": "r", "step": "s", "inputs": "i"},
            "waiting": {"reason": "r"},
            "takeover": "t",
            "credentialName": "c",
            "requests": ["r"],
        }
    },
]
SETS = [
    changed(o.SET, "spec.template.metadata", {"labels": {"team": "a"}, "annotations": {"note": "a"}}),
    changed(o.SET, "spec.targets", {"names": ["one"]}),
    o.SET | {"status": {"conditions": [CONDITION], "failures": [{"target": "t", "reason": "r", "message": "m"}]}},
]
TLS = {"ca": o.PEM, "serverName": "server"}
CALLS = {"endpoints": [{"service": "RDS", "host": "gateway", "port": 443}], "tls": {"ca": o.PEM}}
TARGETS = [
    _with(
        o.TARGET,
        {
            "spec.rds.endpoints": [{"host": "pg.db", "port": 5432, "role": "Primary"}],
            "spec.rds.tls": TLS,
            "spec.rds.databaseName": "orders",
            "spec.rds.privilegedRole": "role",
            "spec.rds.allowedPrivileges": [{"databases": ["orders_*"], "levels": ["ReadOnly"]}],
            "spec.allowedAccounts": ["a"],
            "spec.allowUnverifiedImport": ["a"],
            "spec.maxConcurrentRotations": 2,
        },
    ),
    _with(
        o.POLARDB_PG_TARGET,
        {
            "spec.polardb.endpoints": [{"host": "pg.db", "port": 5432, "role": "Primary"}],
            "spec.polardb.tls": TLS,
            "spec.polardb.databaseName": "orders",
            "spec.polardb.allowedPrivileges": [{"databases": ["orders_*"], "levels": ["ReadOnly"]}],
        },
    ),
    _with(
        o.REDIS_TARGET,
        {
            "spec.redis.topology": "Cluster",
            "spec.redis.endpoints": [{"host": "cache", "port": 6379}],
            "spec.redis.tls": TLS,
            "spec.redis.allowedPrivileges": ["ReadOnly"],
        },
    ),
    changed(o.ECS_TARGET, "spec.ecs.endpoints", [{"host": "web", "port": 22}]),
    changed(o.RAM_TARGET, "spec.ram.regionId", "cn-hangzhou"),
    o.CLOUD_TARGET,
    o.CLOUD_POLARDB_TARGET,
    o.CLOUD_REDIS_TARGET,
    o.CLOUD_ECS_TARGET,
    o.TARGET | {"status": {"digest": "d", "approvedDigest": "d", "conditions": [CONDITION]}},
]
SERVICES = {
    "rds": (o.CLOUD_TARGET, "RDS"),
    "polardb": (o.CLOUD_POLARDB_TARGET, "PolarDB"),
    "redis": (o.CLOUD_REDIS_TARGET, "Tair"),
    "ecs": (o.CLOUD_ECS_TARGET, "ECS"),
}
CLUSTER_TARGETS = [
    changed(o.CLUSTER_TARGET, "spec.allowedNamespaces", ["shop"]),
    _with(
        o.RAM_CLUSTER_TARGET,
        {
            "spec.ram.endpoints": [{"service": "RAM", "host": "gateway", "port": 443}],
            "spec.ram.tls": TLS,
        },
    ),
    *(
        _with(
            target | {"kind": "ClusterTarget"},
            {
                f"spec.{block}.openApi.endpoints": [{"service": service, "host": "gateway", "port": 443}],
                f"spec.{block}.openApi.tls": {"ca": o.PEM},
            },
        )
        for block, (target, service) in SERVICES.items()
    ),
]
KEYS = [
    changed(o.KEY, "spec.allowedNamespaces", ["shop"]),
    o.KEY | {"status": {"state": "s", "currentVersion": "1", "conditions": [CONDITION]}},
]
VERSIONS = [
    _with(
        o.VERSION,
        {
            "spec.cause.text": "t",
            "spec.cause.handled": {"rotate": "t", "promote": "t", "takeover": "t"},
            "spec.target.uid": "u",
            "spec.sourceDigest": "ab" * 32,
            "spec.envelopeDigest": "ab" * 32,
            "envelope": o.ENVELOPE,
            "wraps": [o.WRAP],
            "record": {
                "promoted": {"number": 4, "at": o.AT, "by": "t"},
                "issued": {"at": o.AT, "digest": "ab" * 32},
                "retired": {"as": "Ended", "at": o.AT},
                "disabledByUs": {"uid": "u", "at": o.AT},
                "notes": {"absent": "x"},
            },
        },
    )
]
WHOLE = {
    "credentials": CREDENTIALS,
    "credentialsets": SETS,
    "targets": TARGETS,
    "clustertargets": CLUSTER_TARGETS,
    "encryptionkeys": KEYS,
    "credentialversions": VERSIONS,
}
