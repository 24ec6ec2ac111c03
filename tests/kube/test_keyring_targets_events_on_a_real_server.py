"""The keyring that is made once, the admin Secret that vouches for endpoints, events that do not flood."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from tests.kube.worlds import encoded, new_version, vault

from keyward.errors import Blocked, Conflict, Reason
from keyward.kube import targets
from keyward.kube.answers import AlreadyExists
from keyward.kube.events import EventRecorder, Limits, Ref
from keyward.kube.keyring import KeyringStore
from keyward.kube.kinds import CREDENTIALS, EVENTS, NAMESPACES, SECRETS
from keyward.kube.targets import LoginKind
from keyward.kube.versions import KubeVersionStore
from keyward.sensitive import Sensitive

KEYRING = {"keyring.json": Sensitive(b'{"v":1}')}


@pytest.fixture
def keyring(client, namespace):
    return KeyringStore(client, namespace)


@pytest.fixture
def no_versions(keyring, monkeypatch):
    """As in a cluster that is new: this one is shared, and others' versions are in it."""

    async def none() -> bool:
        return False

    monkeypatch.setattr(keyring, "any_version", none)


async def test_a_keyring_is_made_once_and_read_back(keyring, no_versions):
    assert await keyring.load() is None
    made = await keyring.create(KEYRING)
    assert dict((await keyring.load()).data) == KEYRING
    with pytest.raises(AlreadyExists):
        await keyring.create(KEYRING)
    assert "v" not in repr(made.data).replace("sensitive", "").replace("keyring.json", "")


async def test_a_keyring_is_replaced_by_whoever_saw_the_newest(keyring, no_versions):
    made = await keyring.create(KEYRING)
    changed = await keyring.replace({"keyring.json": Sensitive(b"2")}, made)
    with pytest.raises(Conflict):
        await keyring.replace(KEYRING, made)
    assert (await keyring.load()).data == changed.data


async def test_no_keyring_is_made_while_any_version_exists(keyring, client, namespace):
    sealer = vault()
    store = KubeVersionStore(client, sealer.digest)
    new = new_version(namespace)
    await store.create(new.holding(await sealer.seal(Sensitive("x"), new, "default")))
    with pytest.raises(Blocked, match="restore it") as error:
        await keyring.create(KEYRING)
    assert error.value.reason is Reason.KEY_UNAVAILABLE
    assert await keyring.load() is None


async def test_a_secret_of_that_name_that_is_no_keyring_is_refused(keyring, client, namespace):
    await client.create(SECRETS, namespace, {"metadata": {"name": "keyward-keyring"}, "data": {"x": encoded("y")}})
    with pytest.raises(Blocked, match="is not a keyring"):
        await keyring.load()


# --- admin Secrets ---


@pytest.fixture
def admins(client):
    return targets.AdminSecrets(client)


async def admin_secret(client, namespace, **data: str):
    body = {"metadata": {"name": "pg-admin"}, "data": {k: encoded(v) for k, v in data.items()}}
    await client.create(SECRETS, namespace, body)


async def test_an_admin_login_is_read_and_what_it_lacks_is_named(admins, client, namespace):
    with pytest.raises(Blocked, match=r"pg-admin.*not there"):
        await admins.read(namespace, "pg-admin")
    await admin_secret(client, namespace, username="postgres", password="")
    with pytest.raises(Blocked, match="no key 'password'") as error:
        await admins.read(namespace, "pg-admin")
    assert error.value.reason is Reason.ADMIN_SECRET_INVALID


async def test_the_access_key_of_a_cloud_account_is_read_and_what_it_lacks_is_named(admins, client, namespace):
    await admin_secret(client, namespace, accessKeyId="LTAI1\n", accessKeySecret="c4n4ry")
    found = await admins.read(namespace, "pg-admin", LoginKind.ACCESS_KEY)
    assert (found.username, found.password.reveal(), found.token) == ("LTAI1", b"c4n4ry", None)
    with pytest.raises(Blocked, match="has no key 'username': add it"):
        await admins.read(namespace, "pg-admin")
    await client.delete(SECRETS, namespace, "pg-admin", {})
    await admin_secret(client, namespace, accessKeyId="LTAI1", securityToken="t0k3n")
    with pytest.raises(Blocked, match="has no key 'accessKeySecret': add it"):
        await admins.read(namespace, "pg-admin", LoginKind.ACCESS_KEY)


async def test_a_secret_that_carries_the_approval_alone_needs_no_login(admins, client, namespace):
    await admin_secret(client, namespace)
    with pytest.raises(Blocked, match="has no key 'username'"):
        await admins.read(namespace, "pg-admin")
    found = await admins.read(namespace, "pg-admin", LoginKind.NONE)
    approved = await admins.approve(found, "ClusterTarget", "cloud", "d1")
    assert approved.approved("ClusterTarget", "cloud") == ("d1",)
    assert not found.username


