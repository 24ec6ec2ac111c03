"""The index of versions in memory: late news never undoes newer ones, and what we deleted stays deleted."""

from __future__ import annotations

from dataclasses import replace

from tests.kube.worlds import LINEAGE, NOW, new_version

from keyward.domain.version import Version
from keyward.kube import records
from keyward.kube.versions import VersionIndex


def item(sequence=1, resource_version="10", credential="orders"):
    new = replace(new_version("shop", sequence), credential=credential)
    found = records.body(new, "")
    found["metadata"] |= {"creationTimestamp": records.stamp(NOW), "resourceVersion": resource_version}
    return found


def version(**changes: str) -> Version:
    return records.read(item(**changes))


def test_an_older_event_never_replaces_what_is_newer():
    index = VersionIndex()
    assert index.put(version(resource_version="10"))
    assert not index.put(version(resource_version="9"))
    assert index.take("Modified", item(resource_version="9")) is None
    assert index.list("shop", "orders")[0].resource_version == "10"
    # As numbers, not as text.
    assert index.put(version(resource_version="100"))


def test_a_late_event_never_brings_back_what_we_deleted():
    index = VersionIndex()
    index.put(version(resource_version="10"))
    index.removed_by_us(version(resource_version="10"))
    assert index.take("Modified", item(resource_version="10")) is None
    assert index.list("shop", "orders") == ()
    index.take("Deleted", item(resource_version="11"))
    # Restored from a backup under the same name: a new object.
    assert index.take("Added", item(resource_version="12")) == "shop/orders"


def test_a_deletion_is_told_to_its_credential_even_when_only_the_name_is_known():
    index = VersionIndex()
    index.put(version(credential="orders-eu-2"))
    name = f"orders-eu-2-{LINEAGE[:8]}-1"
    gone = {"metadata": {"namespace": "shop", "name": name, "resourceVersion": "10"}}
    assert index.take("Deleted", gone) == "shop/orders-eu-2"
    assert index.take("Deleted", gone) is None
    assert index.credentials() == ()


def test_a_version_that_is_not_what_its_name_says_is_ignored_and_so_is_a_damaged_one(caplog):
    index = VersionIndex()
    swapped = item()
    swapped["metadata"]["name"] = f"orders-{LINEAGE[:8]}-7"
    assert index.take("Added", swapped) is None
    damaged = item()
    del damaged["spec"]["cause"]
    assert index.take("Added", damaged) is None
    assert index.list("shop", "orders") == ()
    assert len(caplog.records) == 2


def test_the_echo_of_what_we_wrote_is_not_even_read(caplog):
    index = VersionIndex()
    index.put(version(resource_version="10"))
    echo = {"metadata": item(resource_version="10")["metadata"]}  # nothing that could be read as a version
    assert index.take("Added", echo) is None
    assert caplog.records == []
    assert index.take("Modified", item(resource_version="11")) == "shop/orders"
