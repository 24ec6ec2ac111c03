"""Projected Secrets against a real API server: ours as a whole, others' metadata as it was, strangers left alone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from tests.kube.waiting import eventually
from tests.kube.worlds import LINEAGE, credential, encoded, secret_content

from keyward.errors import Blocked, Conflict, Reason
from keyward.kube.answers import AlreadyExists, Asked
from keyward.kube.client import MERGE_PATCH, METADATA, Call
from keyward.kube.informer import Informer, Watched
from keyward.kube.kinds import CREDENTIALS, NAMESPACES, SECRETS, Kind
from keyward.kube.secrets import KubeSecretStore

CONFIG_MAPS = Kind("", "v1", "configmaps", "ConfigMap")


@pytest.fixture
def store(client):
    return KubeSecretStore(client)


async def patch(client, namespace, body, name="orders"):
    return await client.merge(Asked("patch", SECRETS, namespace, name), body)


async def as_somebody(client, namespace, body, name="orders"):
    """A write under another manager's name."""
    asked = Asked("patch", SECRETS, namespace, name)
    return await client.request(Call(asked, orjson.dumps(body), "fieldManager=kubectl-edit", MERGE_PATCH))


async def owner(client, namespace, name="orders"):
    """Name and uid of a Credential that is there: the garbage collector takes at once what nobody owns."""
    body = credential(namespace)
    body["metadata"]["name"] = name
    return name, (await client.create(CREDENTIALS, namespace, body))["metadata"]["uid"]


async def peek(store, namespace):
    """Its metadata, as a watch would show it."""
    item = await store._client.get(SECRETS, namespace, "orders", accept=METADATA)
    return None if item is None else store.view(item)


async def test_a_secret_is_made_with_our_labels_and_seen_as_ours(store, client, namespace):
    _, uid = owned = await owner(client, namespace)
    view = await store.create(secret_content(namespace, owner=owned, sequence=7))
    assert (view.managed, view.lineage, view.credential, view.sequence) == (True, LINEAGE, "orders", 7)
    assert (view.shape, view.owner_uid, view.intact, view.previous_sequence) == ("s1", uid, True, 0)
    assert view.written_at is not None
    assert await peek(store, namespace) == view
    stored = await store.read(namespace, "orders")
    assert {k: v.reveal_text() for k, v in stored.data.items()} == {"user": "bob", "password": "one"}
    assert stored.type == "Opaque"


async def test_a_write_that_says_that_it_is_older_than_the_server_knows_counts_from_then(store, client, namespace):
    before = datetime.now(UTC).replace(microsecond=0)
    late = await store.create(secret_content(namespace))  # it says 2026-11-24T02:00:00Z of itself
    assert before <= late.written_at <= datetime.now(UTC) + timedelta(seconds=1)
    await as_somebody(client, namespace, {"metadata": {"labels": {"team": "a"}}})
    theirs = store.view({"metadata": (await store.read(namespace, "orders")).metadata})
    assert theirs.written_at == late.written_at
    ahead = {**secret_content(namespace).annotations, "keyward.dev/written-at": "2926-11-24T02:00:00Z"}
    view = await store.replace(secret_content(namespace, annotations=ahead), await store.read(namespace, "orders"))
    assert view.written_at == datetime(2926, 11, 24, 2, tzinfo=UTC)


async def test_a_strangers_secret_is_never_written_by_a_post(store, client, namespace):
    await client.create(SECRETS, namespace, {"metadata": {"name": "orders"}, "data": {"theirs": encoded("x")}})
    with pytest.raises(AlreadyExists):
        await store.create(secret_content(namespace))
    stored = await store.read(namespace, "orders")
    assert list(stored.data) == ["theirs"]
    assert not store.view({"metadata": stored.metadata}).managed


