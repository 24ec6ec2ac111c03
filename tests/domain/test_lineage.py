"""The lineage is found out once for an observation, and anew for another one."""

from __future__ import annotations

from dataclasses import replace

from tests.world.scenario import wish_of

from keyward.domain import lineage
from keyward.domain.model import Observed


def test_an_observation_that_was_changed_is_looked_at_anew():
    seen = Observed(wish=wish_of("generic"), cluster="here", versions=())
    first = lineage.resolve(seen)
    assert lineage.resolve(seen) is first
    other = replace(seen, wish=replace(seen.wish, uid="another"))
    assert lineage.resolve(other) != first
    assert other != seen
