"""A CredentialSet at its full size: each write is counted by the API server, and there are no more than there is news.

The thousand Targets are of a fleet that is suspended, as one is before it goes live: there are no thousand servers here. What is
measured is the set's own work, and that a thousand Credentials that wait cost nothing.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.cluster import plain
from tests.whole_path.api import Json
from tests.whole_path.running import limited
from tests.whole_path.test_quiet import Writes
from tests.whole_path.world import Shop, until

MANY, LEAVING = 1_000, 100
WINDOW = 10.0  # seconds
ROUND = 2.0  # seconds: a set's status is written no oftener
Outcome = dict[str, Any]


@pytest.fixture(scope="module")
def fleet(postgres) -> Iterator[Shop]:
    """A control plane of its own, as the quiet test has."""
    with plain.serving(need_pods=False, controllers=False) as cluster:
        shop = Shop(cluster, postgres, "thousand")
        shop.prepare()
        shop.kubeconfig = limited(cluster)
        yield shop
        shop.api.close()


def _targets(shop: Shop) -> None:
    items = []
    for number in range(MANY):
        name = f"pg-{number:04}"
        admin = {"secretRef": {"name": f"{name}-admin"}}
        item = shop.made("Target", name, shop.target() | {"suspend": True, "admin": admin})
        item["metadata"]["labels"] = {"fleet": "all"}
        login = {"username": "rotator", "password": "rotators-password"}
        items += [shop.plain_secret(f"{name}-admin", login), item]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(shop.api.create, items))


def _set(shop: Shop, **rotation: str) -> Json:
    template = {
        "rds": {
            "create": {"name": "orders_fleet", "privileges": [{"database": "orders", "level": "ReadOnly"}]},
            "databaseName": "orders",
        },
        "rotation": {"interval": "24h"} | rotation,
        "projections": [{"secretName": "fleet"}],
    }
    return shop.made(
        "CredentialSet", "fleet", {"targets": {"matchLabels": {"fleet": "all"}}, "template": {"spec": template}}
    )


def _status(shop: Shop, **figures: int) -> float:
    """Wait until the set's status has these figures; seconds until then."""
    began = time.monotonic()

    def holds() -> bool:
        found = (shop.get("credentialsets", "fleet") or {}).get("status") or {}
        return all(found.get(key) == figure for key, figure in figures.items())

    until(f"{figures}", holds, 300, pause=0.5)
    return time.monotonic() - began


@pytest.fixture(scope="module")
def outcome(fleet) -> Outcome:
    """Everything happens once, here; the tests look at what came of it."""
    writes, found = Writes(fleet.cluster), {}

    def counted(what: str, took: float) -> None:
        writes.settle()
        found[what] = Counter(" ".join(line.split()[:2]) for line in writes.since(found.get("seen", 0)))
        found["seen"], found[f"{what} seconds"] = writes.count(), took

    _targets(fleet)
    with fleet.operator() as operator:
        operator.await_ready()
        writes.settle()
        found["seen"] = writes.count()
        fleet.apply(_set(fleet))
        counted("made", _status(fleet, desired=MANY, created=MANY, failed=0))
        found["quiet"] = writes.during(WINDOW)
        fleet.apply(_set(fleet, interval="12h"))
        until("the last one's change", lambda: _intervals(fleet) == {"12h"}, 300, pause=4)
        counted("changed", 0.0)
        with ThreadPoolExecutor(8) as pool:
            names = [f"pg-{number:04}" for number in range(LEAVING)]
            none = {"metadata": {"labels": None}}
            list(pool.map(lambda name: fleet.api.merge("target", name, fleet.namespace, none), names))
        counted("left", _status(fleet, desired=MANY - LEAVING, created=MANY - LEAVING))
        resident = _resident(operator.pid)
        before = writes.count()
    with fleet.operator() as operator:
        operator.await_ready()
        time.sleep(WINDOW)
        found["restarted"] = writes.since(before)
    sys.stderr.write(
        f"{MANY} Credentials of a set within {found['made seconds']:.0f} s: {dict(found['made'])}; a changed template: "
        f"{dict(found['changed'])}; {LEAVING} Targets that left: {dict(found['left'])}; {resident} MiB\n"
    )
    return found


def _intervals(shop: Shop) -> set[str]:
    return {item["spec"]["rotation"]["interval"] for item in shop.api.items("credential", shop.namespace)}


def _resident(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmRSS"))


def test_a_thousand_are_made_with_one_write_each_and_one_status(outcome):
    assert outcome["made"]["create credentials"] == MANY
    assert outcome["made"]["patch credentials/status"] <= MANY
    assert outcome["made"]["patch credentials"] == 0
    assert outcome["made"]["patch secrets"] == MANY  # each Target is approved at its first use


def test_the_sets_status_is_written_once_in_a_round_and_not_for_each_credential(outcome):
    rounds = outcome["made seconds"] / ROUND + 5
    assert outcome["made"]["patch credentialsets/status"] <= rounds


def test_there_is_no_event_for_each_of_a_thousand_that_only_wait(outcome):
    assert sum(count for what, count in outcome["made"].items() if what.endswith("events")) <= MANY


def test_a_thousand_that_wait_cost_no_write(outcome):
    assert outcome["quiet"] == []
    assert outcome["restarted"] == []


def test_a_changed_template_is_one_write_for_each_and_one_status(outcome):
    assert outcome["changed"]["patch credentials"] == MANY
    assert outcome["changed"]["create credentials"] == 0
    assert outcome["changed"]["patch credentials/status"] <= MANY


def test_a_hundred_targets_that_leave_are_a_hundred_writes(outcome):
    assert outcome["left"]["patch credentials"] == LEAVING
    assert sum(outcome["left"].values()) <= LEAVING + 10 + outcome["left"]["patch credentials/status"]
