"""The metrics, in Prometheus's style, in a registry of their own.

Labels come from closed sets, but for namespace and name of Credentials; those series are read from the cache at each
scrape, so that nothing of a deleted Credential stays. No label ever holds an account, a host, a version or an error's text.
"""

from __future__ import annotations

import platform
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

import keyward
from keyward.controller.queue import Key
from keyward.controller.summary import Summary
from keyward.kube.client import Seen
from keyward.kube.informer import Health as WatchHealth

Summaries = Callable[[], Iterable[tuple[Key, Summary]]]
Watches = Mapping[str, WatchHealth]

_STEP_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_WAIT_BUCKETS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0)


def _nothing() -> Iterable[tuple[Key, Summary]]:
    return ()


class Metrics:
    """Every family of the controller. `per_credential` False leaves out the series per Credential of large fleets."""

    def __init__(self, *, per_credential: bool = True) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # they would double every counter
        self.registry = CollectorRegistry(auto_describe=False)
        self._summaries: Summaries = _nothing
        self._per_credential = per_credential
        self._watches: Watches = {}
        self._dropped: Callable[[], int] = int
        self._offset: Callable[[], float] = float
        self._counters()
        self._measures()
        self.registry.register(_Credentials(self))
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _counters(self) -> None:
        self.rotations = self._counter(
            "keyward_rotations_total", "Rotations that ended, by type and result.", "type", "result"
        )
        self.failed_verifications = self._counter(
            "keyward_failed_verifications_total", "Logins of candidates or current values that failed."
        )
        self.kms_calls = self._counter(
            "keyward_kms_calls_total",
            "Calls of key providers by provider, operation and result.",
            "provider",
            "operation",
            "result",
        )
        self.api_requests = self._counter(
            "keyward_api_requests_total",
            "Requests to the API server by verb, resource and status code; code 0: no answer.",
            "verb",
            "resource",
            "code",
        )
        self.deletions_left_behind = self._counter(
            "keyward_deletions_left_behind_total", "Deletions that ended with something left on the managed system."
        )
        self.missed_changes = self._counter(
            "keyward_missed_changes_total", "Changes that a resync found and the watch had not told."
        )

    def _measures(self) -> None:
        self.step_duration = Histogram(
            "keyward_step_duration_seconds",
            "How long one step of a reconciliation took.",
            ["step"],
            buckets=_STEP_BUCKETS,
            registry=self.registry,
        )
        self.single_gap = Histogram(
            "keyward_single_gap_seconds",
            "From before a single account's new value was sent until a Secret with it was written; each Secret counts.",
            ["type"],
            buckets=_STEP_BUCKETS,
            registry=self.registry,
        )
        self.reconcile_duration = Histogram(
            "keyward_reconcile_duration_seconds",
            "How long one pass over a Credential took.",
            buckets=_STEP_BUCKETS,
            registry=self.registry,
        )
        self.queue_latency = Histogram(
            "keyward_queue_latency_seconds",
            "How long a Credential waited in the queue.",
            buckets=_WAIT_BUCKETS,
            registry=self.registry,
        )
        self.queue_depth = Gauge("keyward_queue_depth", "Credentials that wait in the queue.", registry=self.registry)
        build = Gauge(
            "keyward_build_info", "Version of this program; always 1.", ["version", "python"], registry=self.registry
        )
        build.labels(keyward.__version__, platform.python_version()).set(1)

    def follow(self, summaries: Summaries) -> None:
        """Read Credentials from here at each scrape."""
        self._summaries = summaries

    def follow_clock(self, offset: Callable[[], float]) -> None:
        """Read at each scrape by how many seconds this machine's clock is behind the API server's."""
        self._offset = offset

    def follow_watches(self, watches: Watches, dropped_events: Callable[[], int]) -> None:
        """Read the health of our own watches, by what they watch, and the count of dropped events at each scrape."""
        self._watches, self._dropped = watches, dropped_events

    # --- the small interfaces of queue and client ---

    def depth(self, waiting: int) -> None:
        self.queue_depth.set(waiting)

    def waited(self, seconds: float) -> None:
        self.queue_latency.observe(seconds)

    def requested(self, seen: Seen) -> None:
        """One finished call of the API server."""
        self.api_requests.labels(seen.verb, seen.resource, str(seen.code)).inc()

    # --- exposition ---

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The exposition and its content type; as OpenMetrics where the scraper asks for it."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def collect(self) -> Iterator[Metric]:
        """The families that are read from others."""
        yield from _of_watches(self._watches)
        dropped = CounterMetricFamily("keyward_dropped_events", "Events that were not posted: too many, or refused.")
        dropped.add_metric([], self._dropped())
        yield dropped
        offset = GaugeMetricFamily(
            "keyward_clock_offset_seconds",
            "Seconds that this machine's clock is behind the API server's, which counts; 0: they agree to a second.",
        )
        offset.add_metric([], self._offset())
        yield offset
        found = list(self._summaries())
        yield _by_state(found)
        if self._per_credential:
            yield _times(
                "keyward_credential_next_rotation_timestamp_seconds",
                "When a Credential's next rotation is due, as Unix time.",
                ((key, s.next_rotation) for key, s in found),
            )
            yield _times(
                "keyward_credential_current_version_timestamp_seconds",
                "When a Credential's current version was promoted, as Unix time.",
                ((key, s.last_rotated) for key, s in found),
            )


class _Credentials(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return self._metrics.collect()


def _of_watches(watches: Watches) -> Iterator[Metric]:
    lists = CounterMetricFamily("keyward_watch_lists", "Whole lists that a watch began with.", labels=["watch"])
    dead = CounterMetricFamily(
        "keyward_watch_dead_streams", "Streams that lived and told nothing, found out by a list.", labels=["watch"]
    )
    for name, health in watches.items():
        lists.add_metric([name], health.relists)
        dead.add_metric([name], health.dead_streams)
    yield lists
    yield dead


def _by_state(found: list[tuple[Key, Summary]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily("keyward_credentials", "Credentials by type and state.", labels=["type", "state"])
    for (type_, state), count in sorted(Tally((s.type, s.state) for _, s in found).items()):
        family.add_metric([type_, state], count)
    return family


def _times(name: str, text: str, times: Iterable[tuple[Key, float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=["namespace", "name"])
    for key, at in times:
        if at:
            family.add_metric(list(key), at)
    return family
