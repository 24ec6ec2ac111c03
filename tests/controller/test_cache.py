from __future__ import annotations

import gc
import tracemalloc
from datetime import UTC, datetime
from typing import Any

from keyward.controller.cache import Cache, Source
from keyward.controller.objects import Verdict
from keyward.domain.model import SecretView
from keyward.domain.version import Cause, CauseKind, Mode, Origin, Version

KEY = ("shop", "orders")


def credential(name="orders", version="10", *, spec=None, status=None, **metadata: Any):
    found = {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": f"uid-{name}",
            "resourceVersion": version,
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}],
        }
        | metadata,
        "spec": spec or {"generic": {}, "encryptionKeyName": "default", "projections": [{"secretName": name}]},
    }
    return found | ({"status": status} if status else {})


def rds(name, account, version="10", **metadata: Any):
    spec = {
        "rds": {"targetRef": {"kind": "Target", "name": "pg"}, "create": {"name": account}},
        "projections": [{"secretName": f"{name}-secret"}],
    }
    return credential(name, version, spec=spec, **metadata)


def version(sequence=1, resource_version="5"):
    return Version(
        name=f"orders-aaaaaaaa-{sequence}",
        namespace="shop",
        credential="orders",
        lineage="a" * 32,
        sequence=sequence,
        version_id=f"v{sequence}",
        type="generic",
        cluster="cluster",
        cause=Cause(CauseKind.INITIAL),
        mode=Mode.GENERIC,
        origin=Origin.GENERATED,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        resource_version=resource_version,
    )


def secret(name="orders", resource_version="7", credential="orders"):
    return SecretView(name, resource_version, managed=True, lineage="a" * 32, credential=credential)


def test_an_older_event_never_replaces_a_newer_object():
    cache = Cache()
    assert cache.put_credential(credential(version="10", generation=2)) is Verdict.CHANGED
    assert cache.put_credential(credential(version="9", generation=1)) is Verdict.STALE
    assert cache.put_credential(credential(version="10", generation=3)) is Verdict.STALE
    assert cache.credential(KEY)["metadata"]["generation"] == 2


def test_versions_are_compared_as_numbers():
    cache = Cache()
    cache.put_credential(credential(version="9", generation=1))
    assert cache.put_credential(credential(version="10", generation=2)) is Verdict.CHANGED


def test_a_late_event_does_not_bring_a_deleted_object_back():
    cache = Cache()
    cache.put_credential(credential(version="10"))
    assert cache.drop_credential(KEY, "12")
    assert cache.put_credential(credential(version="11")) is Verdict.STALE
    assert cache.credential(KEY) is None
    assert cache.put_credential(credential(version="13", uid="new")) is Verdict.CHANGED


def test_a_late_deletion_does_not_remove_an_object_that_was_made_again():
    cache = Cache()
    cache.put_credential(credential(version="13", uid="new"))
    assert not cache.drop_credential(KEY, "12")
    assert cache.credential(KEY) is not None


def test_a_change_of_status_alone_is_told_apart_and_a_lost_status_is_a_change():
    cache = Cache()
    cache.put_credential(credential(version="10"))
    assert cache.put_credential(credential(version="11", status={"state": "Enabled"})) is Verdict.STATUS
    assert cache.credential(KEY)["status"] == {"state": "Enabled"}
    assert cache.put_credential(credential(version="12")) is Verdict.CHANGED
    assert "status" not in cache.credential(KEY)


def test_an_annotation_a_finalizer_and_a_deletion_are_changes():
    cache = Cache()
    cache.put_credential(credential(version="10"))
    for number, metadata in enumerate(
        ({"annotations": {"keyward.dev/rotate": "1"}}, {"finalizers": ["x"]}, {"deletionTimestamp": "2026-01-02"}), 11
    ):
        assert cache.put_credential(credential(version=str(number), **metadata)) is Verdict.CHANGED


