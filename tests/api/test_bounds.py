"""What rules and forms bound, on the API server: the last value that fits and the first that does not.

Bounds of the schema itself are taken from there and tried in test_edges.py.
"""

from __future__ import annotations

import pytest
from tests.api import objects as o
from tests.api.server import RefusedError, changed

ACCOUNT = "spec.rds.import.accounts.0"


def many(count, make):
    return [make(n) for n in range(count)]


def projections(count):
    return many(count, lambda n: {"secretName": f"s{n}"})


def windows(*given: tuple[str, ...]):
    """One window each, of start, duration and days."""
    return [[{"start": start, "duration": duration, "days": days}] for start, duration, *days in given]


def privileges(count):
    return many(count, lambda n: {"database": f"d{n}", "level": "ReadOnly"})


def endpoints(replicas):
    return [{"host": "p"}, *many(replicas, lambda n: {"host": f"r{n}", "role": "Replica"})]


def host(number):
    return {"host": f"n{number}"}


def given(number):
    return {"secretName": f"given-{number}"}


def named(count):
    return many(count, lambda n: f"n{n}")


def rsa(number):
    return f"ssh-rsa AAA{number}"


def pem(size):
    return "-----BEGIN CERTIFICATE-----" + "A" * (size - 27)


G, S, C, IM = o.GENERATED, o.SOURCED, o.CREATED, o.IMPORTED
M, MT = o.MYSQL, o.MYSQL_TARGET
R, RA, RT = o.REDIS, o.REDIS_ADMIN, changed(o.REDIS_TARGET, "spec.redis.topology", "Cluster")
P, PT = o.POLARDB, o.POLARDB_TARGET
E, ET = o.ECS, o.ECS_TARGET
U, A, AT = o.RAM, o.RAM_TARGET, o.RAM_CLUSTER_TARGET
WEEKLY = ("0 3 * * 1", "0 3 * * Mon", "5 12 1 * *", "5 12 1 */2 *")
OFTENER = ("0 3 * * *", "0 */6 * * 1", "0 3 * * 1,4", "0 3 1,15 * *", "0 3 1 * 1", "0 3 */2 * *", "0 3 * * Mon-Fri")
T, CT, K, V = o.TARGET, o.CLUSTER_TARGET, o.KEY, o.VERSION
ALLOWED = [{"databases": ["orders_*"], "levels": ["ReadOnly"]}]
PR = "spec.projections.0"
TWO_USERS = [o.account("a"), o.account("b")]
NO_USERS = ["", "a" * 33, "-a", "1a", "a b", "a:b", "ä", "a$b"]
NO_HOST_KEYS = ("AAAA", f"{o.HOST_KEY} a comment", "ssh-rsa A\n* ssh-rsa B", "* ssh-rsa A")
PRIV = "spec.rds.create.privileges"

