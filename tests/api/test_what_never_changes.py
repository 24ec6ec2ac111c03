"""Immutable fields: changed, removed, and removed and then set again, on a real API server."""

from __future__ import annotations

import itertools

import pytest
from tests.api import objects as o
from tests.api.server import RefusedError, changed

SINGLE = changed(o.CREATED, "spec.rds.accountManagement", "Single")
PRIVILEGED = changed(SINGLE, "spec.rds.create", {"name": "orders", "privileged": True})
AT = o.AT
FULL = {
    **o.VERSION,
    "envelope": o.ENVELOPE,
    "wraps": [o.WRAP],
    "record": {
        "promoted": {"number": 4, "at": AT},
        "applying": {"at": AT},
        "issued": {"at": AT, "digest": "ab" * 32},
        "retired": {"as": "Lost", "at": AT},
        "closed": {"at": AT},
        "disabledByUs": {"uid": "u", "at": AT},
        "orphanedAt": AT,
        "notes": {"absent": '["x"]'},
    },
}

# object, path, another value that is valid by itself
IMMUTABLE = [
    (o.GENERATED, "spec.generic.versionId", "other"),
    (o.CREATED, "spec.rds.targetRef.kind", "ClusterTarget"),
    (o.CREATED, "spec.rds.targetRef.name", "other"),
    (o.CREATED, "spec.rds.targetRef", {"name": "other"}),
    (o.CREATED, "spec.rds.accountManagement", "Single"),
    (o.MYSQL, "spec.rds.engine", "MariaDB"),
    (o.CREATED, "spec.rds.create.name", "other"),
    (o.CREATED, "spec.rds.create", o.CREATED["spec"]["rds"]["create"] | {"name": "other"}),
    (SINGLE, "spec.rds.create", {"name": "orders", "privileged": True}),
    (PRIVILEGED, "spec.rds.create", SINGLE["spec"]["rds"]["create"]),
    (o.IMPORTED, "spec.rds.import.accounts.0.name", "other"),
    (o.IMPORTED, "spec.rds.import.accounts.1.name", "other"),
    (o.IMPORTED, "spec.rds.import.accounts", [o.account("b"), o.account("a")]),
    (o.REDIS, "spec.redis.targetRef.kind", "ClusterTarget"),
    (o.REDIS, "spec.redis.targetRef.name", "other"),
    (o.REDIS, "spec.redis.targetRef", {"name": "other"}),
    (o.REDIS, "spec.redis.create.name", "other"),
    (o.REDIS, "spec.redis.create", {"name": "other", "privilege": "ReadWrite"}),
    (o.POLARDB, "spec.polardb.targetRef.name", "other"),
    (o.POLARDB, "spec.polardb.targetRef", {"name": "other"}),
    (o.POLARDB_PG, "spec.polardb.engine", "MySQL"),
    (o.POLARDB, "spec.polardb.create.name", "other"),
    (o.POLARDB, "spec.polardb.create", o.POLARDB["spec"]["polardb"]["create"] | {"name": "other"}),
    (o.ECS, "spec.ecs.targetRef.name", "other"),
    (o.ECS, "spec.ecs.secretType", "Password"),
    (o.ECS, "spec.ecs.import.accounts.0.name", "other"),
    (o.RAM, "spec.ram.targetRef.name", "other"),
    (o.RAM, "spec.ram.targetRef", {"name": "other"}),
    (o.RAM, "spec.ram.userName", "other"),
    (o.CLOUD_MYSQL, "spec.rds.provider", ...),
    (o.CLOUD_POLARDB, "spec.polardb.provider", ...),
    (o.CLOUD_REDIS, "spec.redis.provider", ...),
    (o.CLOUD_ECS, "spec.ecs.provider", ...),
    (o.CLOUD_WINDOWS, "spec.ecs.engine", "Linux"),
    (o.SOURCED, "spec.projections.0.type", "kubernetes.io/basic-auth"),
    (FULL, "spec.sequence", 3),
    (FULL, "spec.lineage", "f" * 32),
    (FULL, "spec.versionId", "other"),
    (FULL, "spec.mode", "Single"),
    (FULL, "spec.account", "other"),
    (FULL, "spec.accounts", ["x"]),
    (FULL, "spec.target.digest", "ff" * 32),
    (FULL, "spec.target", {"kind": "Target", "name": "pg", "digest": "ff" * 32}),
    (FULL, "spec.previous", {"sequence": 1, "digest": "ff" * 32}),
    (FULL, "spec.cause.kind", "Drift"),
    (FULL, "spec.cause.handled", {"rotate": "t"}),
    (FULL, "envelope.ct", "BBBB"),
    (FULL, "envelope", o.ENVELOPE | {"ct": "BBBB"}),
    (FULL, "wraps", []),
    (FULL, "record.promoted.number", 3),
    (FULL, "record.promoted", {"number": 3, "at": AT}),
    (FULL, "record.promoted.at", "2026-11-24T03:00:00Z"),
    (FULL, "record.issued.digest", "cd" * 32),
    (FULL, "record.issued", {"at": AT, "digest": "cd" * 32}),
    (FULL, "record.retired.as", "Refused"),
    (FULL, "record.retired", {"as": "Refused", "at": AT}),
    (FULL, "record.closed.at", "2026-11-24T03:00:00Z"),
    (FULL, "record.notes.absent", '["y"]'),
    (FULL, "record.notes", {"absent": '["y"]'}),
]


