"""The promise: in dual mode nobody who rereads the Secret gets one refused login, however often it rotates.

Every login of every consumer is counted. The same consumers of a single account are refused now and then, by nature; that
they are shows that this test can fail.
"""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.cluster.postgres import PostgresServer
from tests.whole_path.accounts import created, published, rds
from tests.whole_path.clients import Edition, Follower, Login, Tally, logins, outside, pod
from tests.whole_path.world import Shop, until

ROTATIONS, SINGLE_ROTATIONS = 25, 6
BEHIND = 2.0  # seconds that half of the outside clients' files come later, as kubelets' do
OUTSIDE, SINGLE_OUTSIDE = 8, 3
SLOWEST = 15.0  # seconds of propagation; with a slower kubelet 25 rotations would take an hour
MEASURED = 3  # times at most: our own kubelets look every 2 s, and what is slower was held up by others for a while


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: all logins, and how long the pod's file took to change."""

    dual: Tally
    single: Tally
    editions: list[Edition]
    lags: list[float]
    grace: float

    def __str__(self) -> str:
        return (
            f"{len(self.dual.logins)} logins in {len(self.editions) - 1} rotations, {len(self.dual.refused)} refused;"
            f" files changed after {min(self.lags):.1f} to {max(self.lags):.1f} s, grace {self.grace:g} s;"
            f" single: {len(self.single.refused)} of {len(self.single.logins)} refused"
        )


class Consumers:
    """The pod and the outside clients of one Credential."""

    def __init__(self, shop: Shop, name: str, count: int, folder: Path) -> None:
        self._shop, self.name = shop, name
        self._files = [folder / f"{name}-{n}.json" for n in range(count)]
        behind = {file: BEHIND * (n % 2) for n, file in enumerate(self._files)}
        self.follower = Follower(shop.cluster.kubectl_program, shop.cluster.kubeconfig, behind)
        self._logs: list[Path] = []

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        shop, ca = self._shop, self._shop.postgres.authority.ca_file
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.follower.following(shop.namespace, self.name))
            until("the files", lambda: all(file.exists() for file in self._files))
            shop.apply(pod(shop.cluster, shop.namespace, self.name))
            self._logs = [stack.enter_context(outside(file.stem, file, ca)) for file in self._files]
            shop.cluster.kubectl(
                "wait", "--for=condition=Ready", f"pod/{self.name}", "-n", shop.namespace, "--timeout=60s"
            )
            yield

    def pod_logins(self, query: str = "") -> list[Login]:
        return logins(f"pod {self.name}", self._shop.api.log(self.name, self._shop.namespace, query))

    def tally(self) -> Tally:
        found = self.pod_logins()
        for log in self._logs:
            found += logins(log.stem, log.read_text().splitlines())
        return Tally(found)

    def pod_uses(self, version: str) -> bool:
        return any(one.version == version for one in self.pod_logins("?tailLines=3"))


@pytest.fixture(scope="module")
def outcome(cluster, tmp_path_factory) -> Iterator[Outcome]:
    """Everything happens once, here; the tests look at what came of it."""
    target_address = cluster.require_target_address()
    folder = tmp_path_factory.mktemp("clients")
    with PostgresServer(hosts=(target_address,), listen=tuple({"127.0.0.1", target_address})) as postgres:
        shop = Shop(cluster, postgres, "logins")
        shop.host = target_address
        shop.prepare()
        with shop.operator():
            shop.apply(
                rds(shop, "dual", created("orders_dual_pod")),
                rds(shop, "single", created("orders_single_pod"), mode="Single"),
            )
            for name in ("dual", "single"):
                published(shop, name)
            single = Consumers(shop, "single", SINGLE_OUTSIDE, folder)
            with single.running():
                lags = _measured(shop, single)
                of_single = single.tally()
            dual = Consumers(shop, "dual", OUTSIDE, folder)
            with dual.running():
                outcome = _walked(shop, dual, of_single, max(lags))
        sys.stderr.write(f"{outcome}\n")
        yield outcome
        shop.cluster.kubectl("delete", "pod", "dual", "single", "-n", shop.namespace, "--timeout=30s")
        shop.close()


