"""Backups restored in any order, one version behind, in the same and in another cluster (protocol §8, §13)."""

from __future__ import annotations

import itertools

import pytest
from tests.world.scenario import HOUR, INTERVAL, ISSUED, KINDS, MINUTE, NAME, Backup, Scenario, drive, ran
from tests.world.world import Broken

from keyward.errors import Reason

MANAGED = [k for k in KINDS if k != "generic"]
MENDED = [k for k in MANAGED if k != ISSUED]  # a key whose version is lost is a stranger's: a person deletes it
STOPPED = (Reason.FENCED.value, Reason.FORKED.value, Reason.UNKNOWN_ACCESS_KEY.value)


def passwords(s: Scenario) -> dict[str, bytes | None]:
    if s.kind == ISSUED:
        return {key.id: key.value() for key in s.issuer.keys}
    return {name: account.password for name, account in s.world.server.accounts.items()}


@pytest.mark.parametrize("overdue", [False, True], ids=["not due", "overdue"])
@pytest.mark.parametrize("kind", KINDS)
def test_restored_in_every_order_with_new_uids_and_without_status_it_goes_on_with_its_value(kind, overdue):
    parts = len(_lost(kind, overdue=False)[1].parts())
    for order in itertools.permutations(range(parts)):
        s, backup, value = _lost(kind, overdue=overdue)
        lineage = next(iter(backup.versions.values())).version.lineage
        for index in order:
            backup.parts()[index](s.world.api)
            s.settle(2 * MINUTE)
        s.settle(20 * MINUTE)
        if Reason.TWO_LINEAGES.value in s.state(s.world.api):
            # Generic only: a Credential without its versions and annotation began anew before they came.
            assert kind == "generic"
            s.apply(takeover=lineage)
            s.settle(20 * MINUTE)
            assert s.history.lineage == lineage
        if not overdue:
            assert s.value() == value, order
        s.rotate()
        s.finish()


def _lost(kind: str, *, overdue: bool) -> tuple[Scenario, Backup, bytes]:
    s = ran(kind)
    value = s.value()
    backup = s.lose_everything()
    if overdue:
        s.world.clock.advance(2 * INTERVAL)
    return s, backup, value


@pytest.mark.parametrize("kind", MANAGED)
def test_in_another_cluster_nothing_is_touched_while_the_old_one_lives(kind):
    s = ran(kind)
    backup = Backup(*s.world.api.snapshot())
    top = s.history.versions[-1].sequence
    other = s.world.add_cluster("c2", "5a")
    backup.into(other)
    s.controllers.append(s.start(other))
    others_writes = set()
    for _ in range(3):
        held = passwords(s)
        s.settle(INTERVAL + 5 * MINUTE)
        assert passwords(s) != held
        others_writes |= {w.split()[0] for w in other.writes}
    assert others_writes <= {"status", "annotate", "put", "update"}, others_writes
    assert max(v.version.sequence for v in other.versions.values()) == top
    s.finish()


@pytest.mark.parametrize("kind", MANAGED)
def test_restored_elsewhere_one_version_behind_touches_nothing(kind):
    s = ran(kind)
    backup = Backup(*s.world.api.snapshot())
    top = s.history.versions[-1].sequence
    s.rotate()
    other = s.world.add_cluster("c2", "5a")
    backup.into(other)
    s.controllers = [s.start(other)]
    held = passwords(s)
    s.settle(3 * INTERVAL)
    assert passwords(s) == held
    assert max(v.version.sequence for v in other.versions.values()) == top


