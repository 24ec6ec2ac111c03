from __future__ import annotations

import re

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from keyward.controller.metrics import Metrics
from keyward.controller.summary import Summary
from keyward.kube.client import Seen
from keyward.kube.informer import Health

FAMILIES = {
    "keyward_api_requests",
    "keyward_build_info",
    "keyward_clock_offset_seconds",
    "keyward_credential_current_version_timestamp_seconds",
    "keyward_credential_next_rotation_timestamp_seconds",
    "keyward_credentials",
    "keyward_deletions_left_behind",
    "keyward_dropped_events",
    "keyward_failed_verifications",
    "keyward_kms_calls",
    "keyward_missed_changes",
    "keyward_queue_depth",
    "keyward_queue_latency_seconds",
    "keyward_reconcile_duration_seconds",
    "keyward_rotations",
    "keyward_single_gap_seconds",
    "keyward_step_duration_seconds",
    "keyward_watch_dead_streams",
    "keyward_watch_lists",
}


def filled() -> Metrics:
    metrics = Metrics()
    metrics.follow(lambda: [(("shop", "orders"), Summary("generic", "Enabled", 2000.0, 1000.0))])
    metrics.follow_watches({"versions": Health(relists=2, dead_streams=1)}, lambda: 4)
    metrics.follow_clock(lambda: -3.0)
    metrics.rotations.labels("rds", "success").inc()
    metrics.kms_calls.labels("local", "wrap", "success").inc()
    metrics.step_duration.labels("apply").observe(0.2)
    metrics.requested(Seen("create", "secrets", 201, 0.01))
    metrics.depth(3)
    metrics.waited(0.5)
    return metrics


def families(metrics: Metrics):
    return {family.name: family for family in parse(metrics.render()[0].decode())}


def test_the_families_are_those_that_dashboards_and_alerts_name():
    assert {name for name in families(filled()) if name.startswith("keyward_")} == FAMILIES


def test_names_and_units_are_in_prometheus_style():
    for name, family in families(filled()).items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert family.documentation.endswith(".") or not name.startswith("keyward_")
        assert not name.endswith(("_ms", "_count", "_total", "_milliseconds"))
        for sample in family.samples:
            if family.type == "counter":
                assert sample.name.endswith("_total")


def test_labels_are_bounded_and_only_names_tell_credentials_apart():
    allowed = {
        *(
            "type",
            "state",
            "result",
            "step",
            "provider",
            "operation",
            "verb",
            "resource",
            "code",
            "le",
            "version",
            "python",
            "watch",
        ),
        *("namespace", "name", "generation"),
    }
    found = [sample for family in families(filled()).values() for sample in family.samples]
    for sample in found:
        assert set(sample.labels) <= allowed
    assert {"watch": "versions"} in [sample.labels for sample in found]


def test_openmetrics_is_spoken_on_request():
    body, content_type = filled().render("application/openmetrics-text; version=1.0.0")
    assert "openmetrics" in content_type
    assert {f.name for f in parse_openmetrics(body.decode())} >= FAMILIES - {"keyward_build_info"}


def test_the_series_of_a_deleted_credential_are_gone_at_the_next_scrape():
    metrics = filled()
    found = families(metrics)["keyward_credential_next_rotation_timestamp_seconds"].samples
    assert [(s.labels, s.value) for s in found] == [({"namespace": "shop", "name": "orders"}, 2000.0)]
    metrics.follow(list)
    assert families(metrics)["keyward_credential_next_rotation_timestamp_seconds"].samples == []
    assert families(metrics)["keyward_credentials"].samples == []


def test_a_credential_without_a_due_time_has_no_series_rather_than_a_zero():
    metrics = Metrics()
    metrics.follow(lambda: [(("shop", "orders"), Summary("generic", "Enabled"))])
    assert families(metrics)["keyward_credential_next_rotation_timestamp_seconds"].samples == []
    assert [s.value for s in families(metrics)["keyward_credentials"].samples] == [1.0]


def test_large_fleets_can_do_without_the_series_per_credential():
    metrics = Metrics(per_credential=False)
    metrics.follow(lambda: [(("shop", "orders"), Summary("generic", "Enabled", 2000.0, 1000.0))])
    assert "keyward_credential_next_rotation_timestamp_seconds" not in families(metrics)
