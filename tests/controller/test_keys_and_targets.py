"""What is said of EncryptionKeys and Targets on a real API server, and that no key goes while it is in use."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from tests.controller.test_service import client, crds, item, until  # noqa: F401 - fixtures
from tests.kube.worlds import new_version

from keyward.controller.cache import Cache
from keyward.controller.encryption_keys import EncryptionKeys
from keyward.controller.target_health import Finding, TargetHealth
from keyward.domain.model import TargetView
from keyward.domain.version import TargetIdentity
from keyward.errors import Reason
from keyward.kube import records
from keyward.kube.kinds import ENCRYPTION_KEYS, TARGETS, VERSIONS

NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)


@pytest.fixture
async def key(client):  # noqa: F811
    name = f"key-{uuid.uuid4().hex[:8]}"
    await client.create(ENCRYPTION_KEYS, "", item("EncryptionKey", name, {"provider": {"local": {}}}, namespace=None))
    return name


class Tended:
    """The keys of one cache. `usable` is what the keyring says."""

    def __init__(self, client, name) -> None:  # noqa: F811
        self.client, self.name, self.cache = client, name, Cache()
        self.keeper = SimpleNamespace(writable=lambda _name: (name, "3"), problem="")
        self.keys = EncryptionKeys(self.cache, self.keeper, client, lambda: NOW)

    async def look(self):
        """As the watch would show it; then the key as it stands."""
        found = await self.client.get(ENCRYPTION_KEYS, "", self.name)
        if found is None:
            return None
        self.cache.put_encryption_key(found)
        await self.keys.tend()
        return await self.client.get(ENCRYPTION_KEYS, "", self.name)


async def test_a_key_says_which_version_of_it_wraps_and_a_second_look_writes_nothing(client, key):  # noqa: F811
    tended = Tended(client, key)
    seen = await tended.look()
    assert seen["metadata"]["finalizers"] == ["keyward.dev/finalizer"]
    assert (seen["status"]["state"], seen["status"]["currentVersion"]) == ("Enabled", "3")
    again = await tended.look()
    assert again["metadata"]["resourceVersion"] == seen["metadata"]["resourceVersion"]


async def test_a_key_that_the_keyring_lacks_says_so(client, key):  # noqa: F811
    tended = Tended(client, key)
    tended.keeper.writable, tended.keeper.problem = (lambda _name: None), "the keyring is not loaded yet"
    condition = (await tended.look())["status"]["conditions"][0]
    assert (condition["status"], condition["reason"]) == ("False", "KeyUnavailable")
    assert "not loaded" in condition["message"]


async def test_a_key_goes_only_once_nothing_is_wrapped_by_it(client, key):  # noqa: F811
    tended = Tended(client, key)
    await tended.look()
    new = new_version("shop", wraps=({"key": key, "keyVersion": "3", "provider": "local", "wrapped": "AAAA"},))
    body = records.body(new, "") | {"metadata": {"name": f"{new.credential}-{new.lineage[:8]}-1", "namespace": "shop"}}
    with contextlib.suppress(Exception):
        await client.delete(VERSIONS, "shop", body["metadata"]["name"])
    version = records.read(await client.create(VERSIONS, "shop", body))
    await client.delete(ENCRYPTION_KEYS, "", key)
    assert (await tended.look())["metadata"]["finalizers"]  # although no watch has told of the version yet
    tended.cache.version_index.put(version)
    seen = await tended.look()
    assert seen["status"]["state"] == "PendingDeletion"
    assert "1 versions" in seen["status"]["conditions"][0]["message"]
    await client.delete(VERSIONS, "shop", version.name)
    tended.cache.version_index.removed_by_us(version)
    assert await tended.look() is None


async def test_a_target_says_whether_the_admin_logs_in_and_only_a_change_is_written(client):  # noqa: F811
    name = f"pg-{uuid.uuid4().hex[:8]}"
    rds = {"engine": "PostgreSQL", "endpoints": [{"host": "pg"}]}
    spec = {"rds": rds, "admin": {"secretRef": {"name": "pg-admin"}}}
    cache = Cache()
    cache.put_target("Target", await client.create(TARGETS, "shop", item("Target", name, spec)))
    health = TargetHealth(cache, client, lambda: NOW)
    writing = asyncio.create_task(health.run())
    view = TargetView(TargetIdentity("Target", name, "a" * 64), ("a" * 64,))

    async def ready():
        return ((await client.get(TARGETS, "shop", name)).get("status") or {}).get("conditions", [{}])[0]

    async def told(finding, status):
        health.note("shop", finding)
        async with asyncio.timeout(20):
            while (await ready()).get("status") != status:  # noqa: ASYNC110 - another task writes
                await asyncio.sleep(0.02)

    try:
        await told(Finding(view), "True")
        await told(Finding(view, (Reason.ADMIN_LOGIN_REFUSED, "the server refused the login")), "False")
        assert (await ready())["reason"] == "AdminLoginRefused"
        before = (await client.get(TARGETS, "shop", name))["metadata"]["resourceVersion"]
        health.note("shop", Finding(view, (Reason.ADMIN_LOGIN_REFUSED, "the server refused the login")))
        assert not health._waiting
        assert (await client.get(TARGETS, "shop", name))["metadata"]["resourceVersion"] == before
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
