from __future__ import annotations

from typing import Any

import pytest
from tests.controller.test_cache import credential, rds, secret
from tests.controller.test_heap import Clock, after

from keyward.controller.cache import Cache
from keyward.controller.heap import Schedule
from keyward.controller.intake import Intake
from keyward.controller.limits import RotationLimits
from keyward.controller.queue import WorkQueue
from keyward.domain.model import Identity
from keyward.kube.secrets import view

A, B = ("shop", "a"), ("shop", "b")


@pytest.fixture
def intake():
    return Intake(Cache(operator_namespace="keyward-system"), WorkQueue(), Schedule(Clock()), RotationLimits(), view)


async def waiting(intake: Intake) -> list[tuple[str, str]]:
    found = []
    while len(intake.queue):
        key = await intake.queue.take()
        assert key is not None
        intake.queue.done(key)
        found.append(key)
    return found


def metadata(name, version, **labels: Any):
    item = {"metadata": {"name": name, "namespace": "shop", "resourceVersion": version}}
    item["metadata"]["labels"] = {key.replace("_", "-"): value for key, value in labels.items()}
    return item


def managed(name, version, owner):
    item = metadata(name, version)
    item["metadata"]["labels"] = {
        "app.kubernetes.io/managed-by": "keyward",
        "keyward.dev/credential": owner,
        "keyward.dev/lineage": "a" * 32,
    }
    return item


async def test_a_change_wakes_its_credential_and_our_own_status_does_not(intake):
    intake.credential("Added", credential("a", "1"))
    assert await waiting(intake) == [A]
    intake.credential("Modified", credential("a", "2", status={"state": "Enabled"}))
    intake.credential("Modified", credential("a", "2", generation=2))
    assert await waiting(intake) == []
    intake.credential("Modified", credential("a", "3", generation=2))
    assert await waiting(intake) == [A]


async def test_a_change_that_comes_with_the_answer_to_our_own_write_wakes_its_credential(intake):
    intake.credential("Added", credential("a", "1"))
    await waiting(intake)
    written = credential("a", "3", status={"state": "Enabled"})
    intake.answered(written)
    assert await waiting(intake) == []
    deleted = credential("a", "5", status={"state": "Enabled", "currentVersion": "v1"})
    deleted["metadata"]["deletionTimestamp"] = "2026-11-24T02:00:00Z"
    intake.answered(deleted)
    assert await waiting(intake) == [A]
    intake.credential("Modified", deleted)
    assert await waiting(intake) == []


async def test_one_that_a_write_found_gone_is_forgotten_and_one_made_anew_is_not(intake):
    intake.credential("Added", credential("a", "5", uid="first"))
    await waiting(intake)
    intake.gone(Identity("shop", "a", "another"))
    assert intake.cache.credential(A) is not None
    intake.gone(Identity("shop", "a", "first"))
    assert intake.cache.credential(A) is None
    assert intake.sweep.is_set()
    intake.credential("Modified", credential("a", "5", uid="first"))
    assert intake.cache.credential(A) is None
    intake.credential("Added", credential("a", "9", uid="second"))
    assert intake.cache.credential(A) is not None


async def test_a_change_goes_before_what_is_seen_for_the_first_time(intake):
    intake.credential("Added", credential("b", "1"))
    await waiting(intake)
    intake.credential("Added", credential("a", "2"))
    intake.credential("Modified", credential("b", "3", generation=2))
    assert await waiting(intake) == [B, A]


async def test_a_deletion_wakes_its_credential_and_the_sweep_and_ends_its_schedule(intake):
    intake.credential("Added", credential("a", "1"))
    intake.schedule.set(A, after(60))
    await waiting(intake)
    intake.credential("Deleted", credential("a", "2"))
    assert await waiting(intake) == [A]
    assert intake.sweep.is_set()
    assert len(intake.schedule) == 0


async def test_a_credential_is_woken_when_the_older_one_gives_its_account_up(intake):
    intake.credential("Added", rds("a", "orders", creationTimestamp="2026-01-01T00:00:00Z", version="1"))
    intake.credential("Added", rds("b", "orders", creationTimestamp="2026-01-02T00:00:00Z", version="2"))
    await waiting(intake)
    intake.credential("Deleted", rds("a", "orders", version="3"))
    assert set(await waiting(intake)) == {A, B}


