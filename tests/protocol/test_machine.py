"""Everything at once, as Hypothesis finds it: kills, lost answers, outages, edits, deletion, restarts, a second controller."""

from __future__ import annotations

import os
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from tests.world.faults import Hit, Kind, Outage, Side
from tests.world.scenario import EVERY, HOUR, ISSUED, MINUTE, NAME, Scenario

DEEP = os.environ.get("KEYWARD_DEEP") == "1"


class Anything(RuleBasedStateMachine):
    """The promises are checked by the world after each effect; at the end all is well again."""

    s: Scenario

    @initialize(kind=st.sampled_from(EVERY))
    def begin(self, kind):
        self.s = Scenario(kind)
        self.s.apply()

    @property
    def exists(self) -> bool:
        found = self.s.world.api.credentials.get(NAME)
        return found is not None and found.deleting_since is None

    @rule(minutes=st.integers(1, 20))
    def wait(self, minutes):
        self.s.settle(minutes * MINUTE)

    @precondition(lambda self: self.exists)
    @rule()
    def rotate(self):
        self.s.rotate()

    @precondition(lambda self: self.exists and self.s.kind != "generic")
    @rule()
    def rotate_now(self):
        self.s.apply(rotate=str(self.s.world.clock.real))

    @rule(kind=st.sampled_from(list(Kind)), ahead=st.integers(0, 8))
    def fault(self, kind, ahead):
        index = len(self.s.world.faults.trace) + ahead
        self.s.world.faults.hits = (*self.s.world.faults.hits, Hit(kind, index))

    @rule(side=st.sampled_from(list(Side)), begins=st.integers(0, 400), lasts=st.integers(1, 4000))
    def outage(self, side, begins, lasts):
        start = self.s.world.clock.real + timedelta(seconds=begins)
        more = Outage(side, start, start + timedelta(seconds=lasts))
        self.s.world.faults.outages = (*self.s.world.faults.outages, more)

    @rule()
    def restart(self):
        self.s.controllers = [self.s.start(self.s.world.api) for _ in self.s.controllers]

    @precondition(lambda self: len(self.s.controllers) < 2)
    @rule()
    def second_controller(self):
        self.s.controllers.append(self.s.start(self.s.world.api))

    @precondition(lambda self: self.exists and "orders" in self.s.world.api.secrets)
    @rule()
    def lose_the_secret(self):
        self.s.world.forget_secret("orders")
        del self.s.world.api.secrets["orders"]

    @precondition(lambda self: self.exists and self.s.world.api.versions)
    @rule()
    def lose_the_annotation(self):
        self.s.world.api.credentials[NAME].annotations.pop("keyward.dev/lineage", None)

    @rule()
    def new_key_version(self):
        vault = self.s.world.stores["c1"]
        vault.key_version = str(int(vault.key_version) + 1)

    @precondition(lambda self: self.exists)
    @rule()
    def deleted_and_applied_again(self):
        self.s.remove()
        self.s.settle(5 * MINUTE)
        self.s.apply()

    # A cloud that issues values refuses what is signed by a clock that is so far behind (`issuing.SIGNED_FOR`).
    @precondition(lambda self: self.exists and self.s.kind != ISSUED)
    @rule(back=st.integers(0, 3))
    def clock_is_set_back(self, back):
        self.s.world.clock.skew -= timedelta(hours=back)

    def teardown(self):
        if not hasattr(self, "s"):
            return
        self.s.settle(2 * HOUR)
        self.s.world.faults.hits = ()
        self.s.settle(4 * HOUR)
        self.s.rotate()
        self.s.finish()


Anything.TestCase.settings = settings(
    max_examples=1000 if DEEP else 60,
    stateful_step_count=30 if DEEP else 12,
    deadline=None,
    derandomize=not DEEP,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
test_anything_that_may_happen_in_any_order_keeps_the_promises = Anything.TestCase