def test_field_managers_and_the_copy_of_the_spec_are_not_kept():
    cache = Cache()
    copy = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "mine": "kept"}
    cache.put_credential(credential(annotations=copy))
    metadata = cache.credential(KEY)["metadata"]
    assert "managedFields" not in metadata
    assert metadata["annotations"] == {"mine": "kept"}


def test_a_copy_that_is_changed_does_not_change_the_cache():
    cache = Cache()
    cache.put_credential(credential())
    cache.credential(KEY)["spec"]["generic"]["x"] = 1
    assert cache.credential(KEY)["spec"]["generic"] == {}


def test_the_oldest_credential_has_the_account_and_the_next_one_inherits_it():
    cache = Cache()
    target = ("Target", "shop", "pg")
    cache.put_credential(rds("young", "orders", creationTimestamp="2026-01-03T00:00:00Z"))
    cache.put_credential(rds("old", "orders", creationTimestamp="2026-01-02T00:00:00Z"))
    cache.put_credential(rds("other", "billing"))
    assert cache.claim_account(target, "orders") == ("shop", "old")
    assert cache.claim_account(target, "orders_clone") == ("shop", "old")
    assert cache.rivals(("shop", "old")) == {("shop", "young")}
    cache.drop_credential(("shop", "old"), "99")
    assert cache.claim_account(target, "orders") == ("shop", "young")
    assert cache.rivals(("shop", "young")) == set()
    assert cache.claim_account(target, "unknown") is None


def test_two_of_the_same_second_are_ordered_by_uid():
    cache = Cache()
    cache.put_credential(rds("b", "orders", uid="2"))
    cache.put_credential(rds("a", "orders", uid="1"))
    assert cache.claim_account(("Target", "shop", "pg"), "orders") == ("shop", "a")


def test_a_claim_moves_with_the_spec():
    cache = Cache()
    cache.put_credential(credential("a", "1"))
    assert cache.secret_claims("shop", "a") == ("shop", "a")
    moved = credential("a", "2", spec={"generic": {}, "projections": [{"secretName": "elsewhere"}]})
    cache.put_credential(moved)
    assert cache.secret_claims("shop", "a") is None
    assert cache.secret_claims("shop", "elsewhere") == ("shop", "a")


def test_a_damaged_spec_claims_what_can_be_read_and_harms_nobody():
    cache = Cache()
    cache.put_credential(credential("a", spec={"rds": "no", "projections": [3, {"secretName": "kept"}, None]}))
    assert cache.secret_claims("shop", "kept") == ("shop", "a")


def test_credentials_are_found_by_their_target_and_their_key():
    cache = Cache()
    for name in ("a", "b", "c"):
        cache.put_credential(rds(name, name))
    cache.put_credential(credential("d"))
    assert set(cache.credentials_using_target("Target", "shop", "pg")) == {("shop", n) for n in "abc"}
    assert cache.credentials_using_target("ClusterTarget", None, "pg") == ()
    assert cache.credentials_using_key("default") == (("shop", "d"),)


def test_targets_and_keys_are_kept_by_kind_and_scope():
    cache = Cache()
    item = {"metadata": {"name": "pg", "namespace": "shop", "resourceVersion": "3"}, "spec": {"a": 1}}
    assert cache.put_target("Target", item) is Verdict.CHANGED
    assert cache.target("Target", "shop", "pg")["spec"] == {"a": 1}
    assert cache.target("ClusterTarget", None, "pg") is None
    assert cache.drop_target(("Target", "shop", "pg"), "4")
    assert cache.target("Target", "shop", "pg") is None
    key = {"metadata": {"name": "default", "resourceVersion": "3"}, "spec": {}}
    assert cache.put_encryption_key(key) is Verdict.CHANGED
    assert list(cache.encryption_keys()) == ["default"]


