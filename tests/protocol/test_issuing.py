"""Where the system picks the value and tells it once: an intent, the value, and nothing left behind by a kill (protocol §5)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.world.faults import Faults, Hit, Kind
from tests.world.issuer import Key
from tests.world.scenario import HOUR, INTERVAL, ISSUED, MINUTE, Backup, Interleaving, Scenario
from tests.world.world import GRACE

from keyward.domain import access_keys
from keyward.domain.access_keys import Pair
from keyward.domain.version import RetiredAs
from keyward.sensitive import Sensitive


def ran(rotations: int = 1, prepare: Callable[[Scenario], object] = lambda _s: None) -> Scenario:
    s = Scenario(ISSUED)
    prepare(s)
    s.apply()
    s.settle(10 * MINUTE)
    for _ in range(rotations):
        s.rotate()
        s.settle(10 * MINUTE)
    return s


def current(s: Scenario) -> str:
    """The id of the key that consumers read."""
    return access_keys.ids(Sensitive(s.value()))[0]


def listed(s: Scenario) -> dict[str, bool]:
    return {key.id: key.active for key in s.issuer.keys}


def fault_at(s: Scenario, effect: str, kind: Kind) -> None:
    """The next effect of this name fails so."""
    index: list[int] = []

    def hit() -> None:
        index.append(len(s.world.faults.trace) - 1)
        s.world.faults.hits = (*s.world.faults.hits, Hit(kind, index[0], timedelta(minutes=10)))

    s.at(effect, hit)


@pytest.mark.parametrize("kind", [Kind.KILL_AFTER, Kind.ANSWER_LOST])
def test_a_key_that_nobody_was_told_of_is_switched_off_deleted_and_one_new_key_is_issued(kind):
    s = ran()
    first = current(s)
    fault_at(s, "issue", kind)
    s.apply(rotate="now")
    s.settle(HOUR)
    assert len([key for key in s.issuer.deleted if not key.used]) == 1
    assert listed(s) == {first: False, current(s): True}
    s.finish()


@pytest.mark.parametrize("kind", [Kind.KILL_BEFORE, Kind.REQUEST_LOST])
def test_an_intent_that_issued_nothing_is_given_up_and_nothing_is_deleted_for_it(kind):
    s = ran()
    before = len(s.issuer.deleted)
    fault_at(s, "issue", kind)
    s.apply(rotate="now")
    s.settle(HOUR)
    assert all(key.used for key in s.issuer.deleted[before:])
    s.finish()


def test_a_lost_key_that_is_listed_only_later_is_found_all_the_same():
    s = ran(prepare=lambda s: setattr(s.issuer, "listing", timedelta(minutes=3)))
    fault_at(s, "issue", Kind.ANSWER_LOST)
    s.apply(rotate="now")
    s.settle(HOUR)
    assert len([key for key in s.issuer.deleted if not key.used]) == 1
    s.finish()


def test_a_call_that_is_done_long_after_it_was_given_up_leaves_no_key():
    s = ran()
    fault_at(s, "issue", Kind.LATE)
    s.apply(rotate="now")
    s.settle(2 * HOUR)
    for n in range(3):
        s.apply(rotate=f"again-{n}")
        s.settle(HOUR)
    s.finish()


def test_a_key_that_was_used_is_never_deleted_and_stops_the_rotation():
    s = ran()
    held = s.value()
    fault_at(s, "issue", Kind.KILL_AFTER)
    s.at("record retired", lambda: [setattr(key, "used", True) for key in s.issuer.keys])
    s.apply(rotate="now")
    s.settle(2 * HOUR)
    assert all(listed(s).values())
    assert len(listed(s)) == 2
    assert s.value() == held
    assert "UnknownAccessKey" in s.state(s.world.api)
    s.issuer.keys = [key for key in s.issuer.keys if key.id == current(s)]
    s.settle(HOUR)
    assert s.value() != held
    s.finish()


def test_a_key_of_a_person_is_never_deleted_and_stops_the_rotation_until_it_goes():
    s = ran()
    held = s.value()
    s.issuer.keys = [key for key in s.issuer.keys if key.active]
    theirs = s.issuer.by_a_person()
    s.settle(2 * INTERVAL)
    assert s.value() == held
    assert listed(s) == {current(s): True, theirs.id: True}
    assert "UnknownAccessKey" in s.state(s.world.api)
    s.issuer.keys.remove(theirs)
    s.settle(HOUR)
    assert s.value() != held
    s.finish()


@pytest.mark.parametrize("effect", ["create v3", "switch off", "delete", "record applying", "issue"])
def test_a_key_that_a_person_makes_in_mid_rotation_is_never_deleted_once_it_was_used(effect):
    s = ran()
    made: list[Key] = []

    def make() -> None:
        s.issuer.keys = [key for key in s.issuer.keys if key.active]
        made.append(s.issuer.by_a_person())
        made[0].used = True

    s.at(effect, make)
    s.apply(rotate="now")
    s.settle(2 * HOUR)
    assert made[0] in s.issuer.keys
    assert made[0].active
    assert s.issuer.would_let_in("a", s.value())
    assert s.issuer.most_ever == 2


def test_a_new_key_is_published_only_once_it_is_known():
    s = ran()
    held = s.value()
    s.issuer.propagation = timedelta(minutes=4)
    s.apply(rotate="now")
    s.settle(3 * MINUTE)
    assert s.value() == held
    assert "PropagationTimeout" in s.state(s.world.api)
    assert "failures" not in s.state(s.world.api)
    s.settle(10 * MINUTE)
    assert s.value() != held
    assert s.history.highest.sequence == 3
    s.issuer.propagation = timedelta(0)
    s.finish()


def test_a_restart_while_a_new_key_is_not_known_yet_goes_on_with_that_key():
    s = ran()
    s.issuer.propagation = timedelta(minutes=4)
    s.apply(rotate="now")
    s.settle(MINUTE)
    s.controllers = [s.start(s.world.api)]
    s.settle(MINUTE)
    assert "PropagationTimeout" in s.state(s.world.api)
    assert "failures" not in s.state(s.world.api)
    s.settle(20 * MINUTE)
    assert s.history.current.sequence == 3
    s.issuer.propagation = timedelta(0)
    s.finish()


@pytest.mark.parametrize("restarted", [False, True])
def test_a_new_key_that_is_refused_at_first_is_asked_for_again_and_kept(restarted):
    s = ran()
    s.issuer.refusing = timedelta(minutes=3)
    s.apply(rotate="now")
    s.settle(MINUTE)
    if restarted:
        s.controllers = [s.start(s.world.api)]
    s.settle(20 * MINUTE)
    assert s.history.current.sequence == 3
    s.issuer.refusing = timedelta(0)
    s.finish()


def test_a_new_key_that_a_person_deletes_before_it_is_known_is_replaced():
    s = ran()
    s.issuer.propagation = timedelta(minutes=4)
    s.apply(rotate="now")
    s.settle(MINUTE)
    held = s.value()
    s.issuer.keys = [key for key in s.issuer.keys if key.id == current(s)]
    s.issuer.propagation = timedelta(0)
    s.settle(HOUR)
    assert s.value() != held
    s.finish()


def test_a_key_of_a_person_that_is_older_than_the_intent_and_listed_late_is_never_deleted():
    s = ran(prepare=lambda s: setattr(s.issuer, "listing", timedelta(minutes=3)))
    s.issuer.keys = [key for key in s.issuer.keys if key.active]
    theirs = s.issuer.by_a_person()
    s.settle(MINUTE)
    s.apply(rotate="now")
    s.settle(HOUR)
    assert theirs in s.issuer.keys
    assert theirs.active
    assert "UnknownAccessKey" in s.state(s.world.api)


def test_a_key_that_a_person_deleted_is_replaced_by_a_rotation():
    s = ran()
    before = current(s)
    s.world.excused = set(s.wish.accounts)
    s.issuer.keys = [key for key in s.issuer.keys if key.id != before]
    s.settle(3 * HOUR)
    assert current(s) != before
    s.finish()


def test_a_key_that_a_person_switched_off_is_never_healed_nor_replaced():
    s = ran()
    held = s.value()
    s.world.excused = set(s.wish.accounts)
    s.issuer.switch_off(current(s))
    s.settle(2 * INTERVAL)
    assert s.value() == held
    assert not listed(s)[current(s)]
    assert "AccountDisabled" in s.state(s.world.api)


def two_given(s: Scenario) -> None:
    pairs = [Pair(key.id, Sensitive(key.secret)) for key in (*s.issuer.keys, s.issuer.by_a_person())]
    s.world.imports = {"a": access_keys.encode(pairs).reveal()}


def test_of_two_keys_that_were_given_the_second_makes_room_after_the_grace():
    s = ran(0, two_given)
    assert listed(s) == {"LTAI1": True, "LTAI2": True}
    assert current(s) == "LTAI1"
    s.settle(HOUR)
    s.apply(rotate="now")
    s.settle(GRACE - MINUTE)
    assert listed(s) == {"LTAI1": True, "LTAI3": True}
    s.settle(HOUR)
    assert listed(s) == {"LTAI1": False, "LTAI3": True}


def test_a_second_given_key_is_not_withdrawn_before_readers_had_the_grace():
    s = Scenario(ISSUED)
    two_given(s)
    s.apply(rotate="at once")
    s.settle(GRACE - MINUTE)
    assert listed(s) == {"LTAI1": True, "LTAI2": True}
    s.settle(2 * MINUTE)
    assert "LTAI2" not in listed(s)


def test_a_key_that_was_not_given_stops_the_import_before_anything_is_stored():
    s = ran(0, lambda s: s.issuer.by_a_person())
    assert not s.world.api.versions
    assert "UnknownAccessKey" in s.state(s.world.api)
    s.issuer.keys.pop()
    s.settle(HOUR)
    s.finish()


def test_one_that_wakes_up_with_a_key_that_was_given_up_withdraws_it_itself():
    """Two controllers: the slower one is told a secret, and finds its intent given up when it wants to store it."""
    for steps in range(60):
        s = ran()
        s.world.clock.advance(INTERVAL)
        sleeper = Interleaving(s, 1)
        ended = sleeper.step(0, steps)
        s.settle(HOUR)
        sleeper.finish()
        s.settle(HOUR)
        s.finish()
        if ended:
            return
    raise AssertionError("the sleeper never ended")


def test_a_key_that_can_not_be_stored_any_more_is_withdrawn_by_the_one_who_was_told_its_secret():
    s = ran()
    # Nobody else would find it for long.
    s.at("issue", lambda: setattr(s.issuer, "listing", timedelta(days=1)))
    s.world.clock.advance(INTERVAL)
    sleeper = Interleaving(s, 1)
    while s.world.faults.trace[-1] != "issue":
        sleeper.step(0, 1)
    told = s.issuer.keys[-1]
    s.settle(MINUTE)
    assert told in s.issuer.keys
    sleeper.finish()
    assert told in s.issuer.deleted
    s.issuer.listing = timedelta(0)
    s.finish()


def test_a_value_whose_write_is_lost_again_and_again_is_nobody_s():
    s = ran()
    trace = s.world.faults.trace
    hits: list[Hit] = []

    def lose() -> None:
        start = len(trace) - 1
        hits.extend(Hit(Kind.REQUEST_LOST, start + n) for n in range(3))
        s.world.faults.hits = tuple(hits)

    s.at("record issued", lose)
    s.apply(rotate="now")
    s.settle(HOUR)
    assert [v.retired for v in s.history.versions].count(RetiredAs.LOST) <= 1
    assert len([key for key in s.issuer.deleted if not key.used]) == 1
    s.finish()


def test_a_key_whose_version_is_lost_is_a_strangers_until_a_person_deletes_it():
    s = ran()
    backup = Backup(*s.world.api.snapshot())
    top = s.history.versions[-1].sequence
    s.rotate()
    s.settle(10 * MINUTE)
    secret = dict(s.world.api.secrets)
    lost = current(s)
    s.lose_everything()
    s.world.promised = set()
    backup.secrets = secret
    backup.into(s.world.api)
    s.settle(INTERVAL)
    assert "Fenced" in s.state(s.world.api)
    s.apply(takeover=f"c1:{top + 1}")
    s.settle(HOUR)
    assert "AccountDisabled" in s.state(s.world.api)  # the lost rotation has ended the stored one
    s.issuer.keys = [key for key in s.issuer.keys if key.id == lost]
    s.settle(HOUR)
    assert listed(s) == {lost: True}
    assert "UnknownAccessKey" in s.state(s.world.api)
    s.issuer.keys = []
    s.settle(HOUR)
    s.finish()


def test_without_faults_each_rotation_issues_one_key():
    s = ran(0)
    s.world.faults = Faults()
    for number in range(1, 6):
        s.rotate()
        s.settle(10 * MINUTE)
        assert s.world.faults.trace.count("issue") == number
    s.finish()
