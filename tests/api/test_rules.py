"""Every rule over several fields: the API server's message and ours are the same, and name the field and the fix."""

from __future__ import annotations

import pytest
from tests.api import objects as o
from tests.api.server import RefusedError, changed

from keyward.api import (
    credential,
    ecs,
    encryption_key,
    generic,
    open_api,
    polardb,
    projection,
    rds,
    redis,
    rotation,
    target,
    version,
)
from keyward.api.base import Model, parse
from keyward.api.credential import Credential
from keyward.api.credential_set import CredentialSet
from keyward.api.encryption_key import EncryptionKey
from keyward.api.target import ClusterTarget, Target
from keyward.errors import Blocked, Reason

MODELS = {
    "CredentialSet": CredentialSet,
    "Credential": Credential,
    "Target": Target,
    "ClusterTarget": ClusterTarget,
    "EncryptionKey": EncryptionKey,
}
PR = "spec.projections.0"
SINGLE = changed(o.CREATED, "spec.rds.accountManagement", "Single")
POLAR = "spec.polardb.create.privileges.0"
WINDOW = {"start": "02:00", "duration": "8d"}

# Where accounts are changed through the cloud's API.
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
# object, path, value, a part of the message
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
    (o.KEY, "spec.provider", {}, "spec.provider: set exactly one provider"),
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


@pytest.mark.parametrize(("item", "path", "value", "message"), BROKEN)
def test_the_server_refuses_with_our_words(server, item, path, value, message):
    with pytest.raises(RefusedError, match="Invalid value") as refused:
        server.try_create(changed(item, path, value))
    assert message in str(refused.value)


@pytest.mark.parametrize(("item", "path", "value", "message"), [*BROKEN, *UNIQUE])
def test_what_was_stored_all_the_same_is_refused_with_the_same_words(item, path, value, message):
    with pytest.raises(Blocked) as refused:
        parse(MODELS[item["kind"]], changed(item, path, value))
    assert refused.value.reason is Reason.INVALID_SPEC
    assert message in refused.value.message


@pytest.mark.parametrize(("item", "path", "value", "message"), UNIQUE)
def test_what_must_be_unique_is_refused_by_the_server(server, item, path, value, message):
    with pytest.raises(RefusedError, match="Duplicate value"):
        server.try_create(changed(item, path, value))


def rules():
    modules = (
        credential,
        ecs,
        encryption_key,
        generic,
        open_api,
        polardb,
        projection,
        rds,
        redis,
        rotation,
        target,
        version,
    )
    models = {m for module in modules for m in vars(module).values() if isinstance(m, type) and issubclass(m, Model)}
    return {rule for model in models for rule in model.rules}


def test_every_rule_without_a_past_is_broken_above():
    parts = [message for *_, message in (*BROKEN, *UNIQUE)]
    unbroken = [r.message for r in rules() if r.check is not None and not any(part in r.message for part in parts)]
    assert unbroken == []


def test_every_message_names_a_field():
    for rule in rules():
        assert rule.message.startswith(("spec", "metadata", "record", "envelope", "wraps")), rule.message
        assert len(rule.message) < 300


@pytest.mark.parametrize("engine", ["MySQL", "MariaDB"])
@pytest.mark.parametrize("level", ["ReadWrite", "ReadOnly", "DDLOnly", "DMLOnly"])
def test_mysql_and_mariadb_have_their_own_levels_and_need_no_database(server, engine, level):
    item = changed(changed(o.MYSQL, "spec.rds.engine", engine), "spec.rds.create.privileges.0.level", level)
    parse(Credential, server.try_create(item))


@pytest.mark.parametrize("level", ["ReadWrite", "ReadOnly", "DDLOnly", "DMLOnly"])
def test_polardb_for_mysql_has_its_own_levels(server, level):
    parse(Credential, server.try_create(changed(o.POLARDB, f"{POLAR}.level", level)))


@pytest.mark.parametrize(
    ("item", "path", "value"),
    [
        (o.CLOUD_POLARDB, f"{POLAR}.level", "ReadIndex"),
        (changed(o.CLOUD_MYSQL, "spec.rds.engine", "MariaDB"), "spec.rds.create.name", "a" * 10),
        (o.CLOUD_MYSQL, "spec.rds.create.name", "a" * 26),
        (
            changed(o.CLOUD_MYSQL, "spec.rds.accountManagement", "Single"),
            "spec.rds.create",
            {"name": "root1", "privileged": True},
        ),
    ],
)
def test_the_cloud_has_levels_names_and_an_account_of_its_own(server, item, path, value):
    assert parse(Credential, server.try_create(changed(item, path, value)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.redis.engine", "Tair"),
        ("spec.redis.authentication", "Combined"),
        ("spec.redis.openApi.instanceId", "tt-bp1example"),
        ("spec.redis.endpoints", [{"host": "main"}, {"host": "read-only", "optional": True}]),
    ],
)
def test_the_cloud_s_caches_are_of_two_kinds_and_may_have_several_addresses(server, path, value):
    assert parse(Target, server.try_create(changed(o.CLOUD_REDIS_TARGET, path, value)))


def test_names_that_the_cloud_keeps_are_free_elsewhere(server):
    assert parse(Credential, server.try_create(changed(o.REDIS, "spec.redis.create.name", "root")))


@pytest.mark.parametrize("level", ["DBOwner", "ReadWrite", "ReadOnly"])
def test_polardb_for_postgresql_may_be_given_rights(server, level):
    given = [{"database": "orders", "level": level}]
    item = server.try_create(changed(o.POLARDB_PG, "spec.polardb.create.privileges", given))
    assert parse(Credential, item).spec.polardb.create.privileges[0].level == level


def test_mariadb_has_longer_names(server):
    item = changed(changed(o.MYSQL_IMPORTED, "spec.rds.engine", "MariaDB"), "spec.rds.import.accounts.0.name", "a" * 63)
    parse(Credential, server.try_create(item))


@pytest.mark.parametrize("single", [SINGLE, changed(o.MYSQL, "spec.rds.accountManagement", "Single")])
def test_what_privileged_needs_is_accepted(server, single):
    item = changed(single, "spec.rds.create", {"name": "x", "privileged": True})
    assert parse(Credential, server.try_create(item)).spec.rds.create.privileged


@pytest.mark.parametrize("cron", ["0 3 * * 1", "59 23 1,15 * *", "0 */6 * * *", "5 */12 * * Mon-Fri"])
def test_a_cron_takes_the_place_of_the_interval(server, cron):
    item = changed(o.CREATED, "spec.rotation", {"cron": cron})
    assert parse(Credential, server.try_create(item)).spec.rotation.cron == cron


@pytest.mark.parametrize(
    "cron", ["* * * * *", "0 * * * *", "0 */5 * * *", "0 1,2 * * *", "*/5 3 * * *", "0 3 * *", "@hourly"]
)
def test_a_cron_never_undercuts_the_least_interval(server, cron):
    item = changed(o.CREATED, "spec.rotation", {"cron": cron})
    with pytest.raises(RefusedError):
        server.try_create(item)
    with pytest.raises(Blocked, match=r"spec\.rotation\.cron"):
        parse(Credential, item)
