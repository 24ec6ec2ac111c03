"""Versions of two lives of one Credential that both fit it: held until a person names one (protocol §4)."""

from __future__ import annotations

import pytest
from tests.world.scenario import HOUR, MINUTE, Backup, Scenario

from keyward.domain.history import by_lineage


def generated() -> Scenario:
    """A value that is generated: each life has its own."""
    s = Scenario("generic")
    s.world.source = None
    s.apply()
    s.settle(10 * MINUTE)
    return s


def restore_versions(s: Scenario, *backups: Backup) -> None:
    for backup in backups:
        for stored in backup.versions.values():
            s.world.api.restore_version(stored)


def lineage_of(backup: Backup) -> str:
    return next(iter(backup.versions.values())).version.lineage


def held(s: Scenario) -> bool:
    """Whether it is said, and a rotation that is asked for is not made."""
    before = len(s.world.api.versions)
    s.apply(rotate="now")
    s.settle(HOUR)
    return "TwoLineages" in s.state(s.world.api) and len(s.world.api.versions) == before


def test_an_earlier_life_that_is_restored_beside_the_live_one_waits_for_a_word():
    s = generated()
    earlier = s.value()
    backup = s.lose_everything()
    s.apply()
    s.settle(10 * MINUTE)
    later = s.value()
    assert later != earlier
    restore_versions(s, backup)
    assert held(s)
    assert s.value() == later
    s.apply(takeover=lineage_of(backup), rotate="")
    s.settle(10 * MINUTE)
    assert s.value() == earlier


@pytest.mark.parametrize("named", [0, 1])
def test_two_lives_that_are_restored_before_their_credential_wait_for_a_word(named):
    s = generated()
    values, backups = [s.value()], [s.lose_everything()]
    s.apply()
    s.settle(10 * MINUTE)
    values.append(s.value())
    backups.append(s.lose_everything())
    restore_versions(s, *backups)
    s.apply()
    assert held(s)
    assert "orders" not in s.world.api.secrets
    assert len(by_lineage(v.version for v in s.world.api.versions.values())) == 2
    s.apply(takeover=lineage_of(backups[named]), rotate="")
    s.settle(10 * MINUTE)
    assert s.value() == values[named]