@pytest.mark.parametrize("kind", MANAGED)
def test_takeover_lets_the_new_cluster_go_on_and_fences_the_old_one(kind):
    s = ran(kind)
    backup = Backup(*s.world.api.snapshot())
    top = s.history.versions[-1].sequence
    other = s.world.add_cluster("c2", "5a")
    backup.into(other)
    old = s.controllers
    s.controllers = [s.start(other)]
    s.settle(10 * MINUTE)
    assert Reason.RESTORED_ELSEWHERE.value in s.state(other)
    s.world.promised = {"c2"}
    other.credentials[NAME].annotations["keyward.dev/takeover"] = f"c2:{top}"
    s.settle(INTERVAL + HOUR)
    assert max(v.version.sequence for v in other.versions.values()) > top
    held = passwords(s)
    s.controllers = old
    s.settle(INTERVAL + HOUR)
    assert passwords(s) == held
    assert any(reason in s.state(s.world.api) for reason in STOPPED)


@pytest.mark.parametrize("kind", MANAGED)
def test_one_takeover_manifest_in_two_clusters_does_not_make_them_fight(kind):
    s = ran(kind)
    backup = Backup(*s.world.api.snapshot())
    top = s.history.versions[-1].sequence
    other = s.world.add_cluster("c2", "5a")
    backup.into(other)
    s.world.promised = set()
    for api in (s.world.api, other):
        api.credentials[NAME].annotations["keyward.dev/takeover"] = f"c2:{top}"
    s.controllers.append(s.start(other))
    s.settle(10 * INTERVAL)
    counts = [len({w for w in api.writes if w.startswith("create")}) for api in (s.world.api, other)]
    assert min(counts) <= 4, counts


@pytest.mark.parametrize("kind", MENDED)
def test_one_version_behind_in_the_same_cluster_stops_until_takeover(kind):
    s = ran(kind)
    backup = Backup(*s.world.api.snapshot())
    top = s.history.versions[-1].sequence
    s.rotate()
    secret = dict(s.world.api.secrets)
    s.lose_everything()
    s.world.promised = set()
    backup.secrets = secret
    backup.into(s.world.api)
    held, value = passwords(s), secret["orders"].data["password"]
    s.settle(2 * INTERVAL)
    assert passwords(s) == held
    assert s.world.api.secrets["orders"].data["password"] == value
    assert Reason.FENCED.value in s.state(s.world.api)
    s.apply(takeover=f"c1:{top + 1}")
    s.settle(HOUR)
    s.finish()


@pytest.mark.parametrize("kind", MANAGED)
def test_one_version_behind_and_without_its_secret_never_takes_a_number_that_the_target_knows(kind):
    s = ran(kind)
    backup = Backup(*s.world.api.snapshot())
    top = s.history.versions[-1].sequence
    s.rotate()
    s.lose_everything()
    s.world.promised = set()
    backup.secrets = {}
    backup.into(s.world.api)
    held = passwords(s)
    s.settle(3 * INTERVAL)
    assert passwords(s) == held
    numbers = [v.version.sequence for v in s.world.api.versions.values()]
    assert max(numbers) == top, numbers


@pytest.mark.parametrize("kind", MENDED)
def test_a_fork_of_the_same_number_stops_the_one_who_comes_second(kind):
    s = ran(kind)
    backup = Backup(*s.world.api.snapshot())
    top = s.history.versions[-1].sequence
    other = s.world.add_cluster("c2", "5a")
    backup.into(other)
    s.world.promised = set()
    second = s.start(other)
    drive(second.pass_once(NAME))

    def overtake() -> None:
        other.credentials[NAME].annotations["keyward.dev/takeover"] = f"c2:{top}"
        drive(second.pass_once(NAME))

    s.at("apply", overtake)
    s.rotate()
    s.settle(HOUR)
    newest = other.versions[max(other.versions)]
    assert newest.version.sequence == top + 1
    assert s.world.server.would_let_in(newest.version.account, s.world.stores["c2"].peek(newest))
    assert Reason.FORKED.value in s.state(s.world.api)


def test_a_broken_promise_is_noticed():
    s = ran("dual create")
    s.world.server.accounts["x_clone"].password = b"somebody else's"
    with pytest.raises(Broken, match="3:"):
        s.world.check()
