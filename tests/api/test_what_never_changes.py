"""Immutable fields: changed, removed, and removed and then set again, on a real API server."""

from __future__ import annotations

import itertools

import pytest
from tests.api import objects as o
from tests.api.server import RefusedError, changed
from tests.api.test_rules import rules

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

TYPE = "spec.generic, spec.rds, spec.polardb, spec.redis, spec.ecs, spec.ram: the type cannot be changed"

# Each rule that compares with the past, by how its message begins, and what breaks it: object, path, another value
BROKEN = {
    TYPE: [(o.GENERATED, "spec", o.CREATED["spec"])],
    "spec.generic.versionId names the first version": [(o.GENERATED, "spec.generic.versionId", "other")],
    "spec.projections[].type": [(o.SOURCED, "spec.projections.0.type", "kubernetes.io/basic-auth")],
    "spec.rds.targetRef": [
        (o.CREATED, "spec.rds.targetRef.kind", "ClusterTarget"),
        (o.CREATED, "spec.rds.targetRef.name", "other"),
        (o.CREATED, "spec.rds.targetRef", {"name": "other"}),
    ],
    "spec.rds.engine": [(o.MYSQL, "spec.rds.engine", "MariaDB")],
    "spec.rds.provider": [(o.CLOUD_MYSQL, "spec.rds.provider", ...)],
    "spec.rds.accountManagement": [(o.CREATED, "spec.rds.accountManagement", "Single")],
    "spec.rds.create, spec.rds.import: one cannot take the other's place": [
        (o.CREATED, "spec", o.IMPORTED["spec"]),
        (o.IMPORTED, "spec", o.CREATED["spec"]),
    ],
    "spec.rds.create.name, spec.rds.create.privileged": [
        (o.CREATED, "spec.rds.create.name", "other"),
        (o.CREATED, "spec.rds.create", o.CREATED["spec"]["rds"]["create"] | {"name": "other"}),
        (SINGLE, "spec.rds.create", {"name": "orders", "privileged": True}),
        (PRIVILEGED, "spec.rds.create", SINGLE["spec"]["rds"]["create"]),
    ],
    "spec.rds.import.accounts[].name": [
        (o.IMPORTED, "spec.rds.import.accounts.0.name", "other"),
        (o.IMPORTED, "spec.rds.import.accounts.1.name", "other"),
        (o.IMPORTED, "spec.rds.import.accounts", [o.account("b"), o.account("a")]),
    ],
    "spec.polardb.targetRef": [
        (o.POLARDB, "spec.polardb.targetRef.name", "other"),
        (o.POLARDB, "spec.polardb.targetRef", {"name": "other"}),
    ],
    "spec.polardb.engine": [(o.POLARDB_PG, "spec.polardb.engine", "MySQL")],
    "spec.polardb.provider": [(o.CLOUD_POLARDB, "spec.polardb.provider", ...)],
    "spec.polardb.create.name": [
        (o.POLARDB, "spec.polardb.create.name", "other"),
        (o.POLARDB, "spec.polardb.create", o.POLARDB["spec"]["polardb"]["create"] | {"name": "other"}),
    ],
    "spec.redis.targetRef": [
        (o.REDIS, "spec.redis.targetRef.kind", "ClusterTarget"),
        (o.REDIS, "spec.redis.targetRef.name", "other"),
        (o.REDIS, "spec.redis.targetRef", {"name": "other"}),
    ],
    "spec.redis.provider": [(o.CLOUD_REDIS, "spec.redis.provider", ...)],
    "spec.redis.accountManagement": [(o.REDIS, "spec.redis.accountManagement", "Overlap")],
    "spec.redis.create.name": [
        (o.REDIS, "spec.redis.create.name", "other"),
        (o.REDIS, "spec.redis.create", {"name": "other", "privilege": "ReadWrite"}),
    ],
    "spec.redis.create, spec.redis.import: one cannot take the other's place": [
        (o.REDIS, "spec.redis", o.REDIS_ADMIN["spec"]["redis"]),
        (o.REDIS_ADMIN, "spec.redis", o.REDIS["spec"]["redis"]),
    ],
    "spec.redis.import.accounts[].name": [
        (o.REDIS_ADMIN, "spec.redis.import.accounts.0.name", "other"),
        (o.REDIS_ADMIN, "spec.redis.import.accounts", [o.account("other")]),
    ],
    "spec.ecs.targetRef": [(o.ECS, "spec.ecs.targetRef.name", "other")],
    "spec.ecs.engine": [(o.CLOUD_WINDOWS, "spec.ecs.engine", "Linux")],
    "spec.ecs.provider": [(o.CLOUD_ECS, "spec.ecs.provider", ...)],
    "spec.ecs.secretType": [(o.ECS, "spec.ecs.secretType", "Password")],
    "spec.ecs.import.accounts[].name": [(o.ECS, "spec.ecs.import.accounts.0.name", "other")],
    "spec.ram.targetRef": [
        (o.RAM, "spec.ram.targetRef.name", "other"),
        (o.RAM, "spec.ram.targetRef", {"name": "other"}),
    ],
    "spec.ram.userName": [(o.RAM, "spec.ram.userName", "other")],
    # A key without a provider is refused for that as well: there is one, and nothing else that it could become.
    "spec.provider cannot be changed": [(o.KEY, "spec.provider", {})],
    "spec: a version never changes": [
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
    ],
    "envelope: a sealed value is set once": [
        (FULL, "envelope.ct", "BBBB"),
        (FULL, "envelope", o.ENVELOPE | {"ct": "BBBB"}),
    ],
    "wraps: without a wrapped data key": [(FULL, "wraps", [])],
    "record: promoted, applying, issued, retired and closed are never taken back": [
        *((FULL, f"record.{note}", ...) for note in ("promoted", "applying", "issued", "retired", "closed")),
        (FULL, "record", ...),
    ],
    "record.promoted.number: a promotion is never lowered or rewritten": [
        (FULL, "record.promoted.number", 3),
        (FULL, "record.promoted", {"number": 3, "at": AT}),
        (FULL, "record.promoted.at", "2026-11-24T03:00:00Z"),
    ],
    "record.issued: is written once": [
        (FULL, "record.issued.digest", "cd" * 32),
        (FULL, "record.issued", {"at": AT, "digest": "cd" * 32}),
    ],
    "record.retired: is written once": [
        (FULL, "record.retired.as", "Refused"),
        (FULL, "record.retired", {"as": "Refused", "at": AT}),
    ],
    "record.closed: is written once": [(FULL, "record.closed.at", "2026-11-24T03:00:00Z")],
    "record.notes: a note is written once": [
        (FULL, "record.notes.absent", '["y"]'),
        (FULL, "record.notes", {"absent": '["y"]'}),
    ],
}
IMMUTABLE = [(row, rule) for rule, rows in BROKEN.items() for row in rows]


def test_every_rule_with_a_past_is_broken_below():
    messages = [rule.message for rule in rules() if rule.check is None]
    unbroken = [text for text in messages if sum(text.startswith(begin) for begin in BROKEN) != 1]
    assert unbroken == []


def above(path):
    """The field and every block above it that can be removed, the field first."""
    parts = path.split(".")
    return [".".join(parts[:n]) for n in range(len(parts), 0, -1) if ".".join(parts[:n]) != "spec"]


@pytest.mark.parametrize(("row", "rule"), IMMUTABLE, ids=[f"{row[0]['kind']}.{row[1]}" for row, _ in IMMUTABLE])
def test_it_cannot_be_changed_nor_removed_and_then_set(server, stored, row, rule):
    item, path, other = row
    live = stored(item)
    with pytest.raises(RefusedError) as refused:
        server.replace(changed(live, path, other))
    assert rule in str(refused.value)
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
