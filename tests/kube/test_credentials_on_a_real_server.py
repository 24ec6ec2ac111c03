"""What we write on a Credential: lineage, finalizer and status, each bound to the object that was meant."""

from __future__ import annotations

import pytest
from tests.kube.worlds import LINEAGE, credential, wish

from keyward.errors import Conflict
from keyward.kube.answers import Asked
from keyward.kube.client import Client, Seen
from keyward.kube.connection import from_kubeconfig
from keyward.kube.credentials import KubeCredentialStore
from keyward.kube.kinds import CREDENTIALS

OURS, THEIRS = "keyward.dev/finalizer", "example.com/theirs"
READY = {
    "type": "Ready",
    "status": "True",
    "reason": "Projected",
    "lastTransitionTime": "2026-11-24T02:00:00Z",
}
# Less than the schema's defaults would make of it.
STATUS = {
    "observedGeneration": 1,
    "state": "Enabled",
    "conditions": [READY],
    "projections": [{"secretName": "orders", "sequence": 1, "version": "v1"}],
}


@pytest.fixture
def calls():
    return []


@pytest.fixture
async def client(kubeconfig, calls):
    async with Client(from_kubeconfig(kubeconfig), observe=calls.append) as client:
        yield client


@pytest.fixture
def store(client):
    return KubeCredentialStore(client)


@pytest.fixture
async def seen(client, namespace):
    item = await client.create(CREDENTIALS, namespace, credential(namespace))
    return wish(namespace, item["metadata"]["uid"])


def writes(calls: list[Seen]) -> list[str]:
    return [c.verb for c in calls if c.resource == "credentials.keyward.dev" and c.verb not in ("get", "create")]


async def live(client, namespace):
    return (await client.get(CREDENTIALS, namespace, "orders"))["metadata"]


async def test_annotation_and_finalizer_come_in_one_write(client, store, seen, namespace, calls):
    await store.annotate(seen, LINEAGE, finalizer=True)
    metadata = await live(client, namespace)
    assert metadata["annotations"]["keyward.dev/lineage"] == LINEAGE
    assert metadata["finalizers"] == [OURS]
    assert writes(calls) == ["patch"]


async def test_others_finalizers_stay_where_ours_comes_and_goes(client, store, seen, namespace):
    await client.merge(Asked("patch", CREDENTIALS, namespace, "orders"), {"metadata": {"finalizers": [THEIRS]}})
    await store.annotate(seen, LINEAGE, finalizer=True)
    assert (await live(client, namespace))["finalizers"] == [THEIRS, OURS]
    await store.release(seen.identity)
    await store.release(seen.identity)
    assert (await live(client, namespace))["finalizers"] == [THEIRS]
    await client.merge(Asked("patch", CREDENTIALS, namespace, "orders"), {"metadata": {"finalizers": None}})


async def test_a_finalizer_goes_with_the_annotation_that_changes(client, store, seen, namespace):
    await store.annotate(seen, LINEAGE, finalizer=True)
    held = wish(namespace, seen.uid, finalizer=True)
    await store.annotate(held, "f" * 32, finalizer=False)
    metadata = await live(client, namespace)
    assert "finalizers" not in metadata
    assert metadata["annotations"]["keyward.dev/lineage"] == "f" * 32


async def test_a_credential_made_anew_gets_nothing_that_was_meant_for_the_old_one(client, store, seen, namespace):
    await client.delete(CREDENTIALS, namespace, "orders")
    await client.create(CREDENTIALS, namespace, credential(namespace))
    with pytest.raises(Conflict):
        await store.annotate(seen, LINEAGE, finalizer=False)
    with pytest.raises(Conflict):
        await store.annotate(seen, LINEAGE, finalizer=True)
    with pytest.raises(Conflict):
        await store.write_status(seen.identity, STATUS)
    await store.release(seen.identity)
    assert "annotations" not in await live(client, namespace)