def _measured(shop: Shop, single: Consumers) -> list[float]:
    """How long the pod's file takes to change, once that is short enough for many rotations."""
    for attempt in range(MEASURED):
        numbers = range(attempt * SINGLE_ROTATIONS, (attempt + 1) * SINGLE_ROTATIONS)
        lags = [_rotated_single(shop, single, number) for number in numbers]
        if max(lags) <= SLOWEST:
            return lags
        said = f"this cluster's kubelet takes {max(lags):.0f} s to change a file: too long for many rotations"
        if shop.cluster.way == "named":
            pytest.skip(said)
    pytest.fail(said)


def _walked(shop: Shop, dual: Consumers, single: Tally, slowest: float) -> Outcome:
    # It looks every 2 s: the slowest that was measured need not be the slowest that comes.
    grace = math.ceil(1.5 * slowest + 2)
    shop.api.merge("credential", "dual", shop.namespace, {"spec": {"rotation": {"gracePeriod": f"{grace}s"}}})
    version = dual.follower.after("", 10).version
    for number in range(ROTATIONS):
        # It waits for the grace by itself: this is as fast as rotations may come.
        shop.annotate("dual", "rotate", f"t{number}")
        version = dual.follower.after(version, 10 * grace).version
    until("the pod's last version", lambda: dual.pod_uses(version), 10 * grace)
    time.sleep(grace)  # a login that came too late is counted too
    tally = dual.tally()
    return Outcome(tally, single, dual.follower.editions, _lags(dual.follower, tally.of("pod dual")), grace)


def _rotated_single(shop: Shop, consumers: Consumers, number: int) -> float:
    """Rotate a single account, which waits for no grace; seconds until the pod used the new value."""
    before = consumers.follower.editions[-1].version
    shop.annotate(consumers.name, "rotate", f"t{number}")
    edition = consumers.follower.after(before, 60)
    until("the pod's new version", lambda: consumers.pod_uses(edition.version), 120)
    return Tally(consumers.pod_logins()).first_seen[edition.version] - edition.written_at


def _lags(follower: Follower, of_pod: Tally) -> list[float]:
    seen = of_pod.first_seen
    return [seen[e.version] - e.written_at for e in follower.editions[1:] if e.version in seen]


def test_no_consumer_of_a_pair_is_refused_one_login(outcome):
    assert max(outcome.lags) < outcome.grace, "the machine was too busy to tell: a file came later than was measured"
    assert len(outcome.dual.logins) > 1000
    assert outcome.dual.refused == []


def test_every_consumer_of_the_pair_went_through_the_rotations_and_used_both_accounts(outcome):
    assert len(outcome.editions) > 25
    assert len(outcome.dual.clients) == 1 + OUTSIDE
    account = {edition.version: edition.document["username"] for edition in outcome.editions}
    for client in outcome.dual.clients:
        used = outcome.dual.of(client).versions
        assert len(used) >= 20, client
        assert {account[version] for version in used} == {"orders_dual_pod", "orders_dual_pod_clone"}, client


def test_logins_fail_for_no_other_reason_either(outcome):
    assert sum(outcome.dual.failed.values()) == 0, outcome.dual.failed


def test_consumers_of_a_single_account_are_refused_so_the_count_can_count(outcome):
    assert outcome.single.refused
    assert {one.code for one in outcome.single.refused} == {"28P01"}


@pytest.mark.parametrize(
    ("way", "ended"),
    [("plain", pytest.fail.Exception), ("kind", pytest.fail.Exception), ("named", pytest.skip.Exception)],
)
def test_where_files_change_too_slowly_to_tell_only_a_cluster_that_was_named_is_passed_over(monkeypatch, way, ended):
    monkeypatch.setitem(globals(), "_rotated_single", lambda *_: SLOWEST + 1)
    with pytest.raises(ended):
        _measured(SimpleNamespace(cluster=SimpleNamespace(way=way)), None)


def test_files_that_changed_slowly_for_a_while_are_measured_again(monkeypatch):
    lags = iter([SLOWEST + 1] * SINGLE_ROTATIONS + [1.0] * SINGLE_ROTATIONS)
    monkeypatch.setitem(globals(), "_rotated_single", lambda *_: next(lags))
    assert _measured(SimpleNamespace(cluster=SimpleNamespace(way="plain")), None) == [1.0] * SINGLE_ROTATIONS
