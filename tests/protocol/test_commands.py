"""What people ask for by annotation: to rotate now, to end a leaked value, to go back (protocol §6)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.world.scenario import EVERY, HOUR, MINUTE, Scenario, ran, wish_of

MANAGED = [k for k in EVERY if k != "generic"]


@pytest.mark.parametrize("kind", MANAGED)
def test_rotate_now_happens_once_for_each_text(kind):
    s = ran(kind)
    for text in ("a", "b"):
        number = s.history.highest.sequence
        s.apply(rotate=text)
        s.settle(HOUR)
        assert s.history.highest.sequence == number + 1
    s.rotate()
    s.finish()


@pytest.mark.parametrize("text", ["a", "leak#force"])
@pytest.mark.parametrize("kind", MANAGED)
def test_a_rotate_text_that_stays_in_the_manifest_is_never_acted_on_again(kind, text):
    s = ran(kind)
    s.world.excused = set(s.wish.accounts)
    s.apply(rotate=text)
    s.settle(HOUR)
    number = s.history.highest.sequence
    for n in range(1, 7):
        s.rotate()
        assert s.history.highest.sequence == number + n


def test_a_leak_is_ended_although_the_first_candidate_was_refused():
    s = ran("dual create", 2)
    s.world.excused = set(s.wish.accounts)
    leaked, account = s.value(), s.history.current.account
    refused = f"generated-{s.world.generated + 1}".encode()
    s.world.server.policy = lambda password: password != refused
    s.apply(rotate="leak#force")
    s.settle(15 * MINUTE)
    assert not s.world.server.would_let_in(account, leaked)
    s.finish()


def test_a_leaked_value_ends_by_two_rotations_back_to_back():
    s = ran("dual create", 2)
    leaked = s.value()
    account = s.history.current.account
    s.world.excused = set(s.wish.accounts)  # asked for: the leak is worse than a refused login
    s.apply(rotate="leak#force")
    s.settle(15 * MINUTE)
    assert not s.world.server.would_let_in(account, leaked)
    s.finish()


def test_a_rollback_of_a_generic_value_stays_although_the_source_still_differs():
    s = ran("generic", 2)
    first = s.world.stores["c1"].peek(next(iter(s.world.api.versions.values())))
    s.apply(promote="v1")
    s.settle(HOUR)
    assert s.value() == first
    s.rotate()
    assert s.value() == s.world.source
    s.settle(HOUR)
    assert s.value() == s.world.source


def test_going_back_to_the_other_account_of_a_dual_pair_publishes_its_value_again():
    s = ran("dual create", 2)
    previous = s.history.previous
    s.apply(promote=previous.version_id)
    s.settle(HOUR)
    assert s.history.current.sequence == previous.sequence
    s.rotate()
    s.settle(HOUR)
    s.finish()


def test_going_back_to_a_dead_value_is_refused_in_words_and_changes_nothing():
    s = ran("dual create", 1)
    dead = s.history.versions[0].version_id
    s.at("apply x", lambda: s.apply(promote=dead))
    s.rotate()
    s.settle(HOUR)
    assert s.history.current is s.history.highest
    assert not s.world.server.refused_logins, "nobody has to be refused with a value that is known to be dead"
    s.finish()


def test_going_back_to_a_value_that_somebody_changed_on_the_server_is_refused_in_words_and_changes_nothing():
    s = ran("dual create", 2)
    current, previous, value = s.history.current, s.history.previous, s.value()
    s.world.excused = {previous.account}
    s.world.server.accounts[previous.account].password = b"by hand"
    s.apply(promote=previous.version_id)
    s.settle(HOUR)
    assert "VersionDead" in s.state(s.world.api)
    assert (s.history.current, s.value()) == (current, value)
    assert s.world.server.refused_logins == 1
    s.finish()


def test_an_id_that_a_person_gave_to_a_version_is_no_other_ones():
    s = Scenario("generic", wish=replace(wish_of("generic"), initial_version_id="v2"))
    s.apply()
    s.settle(MINUTE)
    s.rotate()
    s.rotate()
    assert [v.version_id for v in s.history.versions] == ["v2", "v2-2", "v3"]
    s.apply(promote="v2")
    s.settle(MINUTE)
    assert s.history.current.sequence == 1