def test_a_secret_is_found_by_name_and_by_its_credential():
    cache = Cache()
    assert cache.put_secret("shop", secret())
    assert not cache.put_secret("shop", secret(resource_version="6"))
    assert cache.secret("shop", "orders").resource_version == "7"
    assert [s.name for s in cache.secrets_of("shop", "orders")] == ["orders"]
    assert cache.put_secret("shop", secret(resource_version="8", credential="billing"))
    assert cache.secrets_of("shop", "orders") == ()
    assert [s.name for s in cache.secrets_of("shop", "billing")] == ["orders"]


def test_a_late_event_does_not_bring_a_deleted_secret_back():
    cache = Cache()
    cache.put_secret("shop", secret(resource_version="7"))
    assert cache.drop_secret("shop", "orders").resource_version == "7"
    assert not cache.put_secret("shop", secret(resource_version="7"))
    assert cache.secret("shop", "orders") is None
    assert cache.put_secret("shop", secret(resource_version="9"))
    assert cache.drop_secret("shop", "orders", "8") is None


def test_a_version_that_we_deleted_is_not_brought_back_by_its_last_events():
    cache = Cache()
    index = cache.version_index
    index.put(version(1, "5"))
    assert list(cache.version_owners()) == [KEY]
    index.removed_by_us(version(1, "5"))
    assert not index.put(version(1, "5"))
    assert cache.versions("shop", "orders") == ()
    assert list(cache.version_owners()) == []


def test_a_lineage_is_known_by_its_versions_and_by_the_credential_that_lives_in_it_with_or_without_them():
    cache = Cache()
    assert cache.lineages() == frozenset()
    cache.put_credential(credential(version="10", annotations={"keyward.dev/lineage": "b" * 32}))
    cache.version_index.put(version())
    assert cache.lineages() == {"a" * 32, "b" * 32}
    cache.put_credential(credential(version="11", annotations={}))
    assert cache.lineages() == {"a" * 32}
    cache.put_credential(credential(version="12", annotations={"keyward.dev/lineage": "b" * 32}))
    cache.drop_credential(KEY, "13")
    assert cache.lineages() == {"a" * 32}


def test_a_source_is_found_by_its_label_and_lost_with_it():
    cache = Cache()
    assert cache.put_source("shop", "orders", Source("orders-source", "5")) == [KEY]
    assert not cache.put_source("shop", "orders", Source("orders-source", "4"))
    assert cache.source("shop", "orders") == Source("orders-source", "5")
    assert cache.source("shop", "orders", "another") is None
    assert cache.drop_source("shop", "orders-source") == [KEY]
    assert cache.source("shop", "orders") is None


def test_a_source_that_is_labelled_for_another_credential_is_news_for_both():
    cache = Cache()
    cache.put_source("shop", "orders", Source("common", "5"))
    assert cache.put_source("shop", "billing", Source("common", "6")) == [KEY, ("shop", "billing")]
    assert cache.source("shop", "orders") is None
    assert cache.source("shop", "billing") == Source("common", "6")


def test_what_metrics_tell_goes_with_the_credential():
    cache = Cache()
    status = {"type": "generic", "state": "Enabled", "nextRotation": "suspended", "lastRotated": "1970-01-01T00:01:00Z"}
    cache.put_credential(credential(status=status))
    ((key, found),) = cache.summaries()
    assert (key, found.type, found.next_rotation, found.last_rotated) == (KEY, "generic", 0.0, 60.0)
    cache.drop_credential(KEY, "99")
    assert cache.summaries() == []


def test_ten_thousand_credentials_take_less_than_two_kilobytes_each():
    gc.collect()
    tracemalloc.start()
    cache = Cache()
    count = 2_000
    status = {
        "conditions": [{"type": "Ready", "status": "True", "message": "version v1 is current"}],
        "state": "Enabled",
    }
    for n in range(count):
        cache.put_credential(credential(f"credential-{n:05}", str(n + 1), status=status))
        cache.put_secret("shop", secret(f"credential-{n:05}", str(n + 1), f"credential-{n:05}"))
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used / count < 2_048