async def test_a_put_replaces_data_as_a_whole_and_keeps_what_others_put_on_the_metadata(store, client, namespace):
    (name, old), (_, new) = before, now = await owner(client, namespace, "before"), await owner(client, namespace)
    await store.create(secret_content(namespace, owner=before))
    theirs = (await client.create(CONFIG_MAPS, namespace, {"metadata": {"name": "x"}}))["metadata"]["uid"]
    await as_somebody(
        client,
        namespace,
        {
            "metadata": {
                "labels": {"team": "a"},
                "annotations": {"note": "b"},
                "finalizers": ["example.com/keep"],
                "ownerReferences": [
                    {"apiVersion": "keyward.dev/v1alpha1", "kind": "Credential", "name": name, "uid": old},
                    {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": theirs},
                ],
            },
            "data": {"extra": encoded("y")},
        },
    )
    content = secret_content(namespace, data={"user": "bob", "password": "two"}, sequence=2, owner=now)
    view = await store.replace(content, await store.read(namespace, "orders"))
    assert (view.sequence, view.owner_uid, view.intact) == (2, new, True)
    after = await store.read(namespace, "orders")
    assert {k: v.reveal_text() for k, v in after.data.items()} == {"user": "bob", "password": "two"}
    metadata = after.metadata
    assert metadata["labels"]["team"] == "a"
    assert metadata["annotations"]["note"] == "b"
    assert metadata["finalizers"] == ["example.com/keep"]
    assert [o["uid"] for o in metadata["ownerReferences"]] == [theirs, new]
    view = await store.replace(secret_content(namespace, sequence=3), await store.read(namespace, "orders"))
    assert view.owner_uid == ""
    final = await store.read(namespace, "orders")
    assert [o["uid"] for o in final.metadata["ownerReferences"]] == [theirs]
    await as_somebody(client, namespace, {"metadata": {"finalizers": None}})


async def test_an_annotation_of_ours_that_no_longer_holds_goes(store, namespace):
    with_previous = secret_content(namespace)
    annotations = {**with_previous.annotations, "keyward.dev/previous-sequence": "4"}
    view = await store.create(secret_content(namespace, annotations=annotations))
    assert view.previous_sequence == 4
    view = await store.replace(secret_content(namespace), await store.read(namespace, "orders"))
    assert view.previous_sequence == 0


async def test_a_secret_that_was_changed_since_it_was_judged_is_not_written(store, client, namespace):
    await store.create(secret_content(namespace))
    judged = await store.read(namespace, "orders")
    await as_somebody(client, namespace, {"metadata": {"labels": {"keyward.dev/lineage": "f" * 32}}})
    with pytest.raises(Conflict):
        await store.replace(secret_content(namespace, sequence=2), judged)


async def test_a_secret_that_was_made_anew_since_it_was_judged_is_not_written(store, client, namespace):
    await store.create(secret_content(namespace))
    judged = await store.read(namespace, "orders")
    await client.delete(SECRETS, namespace, "orders")
    with pytest.raises(Conflict):
        await store.replace(secret_content(namespace, sequence=2), judged)
    await client.create(SECRETS, namespace, {"metadata": {"name": "orders"}, "data": {"theirs": encoded("x")}})
    with pytest.raises(Conflict):
        await store.replace(secret_content(namespace, sequence=2), judged)
    assert list((await store.read(namespace, "orders")).data) == ["theirs"]


async def test_a_type_that_cannot_be_changed_is_said_before_anything_is_sent(store, namespace):
    await store.create(secret_content(namespace))
    judged = await store.read(namespace, "orders")
    content = secret_content(namespace, type="kubernetes.io/basic-auth", data={"username": "u", "password": "p"})
    with pytest.raises(Blocked, match="type Opaque, which cannot be changed") as error:
        await store.replace(content, judged)
    assert error.value.reason is Reason.SECRET_CONFLICT


async def test_an_immutable_secret_is_a_problem_with_a_name_and_no_value(store, client, namespace):
    await store.create(secret_content(namespace))
    await as_somebody(client, namespace, {"immutable": True})
    with pytest.raises(Blocked) as error:
        await store.replace(
            secret_content(namespace, data={"password": "c4n4ry"}), await store.read(namespace, "orders")
        )
    assert error.value.reason is Reason.SECRET_INVALID
    assert "c4n4ry" not in str(error.value)


async def test_somebody_elses_write_to_the_data_is_told_by_metadata_alone(store, client, namespace):
    await store.create(secret_content(namespace))
    await as_somebody(client, namespace, {"metadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}}})
    assert (await peek(store, namespace)).intact
    for body in ({"data": {"password": encoded("theirs")}}, {"data": {"more": encoded("x")}}, {"data": {"user": None}}):
        await as_somebody(client, namespace, body)
        assert not (await peek(store, namespace)).intact, body
        view = await store.replace(secret_content(namespace), await store.read(namespace, "orders"))
        assert view.intact
        # What a restarted process sees is the same.
        assert (await peek(KubeSecretStore(client), namespace)).intact


async def test_a_restored_secret_is_looked_at_once(store, client, namespace):
    content = secret_content(namespace)
    await store.create(content)
    item = await client.get(SECRETS, namespace, "orders")
    await client.delete(SECRETS, namespace, "orders")
    metadata = {k: item["metadata"][k] for k in ("name", "labels", "annotations")}
    await client.create(SECRETS, namespace, {"metadata": metadata, "data": item["data"]})
    body = {"data": {k: encoded("0") for k in item["data"]}}
    await as_somebody(client, namespace, body)
    await as_somebody(client, namespace, {"data": item["data"]})
    view = await peek(store, namespace)
    assert not view.intact
    store.trust(namespace, "orders", view.resource_version)
    assert (await peek(store, namespace)).intact
    await as_somebody(client, namespace, {"data": {"password": encoded("x")}})
    assert not (await peek(store, namespace)).intact


async def test_only_the_secret_that_was_seen_is_deleted(store, client, namespace):
    seen = await store.create(secret_content(namespace))
    await as_somebody(client, namespace, {"metadata": {"labels": {"keyward.dev/lineage": "f" * 32}}})
    with pytest.raises(Conflict):
        await store.delete(namespace, seen)
    await store.delete(namespace, await peek(store, namespace))
    await store.delete(namespace, seen)
    assert await store.read(namespace, "orders") is None


async def test_a_namespace_that_is_going_says_so(store, client, namespace):
    body = {"metadata": {"name": f"{namespace}-x", "finalizers": ["example.com/hold"]}}
    await client.create(NAMESPACES, "", body)
    holder = {"metadata": {"name": "holder", "finalizers": ["example.com/hold"]}}
    await client.create(SECRETS, f"{namespace}-x", holder)
    await client.delete(NAMESPACES, "", f"{namespace}-x")
    with pytest.raises(Blocked) as error:
        await store.create(secret_content(f"{namespace}-x"))
    assert error.value.reason is Reason.NAMESPACE_TERMINATING
    await client.merge(Asked("patch", SECRETS, f"{namespace}-x", "holder"), {"metadata": {"finalizers": None}})
    await client.merge(Asked("patch", NAMESPACES, "", f"{namespace}-x"), {"metadata": {"finalizers": None}})


async def test_the_watch_of_secrets_never_carries_their_data(store, client, namespace):
    told = []
    watched = Watched(SECRETS, "app.kubernetes.io/managed-by=keyward", metadata_only=True, namespace=namespace)
    informer = Informer(client, watched, lambda change, item: told.append((change, item)))
    await store.create(secret_content(namespace))
    task = asyncio.create_task(informer.run())
    try:
        async with asyncio.timeout(10):
            await informer.synced.wait()
            await client.create(SECRETS, namespace, {"metadata": {"name": "theirs"}, "data": {"x": encoded("x")}})
            await as_somebody(client, namespace, {"data": {"password": encoded("theirs")}})
            await eventually(lambda: len(told) == 2)
            await client.delete(SECRETS, namespace, "orders")
            await eventually(lambda: len(told) == 3)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [change for change, _ in told] == ["Added", "Modified", "Deleted"]
    assert all("data" not in item and item["metadata"]["name"] == "orders" for _, item in told)
    assert [store.view(item).intact for _, item in told[:2]] == [True, False]


async def test_reading_metadata_asks_for_nothing_else(client, store, namespace):
    await store.create(secret_content(namespace))
    item = await client.get(SECRETS, namespace, "orders", accept=METADATA)
    assert item["kind"] == "PartialObjectMetadata"
    assert "data" not in item