def above(path):
    """The field and every block above it that can be removed, the field first."""
    parts = path.split(".")
    return [".".join(parts[:n]) for n in range(len(parts), 0, -1) if ".".join(parts[:n]) != "spec"]


@pytest.mark.parametrize(("item", "path", "other"), IMMUTABLE, ids=[f"{i[0]['kind']}.{i[1]}" for i in IMMUTABLE])
def test_it_cannot_be_changed_nor_removed_and_then_set(server, stored, item, path, other):
    live = stored(item)
    with pytest.raises(RefusedError) as refused:
        server.replace(changed(live, path, other))
    assert "cannot be changed" in str(refused.value) or any(
        word in str(refused.value) for word in ("never", "once", "cannot")
    )
    for removed in above(path):
        if path == "spec.projections.0.type" and removed != path:
            continue  # the Secret goes with its entry: another one may have another type
        try:
            shrunk = server.replace(changed(live, removed, ...), dry=False)
        except RefusedError:
            continue
        with pytest.raises(RefusedError):
            server.replace(changed(shrunk, path, other))
        live = server.replace(
            changed(live, "metadata.resourceVersion", shrunk["metadata"]["resourceVersion"]), dry=False
        )


@pytest.mark.parametrize(
    ("item", "other"), list(itertools.permutations((o.GENERATED, o.CREATED, o.POLARDB, o.REDIS, o.ECS, o.RAM), 2))
)
def test_the_type_cannot_become_another(server, stored, item, other):
    live = stored(item)
    with pytest.raises(RefusedError, match="the type cannot be changed"):
        server.replace(live | {"spec": other["spec"]})


def test_creating_cannot_become_importing_nor_the_other_way(server, stored):
    for item, other in ((o.CREATED, o.IMPORTED), (o.IMPORTED, o.CREATED)):
        live = stored(item)
        with pytest.raises(RefusedError, match="one cannot take the other's place"):
            server.replace(live | {"spec": other["spec"]})


def test_what_may_change_changes(server, stored):
    live = stored(o.CREATED)
    for path, value in (
        ("spec.rotation.interval", "12h"),
        ("spec.rds.create.privileges.0.level", "ReadOnly"),
        ("spec.rds.databaseName", "other"),
        ("spec.projections", []),
        ("spec.encryptionKeyName", "other"),
        ("spec.description", "new"),
    ):
        server.replace(changed(live, path, value))
    server.replace(changed(stored(o.REDIS), "spec.redis.create.privilege", "ReadOnly"))
    server.replace(changed(stored(o.ECS), "spec.ecs.keyAlgorithm", "RSA4096"))
    server.replace(changed(stored(o.GENERATED), "spec.generic.generate.length", 40))
    target = stored(o.TARGET)
    server.replace(changed(target, "spec.rds.endpoints", [{"host": "other"}]))


def test_a_version_goes_forward(server, stored):
    live = stored(o.VERSION)
    for path, value in (
        ("record.applying", {"at": AT}),
        ("envelope", o.ENVELOPE),
        ("record.issued", {"at": AT, "digest": "ab" * 32}),
        ("wraps", [o.WRAP]),
        ("wraps", [o.WRAP, o.WRAP | {"keyVersion": "2"}]),
        ("wraps", [o.WRAP | {"keyVersion": "2"}]),
        ("record.promoted", {"number": 1, "at": AT}),
        ("record.promoted", {"number": 5, "at": AT, "by": "v2#again"}),
        ("record.disabledByUs", {"uid": "u", "at": AT}),
        ("record.orphanedAt", AT),
        ("record.retired", {"as": "TakenOver", "at": AT}),
        ("record.closed", {"at": AT}),
    ):
        live = server.replace(changed(live, path, value), dry=False)
    for note in ("disabledByUs", "orphanedAt"):
        live = server.replace(changed(live, f"record.{note}", ...), dry=False)
    assert set(live["record"]) == {"applying", "issued", "promoted", "retired", "closed"}
    for note in live["record"]:
        with pytest.raises(RefusedError, match="never taken back"):
            server.replace(changed(live, f"record.{note}", ...))
    with pytest.raises(RefusedError, match="never taken back"):
        server.replace(changed(live, "record", ...))


def test_a_version_has_no_status_that_a_backup_could_drop(server, stored):
    live = stored(o.VERSION)
    with pytest.raises(RefusedError):
        server.ask("GET", server.path(live, live["metadata"]["name"]) + "/status")
