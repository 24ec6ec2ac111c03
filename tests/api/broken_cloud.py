"""Rules of what is changed through the cloud's API, each broken: object, path, value, a part of the message."""

from __future__ import annotations

from tests.api import objects as o
from tests.api.server import changed

POLAR = "spec.polardb.create.privileges.0"
CLOUD = [
    *(
        case
        for block, item in {
            "rds": o.CLOUD_TARGET,
            "polardb": o.CLOUD_POLARDB_TARGET,
            "redis": o.CLOUD_REDIS_TARGET,
            "ecs": o.CLOUD_ECS_TARGET,
        }.items()
        for case in (
            (item, f"spec.{block}.provider", ..., f"spec.{block}.provider, spec.{block}.openApi: one needs the other"),
            (item, f"spec.{block}.openApi", ..., f"spec.{block}.provider, spec.{block}.openApi: one needs the other"),
            (item, f"spec.{block}.openApi.instanceId", "x-1", f"spec.{block}.openApi.instanceId: must be the id of"),
            (
                item,
                f"spec.{block}.openApi.endpoints",
                [{"service": "Tair" if block != "redis" else "RDS", "host": "h"}],
                f"spec.{block}.openApi.endpoints[].service: must be",
            ),
            (
                item,
                f"spec.{block}.openApi.credentials",
                "DefaultChain",
                f"spec.{block}.openApi.endpoints, tls.ca, credentials: other endpoints, their ca and DefaultChain are for",
            ),
            (
                item,
                f"spec.{block}.openApi.tls",
                {"ca": o.PEM},
                "their ca and DefaultChain are for a ClusterTarget: remove",
            ),
        )
    ),
    (
        o.CLOUD_TARGET,
        "spec.rds.openApi.endpoints",
        [{"service": "RDS", "host": "h"}],
        "are for a ClusterTarget: remove",
    ),
    (o.CLOUD_TARGET, "spec.rds.openApi.instanceId", "rr-bp1", "an RDS instance, such as rm-bp1example: read-only ones"),
    (
        o.CLOUD_TARGET,
        "spec.rds.passwordTransport",
        "Plaintext",
        "spec.rds.passwordTransport, databaseName: say how an admin",
    ),
    (o.CLOUD_POLARDB_TARGET, "spec.polardb.databaseName", "x", "spec.polardb.passwordTransport, databaseName: say how"),
    (
        o.CLOUD_WINDOWS_TARGET,
        "spec.ecs",
        {k: v for k, v in o.CLOUD_WINDOWS_TARGET["spec"]["ecs"].items() if k not in ("provider", "openApi")},
        "spec.ecs.engine: Windows hosts are worked on through a cloud's API alone",
    ),
    (o.CLOUD_WINDOWS_TARGET, "spec.ecs.hostKeys", [o.HOST_KEY], "spec.ecs.hostKeys: a Linux host needs at least one"),
    (o.ECS_TARGET, "spec.ecs.hostKeys", ..., "spec.ecs.hostKeys: a Linux host needs at least one"),
    (o.CLOUD_WINDOWS, "spec.ecs.provider", ..., "spec.ecs.engine: Windows hosts are worked on through a cloud's API"),
    (o.CLOUD_WINDOWS, "spec.ecs.secretType", "SSHKey", "spec.ecs.secretType: users of Windows hosts have passwords"),
    (
        o.CLOUD_WINDOWS,
        "spec.ecs.import.accounts.0.name",
        "a" * 21,
        "spec.ecs.import.accounts[].name: Windows has at most 20 characters",
    ),
    (
        o.CLOUD_ECS_TARGET,
        "spec.ecs.passwordTransport",
        "Plaintext",
        "spec.ecs.passwordTransport: is for hosts that are",
    ),
    (
        o.CLOUD_TARGET,
        "spec.rds.privilegedRole",
        "r",
        "spec.rds.privilegedRole: the cloud has a privileged account of its",
    ),
    (o.CLOUD_TARGET, "spec.admin.selfChange", True, "spec.admin.selfChange: is for rds without provider"),
    (
        o.CLOUD_MYSQL,
        "spec.rds.accountManagement",
        "Overlap",
        "spec.rds.accountManagement: Overlap is not to be had through the cloud's API, which knows one password per account",
    ),
    (
        o.CLOUD_REDIS,
        "spec.redis.accountManagement",
        "Overlap",
        "spec.redis.accountManagement: Overlap is not to be had",
    ),
    (
        o.REDIS_ADMIN,
        "spec.redis.provider",
        "AlibabaCloud",
        "spec.redis.import: is the login of an admin, which with provider is an AccessKey: rotate that with spec.ram",
    ),
    (
        o.CLOUD_PG,
        "spec.rds.accountManagement",
        "Dual",
        "a pair on PostgreSQL cannot be given equal rights: use a Target without",
    ),
    (
        o.CLOUD_PG,
        "spec.rds.create.privileges.0.level",
        "ReadWrite",
        "through the cloud's API, PostgreSQL has DBOwner alone",
    ),
    (
        o.CLOUD_PG,
        "spec.rds.create.privileges.0.schemas",
        ["s"],
        "ownerRoles: the cloud's API gives rights on whole databases",
    ),
    (o.CLOUD_PG, "spec.rds.create.privileges.0.ownerRoles", ["r"], "ownerRoles: the cloud's API gives rights on whole"),
    (o.CLOUD_MYSQL, "spec.rds.hosts", ["10.%"], "spec.rds.hosts: the cloud's API knows an account by its name alone"),
    *(
        (
            o.CLOUD_MYSQL,
            "spec.rds.create.name",
            name,
            "spec.rds.create.name: with provider it must begin with a-z, not end in _",
        )
        for name in ("a", "_orders", "orders_")
    ),
    (
        changed(o.CLOUD_MYSQL, "spec.rds.engine", "MariaDB"),
        "spec.rds.create.name",
        "a" * 11,
        "spec.rds.create.name: RDS for MariaDB takes 16 characters, and a clone's name has 6 more: at most 10, with Single 16",
    ),
    (
        changed(changed(o.CLOUD_MYSQL, "spec.rds.engine", "MariaDB"), "spec.rds.accountManagement", "Single"),
        "spec.rds.create.name",
        "a" * 17,
        "spec.rds.create.name: RDS for MariaDB takes 16 characters",
    ),
    (
        o.POLARDB,
        f"{POLAR}.level",
        "ReadIndex",
        "spec.polardb.create.privileges[].level: ReadIndex is of the cloud's API alone",
    ),
    (
        o.CLOUD_POLARDB_PG,
        "spec.polardb.create.privileges",
        [{"database": "orders", "level": "ReadOnly"}],
        "spec.polardb.create.privileges: the cloud's API gives none on PostgreSQL: remove them, or use a Target without",
    ),
    *(
        (
            o.CLOUD_REDIS,
            "spec.redis.create.name",
            name,
            "spec.redis.create.name: is one that the cloud keeps for itself",
        )
        for name in ("root", "admin", "replicator", "aurora")
    ),
    (
        o.CLOUD_REDIS_SET,
        "spec.template.spec.redis.accountManagement",
        "Overlap",
        "spec.redis.accountManagement: Overlap is not to be had through the cloud's API",
    ),
    (
        o.CLOUD_REDIS_SET,
        "spec.template.spec.redis.create.name",
        "root",
        "spec.redis.create.name: is one that the cloud keeps for itself",
    ),
    (
        o.CLOUD_REDIS_TARGET,
        "spec.redis.topology",
        "Cluster",
        "spec.redis.topology: the cloud gives accounts to each node itself: remove it",
    ),
    (
        o.REDIS_TARGET,
        "spec.redis.engine",
        "Tair",
        "spec.redis.engine: Tair's accounts are changed through the cloud's API alone",
    ),
    (
        o.REDIS_TARGET,
        "spec.redis.authentication",
        "Combined",
        "spec.redis.authentication: Redis 6 and newer have ACL users, older ones need provider",
    ),
]