# object, path, values that fit, values that do not
BOUNDS = [
    (G, "metadata.name", ["a" * 63], ["a" * 64]),
    (o.SET, "metadata.name", ["a" * 40], ["a" * 41]),
    (G, "spec.description", ["", "d" * 256, "ü" * 256], ["d" * 257]),
    (G, "spec.encryptionKeyName", ["a", "a" * 253], ["", "a" * 254, "A", "-a"]),
    (G, "spec.generic.type", ["KeyValue", "PlainText"], ["Binary"]),
    (G, "spec.generic.versionId", ["a", "A-1._" + "a" * 59], ["", "a" * 65, "a b"]),
    (G, "spec.generic.maxVersions", [1, 10], [0, 11]),
    (G, "spec.generic.generate.length", [1, 1024], [0, 1025]),
    (G, "spec.generic.generate.classes", [["Digits"], ["Lowercase", "Uppercase", "Digits", "Symbols"]], [[], ["Emoji"]]),
    (G, "spec.generic.generate.symbols", ["!", "~" * 64], ["", "~" * 65, " ", "ü"]),
    (G, "spec.generic.generate.exclude", ["", "0" * 128], ["0" * 129]),
    (G, "spec.generic.generate.key", ["k" * 253], ["", "k" * 254, "a/b"]),
    (S, "spec.generic.source.secretRef.name", ["s" * 253], ["", "s" * 254, "S"]),
    (S, "spec.generic.source.keys", [[], many(64, str)], [many(65, str), ["a b"], ["a", "a"]]),
    (S, "spec.projections", [[], projections(16)], [projections(17)]),
    (S, f"{PR}.secretName", ["a" * 253], ["", "a" * 254, "A"]),
    (S, f"{PR}.type", ["Opaque", "kubernetes.io/tls"], ["kubernetes.io/service-account-token", ""]),
    (S, f"{PR}.keys", [{str(n): "x" for n in range(64)}], [{str(n): "x" for n in range(65)}, {"a": ""}, {"a": "/"}]),
    (S, f"{PR}.templates", [{str(n): "x" for n in range(32)}], [{str(n): "x" for n in range(33)}]),
    (S, f"{PR}.templates.a", ["x" * 16_384], ["", "x" * 16_385]),
    (S, f"{PR}.labels", [{str(n): "x" for n in range(32)}], [{str(n): "x" for n in range(33)}]),
    (S, f"{PR}.labels.a", ["", "x" * 63], ["x" * 64, "-"]),
    (S, f"{PR}.annotations", [{str(n): "x" for n in range(32)}], [{str(n): "x" for n in range(33)}]),
    (S, f"{PR}.annotations.a", ["", "x" * 4_096], ["x" * 4_097]),
    (C, "spec.rotation.interval", ["6h", "360m", "21600s"], ["5h59m59s", "359m", "21599s", "0d"]),
    (C, "spec.rotation.interval", ["1d", "365d", "0365d", "8760h"], ["366d", "8761h", "8760h1s"]),
    (C, "spec.rotation.interval", ["350m600s"], ["6", "h", "", "1h5h", "1d6h", "1w", "P1D", "24H"]),
    (C, "spec.rotation.gracePeriod", ["0", "0s", "0d", "30d", "720h"], ["31d", "720h1s", "-5m", "1w", "P1D"]),
    (C, "spec.rotation.driftInterval", ["1m", "60s", "30d"], ["59s", "0s", "0d", "31d"]),
    (C, "spec.rotation.timeZone", ["UTC", "Europe/Berlin", "a" * 64], ["", "a" * 65, "../etc"]),
    (C, "spec.rotation.windows", [[], windows(("02:00", "1h"))[0] * 8], [windows(("02:00", "1h"))[0] * 9]),
    (C, "spec.rotation.windows", windows(("23:59", "7d"), ("00:00", "1m")), windows(("24:00", "1h"), ("2:00", "1h"))),
    (C, "spec.rotation.windows.0.duration", ["1m", "7d", "168h"], ["59s", "8d", "168h1s", "0d"]),
    (C, "spec.rotation.windows", windows(("02:00", "1h", "Mon", "Sun")), windows(("02:00", "1h", "Monday"))),
    (C, "spec.rotation.windows.0.days", [[], ["Sat"]], [["Mon", "Mon"], ["sat"]]),
    (C, "spec.rotation.onDrift", ["Rotate", "Report"], ["Restore"]),
    (C, "spec.rds.targetRef.kind", ["Target", "ClusterTarget"], ["Server"]),
    (C, "spec.rds.targetRef.name", ["a" * 253], ["", "a" * 254]),
    (C, "spec.rds.create.name", ["_", "a" * 56, "orders_1"], ["", "a" * 57, "1a", "A", "a-b", "ä"]),
    (C, "spec.rds.databaseName", ["d" * 63], ["", "d" * 64]),
    (C, PRIV, [privileges(1), privileges(32)], [privileges(33), privileges(1) * 2]),
    (C, f"{PRIV}.0.database", ["d" * 63], ["", "d" * 64]),
    (C, f"{PRIV}.0.level", ["DBOwner", "ReadWrite", "ReadOnly"], ["", "Owner"]),
    (C, f"{PRIV}.0.schemas", [["public"], many(32, str)], [[], many(33, str), ["a", "a"], ["s" * 64]]),
    (C, f"{PRIV}.0.ownerRoles", [[], many(16, str)], [many(17, str), ["r" * 64]]),
    (C, "spec.deletion.accounts", ["Retain", "Disable", "Drop"], ["Delete"]),
    (C, "spec.deletion.secrets", ["Retain", "Delete"], ["Drop"]),
    (C, "spec.deletion.recoveryWindow", ["0", "0s", "0d", "7d", "30d", "168h", "720h"], ["6d", "31d", "167h59m", "720h1s", "1s"]),
    (C, "spec.accessPolicy.readers", [many(64, str), ["r" * 253]], [many(65, str), [""], ["r" * 254]]),
    (C, "spec.accessPolicy.managers", [many(64, str)], [many(65, str), [""]]),
    (changed(IM, "spec.rds.accountManagement", "Single"), "spec.rds.import.accounts", [TWO_USERS[:1]], [[], TWO_USERS]),
    (IM, f"{ACCOUNT}.name", ["n" * 63, "Mixed Case"], ["", "n" * 64]),
    (IM, f"{ACCOUNT}.passwordFrom.secretName", ["s" * 253], ["", "s" * 254]),
    (IM, f"{ACCOUNT}.passwordFrom.key", ["k" * 253], ["", "k" * 254]),
    (M, "spec.rds.engine", ["MySQL", "MariaDB"], ["Oracle", ""]),
    (M, "spec.rds.create.name", ["a" * 26], ["a" * 27]),
    (
        M,
        "spec.rds.hosts",
        [["%"], ["10.0.0.0/255.0.0.0", "::1", "db-1.Example_.com"], [f"h{n}" for n in range(16)], ["h" * 60]],
        [[""], ["a b"], ["it's"], ["a", "a"], [f"h{n}" for n in range(17)], ["h" * 61]],
    ),
    (P, "spec.polardb.engine", ["MySQL", "PostgreSQL"], ["MariaDB", "Oracle", "", ...]),
    (P, "spec.polardb.targetRef.name", ["a" * 253], ["", "a" * 254, ...]),
    (P, "spec.polardb.create", [], [...]),
    (P, "spec.polardb.create.name", ["a1", "a" * 10, "a_b"], ["", "a", "a" * 11, "a_", "1a", "A1", "a-b", "ää", ...]),
    (P, "spec.polardb.databaseName", ["d" * 63], ["", "d" * 64, ...]),
    (P, "spec.polardb.create.privileges", [privileges(1), privileges(32)], [[], privileges(33), privileges(1) * 2]),
    (P, "spec.rotation.interval", ["6h", "365d"], ["5h59m59s", "366d", ...]),
    (PT, "spec.polardb.engine", ["MySQL", "PostgreSQL"], ["MariaDB", "", ...]),
    (PT, "spec.polardb.endpoints.0.port", [1, 3_306, 65_535], [0, 5_432, 65_536]),
    (PT, "spec.polardb.passwordTransport", ["Hashed", "Plaintext"], ["None"]),
    (MT, "spec.rds.engine", ["MySQL", "MariaDB"], ["Oracle"]),
    (MT, "spec.rds.passwordTransport", ["Hashed", "Plaintext"], ["None"]),
    (R, "spec.rotation.interval", ["6h", "365d"], ["5h59m59s", "8760h1s"]),
    (R, "spec.redis.targetRef.kind", ["Target", "ClusterTarget"], ["Server"]),
    (R, "spec.redis.targetRef", [{"name": "a" * 253}], [..., {}, {"name": "a" * 254}]),
    (R, "spec.redis.accountManagement", ["Dual", "Overlap"], ["Single", ""]),
    (R, "spec.redis.create", [{"name": "a", "privilege": "ReadOnly"}], [..., {"name": "a"}, {"privilege": "ReadOnly"}]),
    (R, "spec.redis.create.name", ["a", "a" * 94, "orders_1", "default_"], ["", "a" * 95, "1a", "A", "a-b", "ä", "default"]),
    (R, "spec.redis.create.privilege", ["ReadWrite", "ReadOnly"], ["", "DBOwner", "DMLOnly", "readonly"]),
    (RA, "spec.redis.import", [{"accounts": [o.account("a")]}], [..., {}, {"accounts": []}, {"accounts": TWO_USERS}]),
    (RA, "spec.redis.import.accounts.0.name", ["A", "a:b", "~" * 100], ["", "a" * 101, "a b", "ä", "default", "a\n"]),
    (RA, "spec.redis.import.accounts.0.passwordFrom.secretName", ["s" * 253], ["", "s" * 254]),
    (RA, "spec.redis.import.accounts.0.passwordFrom.key", ["k" * 253], ["", "k" * 254]),
    (RT, "spec.redis.engine", ["Redis"], ["Valkey", ""]),
    (o.CLOUD_REDIS_TARGET, "spec.redis.engine", ["Redis", "Tair"], ["Valkey", ""]),
    (o.CLOUD_REDIS_TARGET, "spec.redis.authentication", ["ACL", "Combined"], ["None", ""]),
    (RT, "spec.redis.topology", ["Standalone", "Replicated", "Cluster"], ["Sentinel", ""]),
    (RT, "spec.redis.endpoints", [many(1, host), many(64, host)], [[], many(65, host), many(1, host) * 2]),
    (RT, "spec.redis.endpoints.0.host", ["h" * 253, "::1", "10.0.0.1"], ["", "h" * 254, "a,b", "/run", "-a", "a b"]),
    (RT, "spec.redis.endpoints.0.port", [1, 65_535], [0, 65_536]),
    (RT, "spec.redis.tls.ca", [o.PEM, pem(65_536)], ["", pem(65_537), "AAAA"]),
    (E, "spec.rotation.interval", ["1h", "365d"], ["59m59s", "8760h1s"]),
    (E, "spec.ecs.secretType", ["Password", "SSHKey"], ["", "Key", ...]),
    (E, "spec.ecs.keyAlgorithm", ["Ed25519", "RSA3072", "RSA4096"], ["RSA2048", "DSA"]),
    (E, "spec.ecs.targetRef", [{"name": "a" * 253}], [..., {}, {"name": "a" * 254}]),
    (E, "spec.ecs.import", [{"accounts": [o.account("a")]}], [..., {}, {"accounts": []}, {"accounts": TWO_USERS}]),
    (E, "spec.ecs.import.accounts.0.name", ["root", "a" * 32, "a.b-c_d", "host$"], NO_USERS),
    (E, "spec.ecs.import.accounts.0.passwordFrom.secretName", ["s" * 253], ["", "s" * 254]),
    (E, "spec.ecs.import.accounts.0.passwordFrom.key", ["k" * 253], ["", "k" * 254]),
    (ET, "spec.ecs.engine", ["Linux"], ["Windows", "BSD", ""]),
    (o.CLOUD_WINDOWS_TARGET, "spec.ecs.hostKeys", [[]], [[o.HOST_KEY]]),
    (
        o.CLOUD_WINDOWS,
        "spec.ecs.import.accounts.0.name",
        ["Administrator", "a" * 20],
        ["a" * 21, "host$", "a b", "a\\b", "-a"],
    ),
    (ET, "spec.ecs.endpoints", [many(1, host)], [..., [], many(2, host)]),
    (ET, "spec.ecs.endpoints.0.port", [1, 65_535], [0, 65_536]),
    (ET, "spec.ecs.hostKeys", [[o.HOST_KEY], many(8, rsa)], [..., [], many(9, rsa), *([line] for line in NO_HOST_KEYS)]),
    (U, "spec.ram.userName", ["a", "a" * 64, "A.b_c-1"], ["", "a" * 65, "a b", "a/b", "a@b", "ä"]),
    (U, "spec.ram.accessKeysFrom", [many(2, given)], [..., [], many(3, given)]),
    (U, "spec.ram.accessKeysFrom.0.secretName", ["s" * 253], ["", "s" * 254, "S"]),
    (U, "spec.rotation.interval", ["7d", "168h", "365d"], ["6d", "167h59m", "366d", "6h"]),
    (U, "spec.rotation", [{"cron": c} for c in WEEKLY], [{"cron": c} for c in OFTENER]),
    (U, "spec.deletion.accounts", ["Retain"], ["Disable", "Drop"]),
    (A, "spec.ram.provider", ["AlibabaCloud"], ["", "Other"]),
    (A, "spec.ram.regionId", ["cn-hangzhou", "a" * 32], ["", "a" * 33, "CN", "a/b", "a.b"]),
    (AT, "spec.ram.credentials", ["Secret", "DefaultChain"], ["", "Environment"]),
    (AT, "spec.ram.endpoints", [[], [{"service": "RAM", "host": "r"}]], [[{"service": "RAM", "host": "r"}] * 2, [{"host": "r"}]]),
    (AT, "spec.ram.endpoints.0.service", ["RAM"], ["", "KMS"]),
    (AT, "spec.ram.endpoints.0.host", ["h" * 253, "127.0.0.1"], ["", "h" * 254, "https://h"]),
    (AT, "spec.ram.endpoints.0.port", [1, 65_535], [0, 65_536]),
    (ET, "spec.ecs.passwordTransport", ["Hashed", "Plaintext"], ["None"]),
    (T, "spec.rds.endpoints.0.host", ["h" * 253, "::1", "10.0.0.1"], ["", "h" * 254, "a,b", "/run", "-a", "a b"]),
    (T, "spec.rds.endpoints.0.port", [1, 65_535], [0, 65_536]),
    (T, "spec.rds.endpoints", [endpoints(15)], [[], endpoints(16), [{"host": "p"}, {"host": "p", "role": "Replica"}]]),
    (T, "spec.rds.tls.mode", ["VerifyFull"], ["Require"]),
    (T, "spec.rds.tls.ca", [o.PEM, pem(65_536)], ["", pem(65_537), "AAAA"]),
    (T, "spec.rds.tls.serverName", ["h" * 253], ["", "h" * 254]),
    (T, "spec.rds.databaseName", ["d" * 63], ["", "d" * 64]),
    (T, "spec.rds.privilegedRole", ["r" * 63], ["", "r" * 64]),
    (T, "spec.rds.allowedPrivileges", [ALLOWED * 32], [[], ALLOWED * 33, [{"levels": ["ReadOnly"]}]]),
    (T, "spec.admin.secretRef.name", ["s" * 253], ["", "s" * 254]),
    (T, "spec.allowedAccounts", [[], many(64, str), ["a" * 100]], [many(65, str), [""], ["a" * 101]]),
    (T, "spec.allowUnverifiedImport", [[], many(64, str), ["a" * 100]], [many(65, str), [""], ["a" * 101]]),
    (T, "spec.maxConcurrentRotations", [1, 64], [0, 65]),
    (CT, "spec.allowedNamespaces", [[], ["*"], named(256)], [named(257), [""], ["a*"]]),
    (K, "spec.allowedNamespaces", [[], ["*"], ["a" * 63]], [named(257), ["a" * 64]]),
    (V, "spec.sequence", [1, 2_147_483_647], [0, 2_147_483_648]),
    (V, "spec.lineage", ["a" * 8, "a" * 64], ["a" * 7, "a" * 65, "g" * 32]),
    (V, "spec.versionId", ["a" * 64], ["", "a" * 65]),
    (V, "spec.account", ["a" * 100], ["", "a" * 101]),
    (V, "spec.accounts", [["a", "b"], ["a" * 100, "b" * 100]], [["a", "b", "c"]]),
    (V, "spec.cause.text", ["t" * 1_024], ["t" * 1_025]),
    (V, "spec.mode", ["Generic", "Dual", "Single", "Overlap"], ["Issued"]),
    (V, "wraps", [[], [o.WRAP, o.WRAP]], [[o.WRAP] * 3]),
    (V, "envelope", [o.ENVELOPE, o.ENVELOPE | {"ct": "A" * 65_536}], [o.ENVELOPE | {"ct": "A" * 65_537}, {}]),
    (V, "record.notes", [{str(n): "x" for n in range(8)}], [{str(n): "x" for n in range(9)}, {"a": "x" * 1_025}]),
]  # fmt: skip


