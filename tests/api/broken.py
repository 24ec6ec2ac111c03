"""Rules over several fields, each broken: object, path, value, a part of the message."""

from __future__ import annotations

from tests.api import objects as o
from tests.api.broken_cloud import CLOUD
from tests.api.server import changed

PR = "spec.projections.0"
SINGLE = changed(o.CREATED, "spec.rds.accountManagement", "Single")
POLAR = "spec.polardb.create.privileges.0"
CLOUD_PG_TARGET = changed(changed(o.CLOUD_TARGET, "spec.rds.engine", "PostgreSQL"), "spec.rds.endpoints.0.port", 5432)
CLOUD_POLARDB_MYSQL = changed(
    changed(o.CLOUD_POLARDB_TARGET, "spec.polardb.engine", "MySQL"), "spec.polardb.endpoints.0.port", 3306
)
WINDOW = {"start": "02:00", "duration": "8d"}
SETS = [
    *(
        (
            item,
            f"spec.template.spec.{block}.targetRef",
            {"name": "one"},
            f"spec.template.spec.{block}.targetRef: is filled in",
        )
        for block, item in {"rds": o.SET, "polardb": o.POLARDB_SET, "redis": o.REDIS_SET, "ecs": o.ECS_SET}.items()
    ),
    (o.SET, "spec.template.spec", {"generic": {"generate": {}}}, "spec.template.spec.generic: opens no Target"),
    (o.SET, "spec.targets", {}, "spec.targets: set exactly one of names and matchLabels"),
    (o.SET, "spec.targets.names", ["orders"], "spec.targets: set exactly one of names and matchLabels"),
    (o.SET, "metadata.name", "a" * 41, "metadata.name: must have at most 40 characters"),
]
BROKEN = [
    (o.GENERATED, "metadata.name", "a" * 64, "metadata.name: must have at most 63"),
    (o.GENERATED, "spec", {}, "spec: set exactly one of generic, rds, polardb, redis, ecs and ram"),
    (
        o.GENERATED,
        "spec.rds",
        o.CREATED["spec"]["rds"],
        "spec: set exactly one of generic, rds, polardb, redis, ecs and ram",
    ),
    (
        o.CREATED,
        "spec.polardb",
        o.POLARDB["spec"]["polardb"],
        "spec: set exactly one of generic, rds, polardb, redis, ecs and ram",
    ),
    *(
        (
            item,
            "spec.rotation.onRightsDrift",
            "Refuse",
            "spec.rotation.onRightsDrift: Refuse is for rds, polardb and redis",
        )
        for item in (o.GENERATED, o.ECS, o.RAM)
    ),
    (
        o.MYSQL_IMPORTED,
        "spec",
        {
            "rds": o.MYSQL_IMPORTED["spec"]["rds"]
            | {
                "accountManagement": "Overlap",
                "import": {"accounts": o.MYSQL_IMPORTED["spec"]["rds"]["import"]["accounts"][:1]},
            },
            "rotation": {"interval": "24h", "onRightsDrift": "Refuse"},
        },
        "spec.rotation.onRightsDrift: the rights of an imported account that stands alone",
    ),
    (
        o.REDIS_ADMIN,
        "spec.rotation.onRightsDrift",
        "Refuse",
        "spec.rotation.onRightsDrift: the rights of an imported account that stands alone",
    ),
    (
        o.CLOUD_POLARDB_PG,
        "spec.rotation.onRightsDrift",
        "Refuse",
        "spec.rotation.onRightsDrift: the cloud's API gives no rights on PostgreSQL",
    ),
    *(
        (item, f"spec.{block}.allowedPrivileges", [{"databases": ["*"], "levels": ["ReadOnly", level]}], message)
        for item, block, level, message in (
            (o.TARGET, "rds", "DDLOnly", "spec.rds.allowedPrivileges[].levels: PostgreSQL has DBOwner, ReadWrite and"),
            (o.MYSQL_TARGET, "rds", "DBOwner", "spec.rds.allowedPrivileges[].levels: MySQL and MariaDB have ReadWrite"),
            (
                o.CLOUD_TARGET,
                "rds",
                "ReadIndex",
                "spec.rds.allowedPrivileges[].levels: MySQL and MariaDB have ReadWrite",
            ),
            (o.POLARDB_TARGET, "polardb", "ReadIndex", "spec.polardb.allowedPrivileges[].levels: MySQL has ReadWrite"),
            (o.POLARDB_PG_TARGET, "polardb", "DMLOnly", "spec.polardb.allowedPrivileges[].levels: PostgreSQL has"),
            (
                o.CLOUD_POLARDB_TARGET,
                "polardb",
                "DBOwner",
                "spec.polardb.allowedPrivileges: the cloud's API gives none on",
            ),
            (
                CLOUD_PG_TARGET,
                "rds",
                "ReadWrite",
                "spec.rds.allowedPrivileges[].levels: through the cloud's API, PostgreSQL",
            ),
            (
                CLOUD_POLARDB_MYSQL,
                "polardb",
                "DBOwner",
                "spec.polardb.allowedPrivileges[].levels: PolarDB for MySQL has no",
            ),
        )
    ),
    (o.POLARDB, "spec.rotation", {}, "spec.rotation.interval: is needed if rotation is automatic"),
    (o.POLARDB, "spec.rotation.interval", "5h", "spec.rotation.interval: must be between 6h and 365d"),
    (o.POLARDB, "spec.polardb.create.name", "a", "spec.polardb.create.name: must begin with a-z"),
    (o.POLARDB, "spec.polardb.create.name", "a" * 11, "and have 2 to 10 characters: the clone's name has 6 more"),
    (o.POLARDB, "spec.polardb.create.name", "_orders", "spec.polardb.create.name: must begin with a-z"),
    (o.POLARDB, "spec.polardb.create.name", "orders_", "not end in _"),
    (o.POLARDB, "spec.polardb.create.name", "Orders", "spec.polardb.create.name: must begin with a-z"),
    (o.POLARDB, "spec.polardb.create.name", "root", "spec.polardb.create.name: is reserved by PolarDB"),
    (o.POLARDB_PG, "spec.polardb.create.name", "pg_monitor", "spec.polardb.create.name: is reserved by PolarDB"),
    (o.POLARDB, "spec.polardb.create.privileges", [], "spec.polardb.create.privileges: MySQL needs a database and its"),
    (
        o.POLARDB,
        "spec.polardb.create.privileges",
        ...,
        "spec.polardb.create.privileges: MySQL needs a database and its",
    ),
    (o.POLARDB, f"{POLAR}.level", "DBOwner", "spec.polardb.create.privileges[].level: MySQL has no DBOwner"),
    (o.POLARDB, f"{POLAR}.level", "Owner", "spec.polardb.create.privileges[].level: must be DBOwner, ReadWrite"),
    (o.POLARDB, f"{POLAR}.schemas", ["s"], "privileges[].schemas, ownerRoles: MySQL has neither"),
    (
        o.POLARDB_PG,
        "spec.polardb.create.privileges",
        [{"database": "orders", "level": "DMLOnly"}],
        "spec.polardb.create.privileges[].level: PostgreSQL cannot enforce DDLOnly or DMLOnly",
    ),
    (o.TARGET, "spec.rds", ..., "spec: set exactly one of rds, polardb, redis, ecs and ram"),
    (o.TARGET, "spec.polardb", o.SERVER, "spec: set exactly one of rds, polardb, redis, ecs and ram"),
    (
        o.RAM_TARGET,
        "spec.ram.credentials",
        "DefaultChain",
        "spec.ram.credentials: other endpoints, their ca and DefaultChain",
    ),
    (o.RAM_TARGET, "spec.ram.tls", {"ca": o.PEM}, "are for a ClusterTarget: remove them, or make one"),
    (o.RAM_TARGET, "spec.ram.endpoints", [{"service": "STS", "host": "sts.x"}], "are for a ClusterTarget"),
    (o.POLARDB_TARGET, "spec.admin.selfChange", True, "spec.admin.selfChange: is for rds"),
    (o.RAM, "spec.rotation.interval", "6d", "spec.rotation.interval: must be between 7d and 365d for ram"),
    (o.RAM, "spec.rotation", {"cron": "0 3 * * *"}, "spec.rotation.cron: must name one hour of one weekday"),
    (
        o.RAM,
        "spec.deletion",
        {"accounts": "Disable"},
        "spec.deletion.accounts: RAM users are neither disabled nor dropped",
    ),
    (
        o.RAM_SET,
        "spec.template.spec.ram.targetRef",
        {"name": "x"},
        "spec.template.spec.ram.targetRef: is filled in for",
    ),
    (o.POLARDB_TARGET, "spec.polardb.databaseName", "orders", "spec.polardb.databaseName: is for PostgreSQL"),
    (o.POLARDB_TARGET, "spec.polardb.endpoints", [{"host": "a"}], "spec.polardb.endpoints[].port: MySQL needs 3306"),
    (
        o.POLARDB_TARGET,
        "spec.polardb.endpoints.0.role",
        "Replica",
        "spec.polardb.endpoints: exactly one must have role",
    ),
    (o.POLARDB_PG_TARGET, "spec.polardb.passwordTransport", "Plaintext", "spec.polardb.passwordTransport: PostgreSQL"),
    (o.GENERATED, "spec.generic", {}, "spec.generic: set exactly one of source and generate"),
    (o.GENERATED, "spec.generic.source", {"secretRef": {"name": "s"}}, "spec.generic: set exactly one of source"),
    (o.SOURCED, "spec.generic.type", "PlainText", "PlainText needs exactly one key"),
    (o.GENERATED, "spec.rotation", {"automatic": True}, "a generic value is not replaced on schedule"),
    (o.GENERATED, "spec.rotation", {"interval": "24h"}, "a generic value is not replaced on schedule"),
    (o.GENERATED, "spec.rotation", {"cron": "0 3 * * 1"}, "a generic value is not replaced on schedule"),
    (o.CREATED, "spec.rotation", {}, "spec.rotation.interval: is needed if rotation is automatic"),
    (o.CREATED, "spec.rotation", {"automatic": True}, "spec.rotation.interval: is needed if rotation is automatic"),
    (o.CREATED, "spec.rotation.automatic", False, "spec.rotation.interval: is needed if rotation is automatic"),
    (o.CREATED, "spec.rotation.cron", "0 3 * * 1", "spec.rotation.cron: takes the place of spec.rotation.interval"),
    (o.CREATED, "spec.rotation.interval", "5h", "spec.rotation.interval: must be between 6h and 365d"),
    (o.CREATED, "spec.rotation.interval", "366d", "spec.rotation.interval: must be between 6h and 365d"),
    (o.CREATED, "spec.rotation.gracePeriod", "31d", "spec.rotation.gracePeriod: must be at most 30d"),
    (o.CREATED, "spec.rotation.driftInterval", "1s", "spec.rotation.driftInterval: must be between 1m and 30d"),
    (o.CREATED, "spec.rotation.windows", [WINDOW], "spec.rotation.windows[].duration: must be between 1m and 7d"),
    (o.CREATED, "spec.deletion", {"recoveryWindow": "1d"}, "spec.deletion.recoveryWindow: must be between 7d and 30d"),
    (o.SOURCED, f"{PR}.labels", {"a.kubernetes.io/b": "c"}, "labels: keys under kubernetes.io"),
    (o.SOURCED, f"{PR}.labels", {"k8s.io/b": "c"}, "labels: keys under kubernetes.io"),
    (o.SOURCED, f"{PR}.annotations", {"argocd.argoproj.io/b": "c"}, "annotations: keys under kubernetes.io"),
    (o.SOURCED, f"{PR}.annotations", {"helm.sh/b": "c"}, "annotations: keys under kubernetes.io"),
    (o.SOURCED, f"{PR}.annotations", {"keyward.dev/version": "c"}, "annotations: keys under kubernetes.io"),
    (o.SOURCED, f"{PR}.labels", {"a b": "c"}, "a key is not one that a label may have"),
    (o.SOURCED, f"{PR}.annotations", {"a b": "c"}, "a key is not one that an annotation may have"),
    (o.SOURCED, f"{PR}.templates", {"a/b": "c"}, "templates: a key is not one that a Secret may have"),
    (o.CREATED, "spec.rds.create.privileges.0.level", "DDLOnly", "PostgreSQL cannot enforce DDLOnly or DMLOnly"),
    (o.CREATED, "spec.rds.create.privileges.0.level", "DMLOnly", "PostgreSQL cannot enforce DDLOnly or DMLOnly"),
    (
        o.CREATED,
        "spec.rds.create.privileges.0.level",
        "Owner",
        "level: must be DBOwner, ReadWrite, ReadOnly, DDLOnly or",
    ),
    (o.CREATED, "spec.rds.hosts", ["%"], "spec.rds.hosts: PostgreSQL's accounts have none"),
    (o.CREATED, "spec.rds.accountManagement", "Overlap", "Overlap needs an account that can hold two passwords"),
    (o.MYSQL, "spec.rds.create.privileges.0.level", "DBOwner", "MySQL and MariaDB have no DBOwner"),
    (o.MYSQL, "spec.rds.create.privileges.0.schemas", ["s"], "privileges[].schemas, ownerRoles: MySQL and MariaDB"),
    (o.MYSQL, "spec.rds.create.privileges.0.ownerRoles", ["r"], "privileges[].schemas, ownerRoles: MySQL and MariaDB"),
    (o.MYSQL, "spec.rds.create.name", "a" * 27, "spec.rds.create.name: must have at most 26 characters for MySQL"),
    (o.MYSQL, "spec.rds.create.name", "root", "and be no name of the server's own"),
    (
        o.MYSQL_IMPORTED,
        "spec.rds.import.accounts.0.name",
        "Root",
        "accounts[].name: must not end in a space, and be no",
    ),
    (o.MYSQL_IMPORTED, "spec.rds.import.accounts.0.name", "mysql.sys", "accounts[].name: must not end in a space"),
    (o.MYSQL_IMPORTED, "spec.rds.import.accounts.0.name", "a ", "accounts[].name: must not end in a space"),
    (o.MYSQL_IMPORTED, "spec.rds.import.accounts.0.name", "a" * 33, "accounts[].name: MySQL has at most 32 characters"),
    (o.MYSQL_TARGET, "spec.rds.databaseName", "orders", "spec.rds.databaseName: is for PostgreSQL"),
    (o.MYSQL_TARGET, "spec.rds.endpoints", [{"host": "a"}], "endpoints[].port: MySQL and MariaDB need it"),
    (o.TARGET, "spec.rds.passwordTransport", "Plaintext", "spec.rds.passwordTransport: PostgreSQL takes hashes"),
    (o.CREATED, "spec.rds.create.name", "1a", "spec.rds.create.name: must begin with a-z or _"),
    (o.CREATED, "spec.rds.create.name", "a" * 57, "have at most 56 characters"),
    (o.CREATED, "spec.rds.create.name", "postgres", "spec.rds.create.name: is reserved"),
    (o.CREATED, "spec.rds.create.name", "pg_monitor", "spec.rds.create.name: is reserved"),
    (o.CREATED, "spec.rds.create.name", "public", "spec.rds.create.name: is reserved"),
    (o.CREATED, "spec.rds.create.name", "none", "spec.rds.create.name: is reserved"),
    (o.CREATED, "spec.rds.create.privileges", [], "spec.rds.create.privileges: give at least one"),
    (SINGLE, "spec.rds.create.privileged", True, "spec.rds.create.privileges: give at least one"),
    (
        changed(o.CREATED, "spec.rds.create.privileges", []),
        "spec.rds.create.privileged",
        True,
        "spec.rds.create.privileged: needs spec.rds.accountManagement Single",
    ),
    (
        o.CREATED,
        "spec.rds.import",
        o.IMPORTED["spec"]["rds"]["import"],
        "spec.rds: set exactly one of create and import",
    ),
    (o.CREATED, "spec.rds.create", ..., "spec.rds: set exactly one of create and import"),
    (o.CREATED, "spec.rds.databaseName", ..., "spec.rds.databaseName: PostgreSQL needs it"),
    (o.IMPORTED, "spec.rds.import.accounts.0.name", "Postgres", "accounts[].name: is reserved"),
    (o.IMPORTED, "spec.rds.import.accounts", [o.account("a")], "Dual needs two accounts, Single and"),
    (o.IMPORTED, "spec.rds.accountManagement", "Single", "Dual needs two accounts, Single and"),
    (o.TARGET, "spec.rds.endpoints.0.role", "Replica", "exactly one must have role Primary"),
    (o.TARGET, "spec.rds.endpoints", [{"host": "a"}, {"host": "b"}], "exactly one must have role Primary"),
    (
        o.CREATED,
        "spec.redis",
        o.REDIS["spec"]["redis"],
        "spec: set exactly one of generic, rds, polardb, redis, ecs and ram",
    ),
    (o.REDIS, "spec.rotation", {}, "spec.rotation.interval: is needed if rotation is automatic"),
    (o.REDIS, "spec.rotation.automatic", False, "spec.rotation.interval: is needed if rotation is automatic"),
    (
        o.REDIS,
        "spec.redis.create.name",
        "default",
        "default is the server's own account and never managed: choose another",
    ),
    (o.REDIS, "spec.redis.create.name", "_a", "spec.redis.create.name: must begin with a-z"),
    (o.REDIS, "spec.redis.create.name", "a-b", "spec.redis.create.name: must begin with a-z"),
    (o.REDIS, "spec.redis.create.name", "A", "spec.redis.create.name: must begin with a-z"),
    (o.REDIS, "spec.redis.create", ..., "spec.redis: set exactly one of create and import"),
    (
        o.REDIS_ADMIN,
        "spec.redis.create",
        o.REDIS["spec"]["redis"]["create"],
        "spec.redis: set exactly one of create and import",
    ),
    (
        o.REDIS_ADMIN,
        "spec.redis.accountManagement",
        "Dual",
        "an admin that is imported changes itself, which is safe while it holds two passwords: set Overlap",
    ),
    (
        o.REDIS_ADMIN,
        "spec.redis.accountManagement",
        ...,
        "an admin that is imported changes itself, which is safe while it holds two passwords: set Overlap",
    ),
    (
        o.REDIS_ADMIN,
        "spec.redis.import.accounts.0.name",
        "default",
        "default is the server's own account and never managed: make the admin an account of its own",
    ),
    (
        o.REDIS_ADMIN,
        "spec.redis.import.accounts.0.name",
        "the boss",
        "spec.redis.import.accounts[].name: must be characters of ASCII",
    ),
    (
        o.REDIS_TARGET,
        "spec.redis.endpoints",
        [{"host": "a"}, {"host": "b"}],
        "spec.redis.endpoints: Standalone has exactly one",
    ),
    (
        o.REDIS_TARGET,
        "spec.redis.endpoints",
        [{"host": "a", "optional": True}],
        "spec.redis.endpoints[].optional: at least one must not be",
    ),
    (o.REDIS_TARGET, "spec.rds", o.SERVER, "spec: set exactly one of rds, polardb, redis, ecs and ram"),
    (o.TARGET, "spec.rds", ..., "spec: set exactly one of rds, polardb, redis, ecs and ram"),
    (o.ECS, "spec.rds", o.CREATED["spec"]["rds"], "spec: set exactly one of generic, rds, polardb, redis, ecs and ram"),
    (o.ECS, "spec.rotation", {}, "spec.rotation.interval: is needed if rotation is automatic"),
    (
        o.ECS,
        "spec.deletion",
        {"accounts": "Disable"},
        "spec.deletion.accounts: users of a host are neither disabled nor",
    ),
    (
        changed(o.ECS, "spec.ecs.secretType", "Password"),
        "spec.ecs.keyAlgorithm",
        "RSA3072",
        "spec.ecs.keyAlgorithm: is for secretType SSHKey: remove it",
    ),
    (o.CREATED, "spec.rotation.interval", "5h", "spec.rotation.interval: must be between 6h and 365d, for ecs"),
    (o.ECS_TARGET, "spec.rds", o.SERVER, "spec: set exactly one of rds, polardb, redis, ecs and ram"),
    *CLOUD,
    *SETS,
    (o.KEY, "spec.provider", {}, "spec.provider: set exactly one provider"),
    *(
        (o.VERSION, path, value, "metadata.name: must be <credential>-<first 8 of lineage>-<sequence>")
        for path, value in (
            *(
                ("metadata.name", f"x-{tail}")
                for tail in ("1", "01234567-1", "01234567-02", "01234567-2-2", "2-01234567")
            ),
            ("spec.credential", "other"),
            ("spec.lineage", "f" * 32),
            ("spec.sequence", 3),
        )
    ),
]

# Said by the API server's own rule for lists that are maps, before ours.
UNIQUE = [
    (o.IMPORTED, "spec.rds.import.accounts.1.name", "a", "the two names must differ"),
    (o.SOURCED, "spec.projections", [{"secretName": "s"}] * 2, "every secretName may be there once"),
    (o.TARGET, "spec.rds.endpoints", [{"host": "a"}, {"host": "a", "role": "Replica"}], "the same host and port"),
    (
        changed(o.REDIS_TARGET, "spec.redis.topology", "Cluster"),
        "spec.redis.endpoints",
        [{"host": "a"}, {"host": "a", "optional": True}],
        "spec.redis.endpoints: the same host and port",
    ),
    (
        o.POLARDB_PG_TARGET,
        "spec.polardb.endpoints",
        [{"host": "a"}, {"host": "a", "role": "Replica"}],
        "spec.polardb.endpoints: the same host and port",
    ),
]
