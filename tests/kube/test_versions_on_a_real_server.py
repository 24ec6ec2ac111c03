"""CredentialVersions against a real API server: what is written comes back, and only the one who saw the newest writes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.kube.waiting import eventually
from tests.kube.worlds import LINEAGE, NOW, PROMOTION, account_version, new_version, vault

from keyward.domain.version import RetiredAs
from keyward.domain.writes import RecordChange
from keyward.errors import Blocked, Conflict, Reason
from keyward.kube import records
from keyward.kube.answers import AlreadyExists, Asked
from keyward.kube.informer import Informer, Watched
from keyward.kube.kinds import VERSIONS
from keyward.kube.versions import KubeVersionStore, VersionIndex
from keyward.sensitive import Sensitive


@pytest.fixture
def sealer():
    return vault()


@pytest.fixture
def store(client, sealer):
    return KubeVersionStore(client, sealer.digest)


async def create(store, sealer, new):
    return await store.create(new.holding(await sealer.seal(Sensitive("s3cret"), new, "default")))


async def test_a_version_comes_back_as_it_was_written(store, sealer, namespace):
    new = account_version(namespace)
    stored = await create(store, sealer, new)
    version = stored.version
    assert version.name == f"orders-{LINEAGE[:8]}-2"
    for field in ("namespace", "credential", "lineage", "sequence", "version_id", "type", "cluster", "cause", "mode", "origin",
                  "account", "accounts", "target", "source_digest", "previous", "absent", "made"):  # fmt: skip
        assert getattr(version, field) == getattr(new, field), field
    assert version.digest == sealer.digest(stored)
    assert version.wraps == (("default", "1"),)
    assert await store.read(version) == stored
    assert (await sealer.open(await store.read(version))).reveal() == b"s3cret"
    assert await store.list(namespace, "orders") == (version,)
    assert await store.list(namespace, "other") == ()


async def test_a_promotion_is_created_with_its_version(store, sealer, namespace):
    stored = await create(store, sealer, new_version(namespace, promotion=PROMOTION))
    assert stored.version.promoted == PROMOTION


async def test_of_two_racers_one_creates(store, sealer, namespace):
    results = await asyncio.gather(
        *(create(store, sealer, new_version(namespace)) for _ in range(2)), return_exceptions=True
    )
    assert sum(isinstance(r, AlreadyExists) for r in results) == 1
    assert len(await store.list(namespace, "orders")) == 1


async def test_a_record_is_written_by_whoever_saw_the_newest(store, sealer, namespace):
    seen = (await create(store, sealer, account_version(namespace))).version
    promoted = await store.update(seen, RecordChange(promotion=PROMOTION))
    assert promoted.promoted == PROMOTION
    assert promoted.resource_version != seen.resource_version
    with pytest.raises(Conflict):
        await store.update(seen, RecordChange(retired=(RetiredAs.REFUSED, NOW)))
    assert (await store.list(namespace, "orders"))[0].retired is None


async def test_each_note_of_the_record_is_kept_and_the_two_that_a_return_clears_are_cleared(store, sealer, namespace):
    version = (await create(store, sealer, account_version(namespace))).version
    later = NOW + timedelta(days=1)
    version = await store.update(version, RecordChange(applying_at=NOW, closed_at=NOW, orphaned_at=later))
    assert (version.applying, version.closed, version.orphaned_at) == (True, True, later)
    version = await store.update(version, RecordChange(disabled_by=("uid-1", NOW)))
    assert version.disabled_by_us == "uid-1"
    version = await store.update(version, RecordChange(enabled=True, returned=True))
    assert (version.disabled_by_us, version.orphaned_at, version.closed) == ("", None, True)


async def test_a_later_promotion_without_a_command_keeps_nothing_of_the_earlier_one(store, sealer, namespace):
    version = (await create(store, sealer, new_version(namespace, promotion=PROMOTION))).version
    again = replace(PROMOTION, number=2, by="")
    assert (await store.update(version, RecordChange(promotion=again))).promoted == again


async def test_a_rewrap_replaces_the_wraps_and_nothing_else(store, sealer, namespace):
    stored = await create(store, sealer, new_version(namespace, promotion=PROMOTION))
    wraps = (dict(stored.wraps[0], keyVersion="2"),)
    version = await store.update(stored.version, RecordChange(wraps=wraps))
    after = await store.read(version)
    assert (after.wraps, after.envelope, version.digest) == (wraps, stored.envelope, stored.version.digest)
    assert version.wraps == (("default", "2"),)


async def test_only_the_version_that_was_seen_is_deleted(store, sealer, namespace):
    seen = (await create(store, sealer, account_version(namespace))).version
    now = await store.update(seen, RecordChange(promotion=PROMOTION))
    with pytest.raises(Conflict):
        await store.delete(seen)
    await store.delete(now)
    await store.delete(now)
    assert await store.list(namespace, "orders") == ()


async def test_nothing_is_written_but_by_our_name_and_no_owner_is_named(store, sealer, namespace, client):
    version = (await create(store, sealer, new_version(namespace))).version
    item = await client.get(VERSIONS, namespace, version.name)
    assert "ownerReferences" not in item["metadata"]
    assert item["metadata"]["labels"] == {"keyward.dev/credential": "orders", "keyward.dev/lineage": LINEAGE}
    assert {m["manager"] for m in item["metadata"]["managedFields"]} == {"keyward"}


def test_a_damaged_version_is_refused_by_its_name_and_guessed_by_nobody():
    item = {"metadata": {"name": "orders-1", "namespace": "shop"}, "spec": {"credential": "orders"}}
    with pytest.raises(Blocked, match="shop/orders-1") as error:
        records.read(item)
    assert error.value.reason is Reason.ENVELOPE_INVALID


async def test_the_index_is_fed_by_the_watch_and_never_falls_behind_our_own_writes(client, sealer, namespace):
    index = VersionIndex()
    store = KubeVersionStore(client, sealer.digest, index)
    informer = Informer(
        client, Watched(VERSIONS, namespace=namespace), lambda change, item: index.take(change, item) and None
    )
    task = asyncio.create_task(informer.run())
    try:
        async with asyncio.timeout(10):
            await informer.synced.wait()
            version = (await create(store, sealer, new_version(namespace))).version
            assert index.list(namespace, "orders") == (version,)
            version = await store.update(version, RecordChange(promotion=PROMOTION))
            assert index.list(namespace, "orders") == (version,)
            # Somebody else's write arrives by the watch.
            asked = Asked("patch", VERSIONS, namespace, version.name)
            await client.merge(asked, {"metadata": {"labels": {"keyward.dev/keep": "true"}}})
            await eventually(lambda: index.list(namespace, "orders")[0].pinned)
            assert index.lineages() == {LINEAGE}
            await store.delete(index.list(namespace, "orders")[0])
            assert index.list(namespace, "orders") == ()
            await eventually(lambda: not len(informer))
            assert index.list(namespace, "orders") == ()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