def ready(item, path):
    """With a window to be spoilt, where one is."""
    return changed(item, "spec.rotation.windows", windows(("02:00", "1h"))[0]) if "windows.0" in path else item


def spoilt(item, path, value):
    found = changed(ready(item, path), path, value)
    return o.of_its_name(found) if item["kind"] == "CredentialVersion" else found


@pytest.mark.parametrize(("item", "path", "fits", "beyond"), BOUNDS, ids=[f"{b[0]['kind']}.{b[1]}" for b in BOUNDS])
def test_the_last_value_fits_and_the_first_beyond_is_refused(server, item, path, fits, beyond):
    for value in fits:
        server.try_create(spoilt(item, path, value))
    for value in beyond:
        with pytest.raises(RefusedError):
            server.try_create(spoilt(item, path, value))


@pytest.mark.parametrize("item", o.ALL.values(), ids=o.ALL)
def test_what_the_other_tests_spoil_is_valid(server, item):
    server.try_create(item)


def test_defaults_are_filled_in_by_the_server(server):
    spec = server.try_create(o.CREATED)["spec"]
    assert spec["encryptionKeyName"] == "default"
    assert spec["rotation"] == {
        "interval": "24h",
        "gracePeriod": "5m",
        "suspend": False,
        "onDrift": "Rotate",
        "driftInterval": "10m",
        "onRightsDrift": "Align",
        "timeZone": "UTC",
    }
    assert spec["deletion"] == {"secrets": "Delete", "recoveryWindow": "30d"}
    assert spec["rds"]["targetRef"] == {"kind": "Target", "name": "pg"}
    assert spec["rds"]["accountManagement"] == "Dual"
    assert spec["rds"]["create"]["privileges"][0]["schemas"] == ["public"]
    target = server.try_create(o.TARGET)["spec"]
    assert target["rds"]["endpoints"] == [{"host": "pg.db", "port": 5432, "role": "Primary"}]
    assert (target["rds"]["tls"], target["rds"]["passwordTransport"]) == ({"mode": "VerifyFull"}, "Hashed")
    assert server.try_create(o.REDIS)["spec"]["redis"]["accountManagement"] == "Dual"
    redis = server.try_create(o.REDIS_TARGET)["spec"]["redis"]
    assert (redis["engine"], redis["topology"]) == ("Redis", "Standalone")
    assert redis["endpoints"] == [{"host": "cache", "port": 6379, "optional": False}]
    assert server.try_create(o.GENERATED)["spec"]["generic"]["generate"]["length"] == 32


def test_a_namespace_must_be_named_before_a_key_or_cluster_target_serves_it(server):
    assert "allowedNamespaces" not in server.try_create(o.CLUSTER_TARGET)["spec"]
    assert "allowedNamespaces" not in server.try_create(changed(o.KEY, "spec.allowedNamespaces", ...))["spec"]
