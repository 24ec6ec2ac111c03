"""A password policy that refuses: told, asked ever more seldom, and nothing that works is touched."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from tests.world.scenario import EVERY, HOUR, INTERVAL, ISSUED, KINDS, MINUTE, Scenario, ran

from keyward.errors import Reason, Underway

MANAGED = [kind for kind in KINDS if kind not in ("generic", ISSUED)]  # what a system picks it does not refuse


@pytest.mark.parametrize("kind", MANAGED)
def test_a_policy_that_refuses_everything_is_asked_ever_more_seldom_and_said(kind):
    s = Scenario(kind)
    s.apply()
    s.settle(10 * MINUTE)
    s.rotate()
    value, highest, refused = s.value(), s.history.highest.sequence, s.world.server.refused_logins
    s.world.server.policy = lambda _password: False
    s.apply(rotate="now")
    s.settle(3 * HOUR)
    tried = s.history.highest.sequence - highest
    assert 6 < tried < 25, "doubled from seconds to a quarter of an hour"
    assert s.world.server.refused_logins - refused <= tried
    assert "PasswordRefused" in s.state(s.world.api)
    assert s.value() == value
    assert len(s.history.versions) <= 4
    s.world.server.policy = lambda _password: True
    s.settle(timedelta(minutes=20))
    assert s.value() != value
    s.finish()


def test_a_system_that_is_at_work_for_an_hour_is_looked_at_ever_more_seldom_and_nothing_failed():
    s = ran("dual create")
    value, looks, server = s.value(), [], s.world.server

    def at_work(_names: object) -> None:
        looks.append(s.world.clock.real)
        raise Underway(Reason.BUSY, "at work", 2.0)

    look = server.inspect
    server.inspect = at_work
    s.apply(rotate="now")
    s.settle(HOUR)
    waits = [(after - before).total_seconds() for before, after in pairwise(looks)]
    assert len(looks) < 300, "each two seconds it would be 1800"
    assert max(waits[:5]) < 5
    assert 20 < max(waits) <= 300
    assert "Busy" in s.state(s.world.api)
    assert s.value() == value
    server.inspect = look
    s.settle(5 * MINUTE)
    assert s.value() != value
    s.finish()


@pytest.mark.parametrize("kind", [kind for kind in EVERY if kind != "generic"])
def test_a_candidate_that_the_policy_refuses_is_abandoned_and_another_one_reserved(kind):
    s = ran(kind)
    refused = [f"generated-{s.world.generated + 1}".encode()]
    s.world.server.policy = lambda password: password not in refused
    s.rotate()
    s.settle(HOUR)
    s.world.server.policy = lambda _password: True
    s.finish()
    assert refused[0] not in [p for _, p in s.world.server.learnt]


@pytest.mark.parametrize("kind", [kind for kind in EVERY if kind not in ("generic", ISSUED)])
def test_a_refusal_after_an_unknown_outcome_keeps_a_value_that_had_taken(kind):
    from tests.world.faults import Faults, Hit, Kind

    s = ran(kind)
    index = len(s.world.faults.trace)
    s.world.faults = Faults((Hit(Kind.ANSWER_LOST, index + 1),), trace=s.world.faults.trace)
    taken = f"generated-{s.world.generated + 1}".encode()
    s.at("apply", lambda: None)
    s.settle(INTERVAL - 20 * MINUTE)
    learnt = len(s.world.server.learnt)
    s.world.server.policy = lambda _password: len(s.world.server.learnt) <= learnt
    s.settle(HOUR)
    assert s.value() == taken
    assert not any(v.retired for v in s.history.versions)
    s.world.server.policy = lambda _password: True
    s.finish()