async def test_a_target_and_a_key_wake_those_that_use_them(intake):
    intake.credential("Added", rds("a", "orders", version="1"))
    intake.credential("Added", credential("b", "2"))
    await waiting(intake)
    intake.target("Target", "Added", metadata("pg", "3"))
    assert await waiting(intake) == [A]
    intake.target("Target", "Deleted", metadata("pg", "4"))
    assert await waiting(intake) == [A]
    intake.target("ClusterTarget", "Added", metadata("pg", "5"))
    assert await waiting(intake) == []
    intake.encryption_key("Added", {"metadata": {"name": "default", "resourceVersion": "6"}, "spec": {}})
    assert await waiting(intake) == [B]
    assert intake.keys.is_set()


async def test_a_secret_that_somebody_changed_or_deleted_wakes_its_credential_and_our_own_write_does_not(intake):
    intake.credential("Added", credential("a", "1"))
    await waiting(intake)
    intake.cache.put_secret("shop", secret("a", "5", "a"))
    intake.secret("Added", managed("a", "5", "a"))
    assert await waiting(intake) == []
    intake.secret("Modified", managed("a", "6", "a"))
    assert await waiting(intake) == [A]
    intake.secret("Deleted", managed("a", "7", "a"))
    assert await waiting(intake) == [A]


async def test_a_secret_that_was_relabelled_wakes_the_one_that_projects_into_it_as_well(intake):
    intake.credential("Added", credential("a", "1"))
    intake.credential("Added", credential("b", "2"))
    await waiting(intake)
    intake.secret("Added", managed("a", "6", "b"))
    assert set(await waiting(intake)) == {A, B}


async def test_a_source_wakes_the_credential_that_its_label_names(intake):
    intake.credential("Added", credential("a", "1"))
    await waiting(intake)
    source = metadata("given", "5")
    source["metadata"]["labels"] = {"keyward.dev/source-for": "a"}
    intake.source("Added", source)
    assert await waiting(intake) == [A]
    intake.source("Deleted", source)
    assert await waiting(intake) == [A]


async def test_what_belongs_to_no_credential_wakes_nobody(intake):
    intake.secret("Added", managed("lost", "6", "lost"))
    assert await waiting(intake) == []


async def test_whoever_works_by_an_admin_login_looks_again_when_it_was_written(intake):
    target = {"metadata": {"name": "pg", "namespace": "shop", "resourceVersion": "1"}}
    intake.target("Target", "Added", target | {"spec": {"admin": {"secretRef": {"name": "pg-admin"}}}})
    for name in ("a", "b"):
        intake.credential("Added", rds(name, f"account_{name}", "1"))
    await waiting(intake)
    intake.wrote_secret("shop", view(managed("orders", "3", "a")), "orders")
    assert await waiting(intake) == []
    intake.wrote_secret("shop", view(managed("pg-admin", "4", "a")), "pg-admin")
    assert sorted(await waiting(intake)) == [A, B]


async def test_whoever_works_by_it_through_another_target_looks_again_as_well(intake):
    for name, admin in (("pg", "pg-admin"), ("polar", "pg-admin"), ("other", "other-admin")):
        intake.target("Target", "Added", target(name, admin))
        intake.credential("Added", on(name))
    await waiting(intake)
    intake.wrote_secret("shop", view(managed("pg-admin", "4", "pg")), "pg-admin")
    assert sorted(await waiting(intake)) == [("shop", "pg"), ("shop", "polar")]
    intake.target("Target", "Modified", target("polar", "other-admin", version="2"))
    intake.target("Target", "Deleted", target("pg", "pg-admin", version="3"))
    await waiting(intake)
    intake.wrote_secret("shop", view(managed("pg-admin", "5", "pg")), "pg-admin")
    assert await waiting(intake) == []
    intake.wrote_secret("shop", view(managed("other-admin", "6", "other")), "other-admin")
    assert sorted(await waiting(intake)) == [("shop", "other"), ("shop", "polar")]


async def test_of_a_cluster_target_the_secret_in_the_operators_namespace_counts_alone(intake):
    item = target("all", "pg-admin")
    del item["metadata"]["namespace"]
    intake.target("ClusterTarget", "Added", item)
    intake.credential("Added", on("all", kind="ClusterTarget"))
    await waiting(intake)
    for namespace, woken in (("shop", []), ("keyward-system", [("shop", "all")])):
        intake.wrote_secret(namespace, view(managed("pg-admin", "4", "keeper")), "pg-admin")
        assert await waiting(intake) == woken


def target(name: str, secret: str, version: str = "1") -> dict[str, Any]:
    metadata = {"name": name, "namespace": "shop", "resourceVersion": version}
    return {"metadata": metadata, "spec": {"admin": {"secretRef": {"name": secret}}}}


def on(name: str, kind: str = "Target") -> dict[str, Any]:
    block = {"targetRef": {"kind": kind, "name": name}, "create": {"name": f"account_{name}"}}
    return credential(name, "1", spec={"rds": block})