async def test_no_finalizer_is_added_to_what_is_being_deleted(client, store, seen, namespace):
    patch = Asked("patch", CREDENTIALS, namespace, "orders")
    await client.merge(patch, {"metadata": {"finalizers": [THEIRS]}})
    await client.delete(CREDENTIALS, namespace, "orders")
    with pytest.raises(Conflict):
        await store.annotate(seen, LINEAGE, finalizer=True)
    await client.merge(patch, {"metadata": {"finalizers": None}})


async def test_release_lets_a_deleted_credential_go_and_absent_is_success(client, store, seen, namespace):
    await store.annotate(seen, LINEAGE, finalizer=True)
    await client.delete(CREDENTIALS, namespace, "orders")
    await store.release(seen.identity)
    assert await client.get(CREDENTIALS, namespace, "orders") is None
    await store.release(seen.identity)
    await store.write_status(seen.identity, STATUS)


async def test_whoever_is_found_gone_is_told_of_and_whoever_others_hold_is_not(client, seen, namespace):
    told = []
    store = KubeCredentialStore(client, gone=told.append)
    patch = Asked("patch", CREDENTIALS, namespace, "orders")
    await client.merge(patch, {"metadata": {"finalizers": [OURS, THEIRS]}})
    await client.delete(CREDENTIALS, namespace, "orders")
    await store.release(seen.identity)
    assert told == []
    await client.merge(patch, {"metadata": {"finalizers": None}})
    await store.release(seen.identity)
    await store.write_status(seen.identity, STATUS)
    assert told == [seen.identity] * 2


async def test_the_write_that_ends_a_credential_tells_that_it_is_gone(client, seen, namespace):
    told = []
    store = KubeCredentialStore(client, gone=told.append)
    await store.annotate(seen, LINEAGE, finalizer=True)
    await client.delete(CREDENTIALS, namespace, "orders")
    await store.release(seen.identity)
    assert told == [seen.identity]


async def test_a_status_that_says_nothing_new_is_not_sent(client, store, seen, namespace, calls):
    await store.write_status(seen.identity, STATUS)
    await store.write_status(seen.identity, dict(STATUS))
    assert writes(calls) == ["patch"]
    await store.write_status(seen.identity, STATUS | {"state": "Disabled"})
    assert len(writes(calls)) == 2


async def test_a_restarted_process_writes_no_status_that_stands(client, seen, namespace, calls):
    await KubeCredentialStore(client).write_status(seen.identity, STATUS)
    item = await client.get(CREDENTIALS, namespace, "orders")
    fresh = KubeCredentialStore(client)
    fresh.note(seen.uid, item["status"])
    await fresh.write_status(seen.identity, STATUS)
    assert writes(calls) == ["patch"]


async def test_what_a_new_status_does_not_have_is_removed_also_below(client, store, seen, namespace):
    failures = {"count": 3, "lastAt": "2026-11-24T02:00:00Z"}
    await store.write_status(seen.identity, STATUS | {"failures": failures, "currentVersion": "v1"})
    await store.write_status(seen.identity, STATUS | {"failures": {"count": 4}})
    status = (await client.get(CREDENTIALS, namespace, "orders"))["status"]
    assert "lastAt" not in status["failures"]
    assert not status.get("currentVersion")
    await store.write_status(seen.identity, STATUS)
    assert "failures" not in (await client.get(CREDENTIALS, namespace, "orders"))["status"]


@pytest.mark.parametrize(
    "change", [{"state": "Disabled"}, {"conditions": []}, {"observedGeneration": 2}, {"projections": []}]
)
async def test_each_change_of_a_status_is_sent(client, store, seen, calls, change):
    await store.write_status(seen.identity, STATUS)
    await store.write_status(seen.identity, STATUS | change)
    assert len(writes(calls)) == 2


async def test_a_status_that_somebody_wiped_is_written_again(client, store, seen, namespace, calls):
    await store.write_status(seen.identity, STATUS)
    store.note(seen.uid, {})
    await store.write_status(seen.identity, STATUS)
    assert len(writes(calls)) == 2
