"""Every rule over several fields: the API server's message and ours are the same, and name the field and the fix."""

from __future__ import annotations

import pkgutil
from importlib import import_module

import pytest
from tests.api import objects as o
from tests.api.broken import BROKEN, CLOUD_PG_TARGET, CLOUD_POLARDB_MYSQL, UNIQUE
from tests.api.server import RefusedError, changed

import keyward.api
from keyward.api import managed
from keyward.api.base import Model, parse
from keyward.api.credential import Credential
from keyward.api.credential_set import CredentialSet
from keyward.api.encryption_key import EncryptionKey
from keyward.api.target import ClusterTarget, Target
from keyward.api.version import CredentialVersion
from keyward.errors import Blocked, Reason

MODELS = {
    "CredentialSet": CredentialSet,
    "Credential": Credential,
    "Target": Target,
    "ClusterTarget": ClusterTarget,
    "EncryptionKey": EncryptionKey,
    "CredentialVersion": CredentialVersion,
}
SINGLE = changed(o.CREATED, "spec.rds.accountManagement", "Single")
POLAR = "spec.polardb.create.privileges.0"


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
    modules = [import_module(f"keyward.api.{found.name}") for found in pkgutil.iter_modules(keyward.api.__path__)]
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


@pytest.mark.parametrize(
    ("item", "block", "levels"),
    [
        (o.TARGET, "rds", ["DBOwner", "ReadWrite", "ReadOnly"]),
        (o.MYSQL_TARGET, "rds", ["ReadWrite", "ReadOnly", "DDLOnly", "DMLOnly"]),
        (o.CLOUD_TARGET, "rds", ["ReadWrite", "ReadOnly", "DDLOnly", "DMLOnly"]),
        (CLOUD_PG_TARGET, "rds", ["DBOwner"]),
        (o.POLARDB_TARGET, "polardb", ["ReadWrite", "ReadOnly", "DDLOnly", "DMLOnly"]),
        (o.POLARDB_PG_TARGET, "polardb", ["DBOwner", "ReadWrite", "ReadOnly"]),
        (CLOUD_POLARDB_MYSQL, "polardb", ["ReadWrite", "ReadOnly", "DDLOnly", "DMLOnly", "ReadIndex"]),
    ],
)
def test_a_target_may_allow_each_level_that_its_kind_of_server_has(server, item, block, levels):
    allowed = [{"databases": ["orders", "orders_*"], "levels": levels}]
    found = parse(Target, server.try_create(changed(item, f"spec.{block}.allowedPrivileges", allowed)))
    assert managed.system(found.spec).allowed == ((("orders", "orders_*"), tuple(levels)),)


def test_a_target_of_redis_may_allow_either_privilege_or_both(server):
    for allowed in (["ReadOnly"], ["ReadOnly", "ReadWrite"]):
        found = parse(Target, server.try_create(changed(o.REDIS_TARGET, "spec.redis.allowedPrivileges", allowed)))
        assert managed.system(found.spec).allowed == ((("*",), tuple(allowed)),)


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
