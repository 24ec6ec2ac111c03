"""The promise: when nothing is due, the operator writes nothing, neither while it runs nor when it starts anew.

The API server itself counts, by the operator's own user, so that 0 means 0 of everything: objects, statuses, events.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.cluster import Cluster, plain
from tests.whole_path.accounts import created, rds
from tests.whole_path.running import USER, Operator, limited
from tests.whole_path.world import Shop, until

GENERIC, MANAGED = 470, 30
SETTLED, WINDOW, AFTER_START = 5.0, 60.0, 10.0  # seconds
Outcome = dict[str, Any]


class Writes:
    """The operator's writes, as the API server's audit log tells of them."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def since(self, before: int = 0) -> list[str]:
        """What it wrote after its first so many writes, as verb and resource."""
        found = [line for line in self._cluster.audited() if line["user"]["username"] == USER]
        return [f"{line['verb']} {_what(line['objectRef'])}" for line in found[before:]]

    def count(self) -> int:
        return len(self.since())

    def during(self, seconds: float) -> list[str]:
        before = self.count()
        time.sleep(seconds)
        return self.since(before)

    def settle(self) -> None:
        """Wait until there was none for some seconds."""
        deadline = time.monotonic() + 120
        while found := self.during(SETTLED):
            assert time.monotonic() < deadline, Counter(found)


def _what(of: dict[str, str]) -> str:
    return f"{of['resource']}/{of.get('subresource', '')}".rstrip("/") + f" {of.get('namespace')}/{of.get('name')}"


@pytest.fixture(scope="module")
def quiet(postgres) -> Iterator[Shop]:
    """A control plane of its own: what other tests left would be work."""
    with plain.serving(need_pods=False, controllers=False) as cluster:
        shop = Shop(cluster, postgres, "quiet")
        shop.prepare()
        shop.kubeconfig = limited(cluster)
        yield shop
        shop.api.close()


@pytest.fixture(scope="module")
def outcome(quiet) -> Outcome:
    """Everything happens once, here; the tests look at what came of it."""
    writes = Writes(quiet.cluster)
    with quiet.operator() as operator:
        began = time.monotonic()
        _create(quiet)
        until("500 that are ready", lambda: _ready(quiet) == GENERIC + MANAGED, 180, pause=1)
        took = time.monotonic() - began
        writes.settle()
        made = writes.since()
        before = _counts(operator)
        running = writes.during(WINDOW)
        done = {name: count - before[name] for name, count in _counts(operator).items()}
        before_stop = writes.count()
    with quiet.operator() as operator:
        operator.await_ready()
        time.sleep(AFTER_START)
        restarted = writes.since(before_stop)
        assert operator.process.poll() is None
    sys.stderr.write(
        f"{len(made)} writes for {GENERIC + MANAGED} credentials within {took:.0f} s; then {len(running)} in {WINDOW:g} s, in"
        f" which it did {done}; {len(restarted)} around a new start\n"
    )
    return {"made": made, "running": running, "done": done, "restarted": restarted}


def _create(shop: Shop) -> None:
    projected = [
        shop.made("Credential", f"g{n}", {"generic": {"generate": {}}, "projections": [{"secretName": f"g{n}"}]})
        for n in range(GENERIC)
    ]
    often = {"rotation": {"interval": "24h", "driftInterval": "1m"}}
    managed = [rds(shop, f"m{n}", created(f"orders_quiet_{n}"), **often) for n in range(MANAGED)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(shop.api.create, managed + projected))


def _ready(shop: Shop) -> int:
    found = shop.api.items("credential", shop.namespace)
    return sum(
        any(c["type"] == "Ready" and c["status"] == "True" for c in item.get("status", {}).get("conditions", []))
        for item in found
    )


def _counts(operator: Operator) -> dict[str, float]:
    names: dict[str, Callable[[], float]] = {
        "drift logins": lambda: operator.series('keyward_step_duration_seconds_count{step="verify"}'),
        "key uses": lambda: operator.metric("keyward_kms_calls_total"),
        "requests": lambda: operator.metric("keyward_api_requests_total"),
    }
    return {name: count() for name, count in names.items()}


def test_it_writes_nothing_in_a_minute_in_which_nothing_is_due(outcome):
    assert outcome["running"] == []


def test_a_new_start_with_nothing_due_writes_nothing(outcome):
    assert outcome["restarted"] == []


def test_the_minute_had_drift_logins_and_no_more_uses_of_keys_than_those_need(outcome):
    assert outcome["done"]["drift logins"] >= MANAGED / 2
    assert outcome["done"]["key uses"] <= outcome["done"]["drift logins"]


def test_the_count_can_count(outcome):
    by_kind = Counter(line.split()[1] for line in outcome["made"])
    assert by_kind["credentialversions"] >= GENERIC + MANAGED
    assert by_kind["secrets"] >= GENERIC + MANAGED
    assert by_kind["credentials/status"] >= GENERIC + MANAGED
