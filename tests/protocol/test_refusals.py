"""A password policy that refuses: told, asked ever more seldom, and nothing that works is touched."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.world.scenario import HOUR, ISSUED, KINDS, MINUTE, Scenario

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