async def test_approvals_stand_on_the_secret_the_newest_first(admins, client, namespace):
    await admin_secret(client, namespace, username="postgres", password="c4n4ry")
    first = await admins.read(namespace, "pg-admin")
    assert (first.username, first.approved("Target", "pg"), first.vouches("d1")) == ("postgres", (), True)
    assert "c4n4ry" not in repr(first)
    second = await admins.approve(first, "Target", "pg", "d1")
    with pytest.raises(Conflict):
        await admins.approve(first, "Target", "pg", "evil")
    await admins.approve(second, "Target", "pg", "d2")
    found = await admins.read(namespace, "pg-admin")
    assert found.approved("Target", "pg") == ("d2", "d1")
    assert found.approved("Target", "other") == ()


async def test_a_second_target_does_not_collect_the_password_of_the_first(admins, client, namespace):
    await admin_secret(client, namespace, username="postgres", password="x")
    admin = await admins.approve(await admins.read(namespace, "pg-admin"), "Target", "pg", "d1")
    assert admin.vouches("d1")
    assert not admin.vouches("d-evil")
    # What was once approved and has been succeeded does not count any more.
    admin = await admins.approve(admin, "Target", "pg", "d2")
    assert not admin.vouches("d1")


async def test_a_damaged_approval_is_no_empty_one(admins, client, namespace):
    body = {
        "metadata": {"name": "pg-admin", "annotations": {"keyward.dev/approved-digests": "[oops"}},
        "data": {"username": encoded("a"), "password": encoded("b")},
    }
    await client.create(SECRETS, namespace, body)
    with pytest.raises(Blocked, match="damaged"):
        await admins.read(namespace, "pg-admin")


def test_a_digest_follows_endpoints_and_ca_and_nothing_else():
    one = targets.digest([("pg.db", 5432), ("ro.db", 5432)], "A\nB\n")
    assert one == targets.digest([("RO.db.", 5432), ("pg.db", 5432)], "  A\n\nB")
    others = {
        targets.digest([("pg.db", 5432)], "A\nB\n"),
        targets.digest([("pg.db", 5433), ("ro.db", 5432)], "A\nB\n"),
        targets.digest([("pg.db", 5432), ("ro.db", 5432)], "A\nC\n"),
        targets.digest([("pg.db", 5432), ("ro.db", 5432)], None),
        targets.digest([("pg.db", 5432), ("ro.db", 5432)], "A\nB\n", "other"),
    }
    assert len(others | {one}) == 6


async def test_the_cluster_is_called_by_the_uid_of_kube_system(client):
    item = await client.get(NAMESPACES, "", "kube-system")
    assert await targets.cluster_uid(client) == item["metadata"]["uid"]


# --- events ---


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def recorder(client, clock):
    recorder = EventRecorder(client, "keyward-0", clock, Limits(burst=3, refill=60, repeat=300))
    task = asyncio.create_task(recorder.run())
    yield recorder
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def events(client, namespace):
    return [item async for page in client.pages(EVENTS, namespace) for item in page["items"]]


async def test_an_event_is_posted_and_its_repetitions_only_count(recorder, client, clock, namespace):
    ref = Ref(CREDENTIALS, namespace, "orders", "uid-1")
    for _ in range(5):
        recorder.post(ref, "Warning", "Unreachable", "the target does not answer")
    await recorder.drain(5)
    found = await events(client, namespace)
    assert [(e["reason"], e["type"], e["count"]) for e in found] == [("Unreachable", "Warning", 1)]
    assert found[0]["involvedObject"]["uid"] == "uid-1"
    clock.now += timedelta(seconds=301)
    recorder.post(ref, "Warning", "Unreachable", "the target does not answer")
    await recorder.drain(5)
    found = await events(client, namespace)
    assert [(e["count"], e["lastTimestamp"]) for e in found] == [(6, "2026-11-24T02:05:01Z")]


async def test_an_event_that_has_expired_is_made_anew(recorder, client, clock, namespace):
    ref = Ref(CREDENTIALS, namespace, "orders", "uid-1")
    recorder.post(ref, "Normal", "Rotated", "version v2 is current")
    await recorder.drain(5)
    for event in await events(client, namespace):
        await client.delete(EVENTS, namespace, event["metadata"]["name"])
    clock.now += timedelta(hours=2)
    recorder.post(ref, "Normal", "Rotated", "version v2 is current")
    await recorder.drain(5)
    assert [e["count"] for e in await events(client, namespace)] == [2]


async def test_one_object_cannot_flood_and_others_are_still_heard(recorder, client, clock, namespace):
    ref, other = (Ref(CREDENTIALS, namespace, name, f"uid-{name}") for name in ("orders", "other"))
    for n in range(10):
        recorder.post(ref, "Warning", "Busy", f"message {n}")
    recorder.post(other, "Warning", "Busy", "message")
    await recorder.drain(5)
    assert len(await events(client, namespace)) == 4
    assert recorder.dropped == 7
    clock.now += timedelta(seconds=61)
    recorder.post(ref, "Warning", "Busy", "after a while")
    await recorder.drain(5)
    assert len(await events(client, namespace)) == 5


async def test_an_event_that_cannot_be_posted_is_dropped_and_harms_nobody(recorder):
    recorder.post(Ref(CREDENTIALS, "no-such-namespace", "orders", "u"), "Normal", "Rotated", "x")
    await recorder.drain(5)
    assert recorder.dropped == 1
