"""Servers that have no place for a mark: whose an account is stands in the records (protocol §5, §8)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.world.scenario import HOUR, INTERVAL, MINUTE, NAME, UNMARKED, Scenario
from tests.world.server import Account

from keyward.domain.model import AccountsPolicy, DeletionWish

CREATED = [kind for kind in UNMARKED if "create" in kind]


def ran(kind: str, rotations: int = 0) -> Scenario:
    s = Scenario(kind)
    s.apply()
    s.settle(10 * MINUTE)
    for _ in range(rotations):
        s.rotate()
    return s


@pytest.mark.parametrize("kind", CREATED)
def test_an_account_that_was_there_before_is_never_touched(kind):
    s = Scenario(kind)
    s.world.server.accounts["x"] = Account(b"theirs", can_login=True)
    s.apply()
    s.settle(HOUR)
    assert s.world.server.accounts["x"].password == b"theirs"
    assert "AccountExists" in s.state(s.world.api)


@pytest.mark.parametrize("kind", CREATED)
def test_an_account_that_came_between_reservation_and_apply_is_never_touched(kind):
    s = Scenario(kind)
    s.at("annotate", lambda: s.world.server.accounts.update(x=Account(b"theirs", can_login=True)))
    s.apply()
    s.settle(HOUR)
    assert s.world.server.accounts["x"].password == b"theirs"
    assert "AccountExists" in s.state(s.world.api)


def test_an_account_that_came_after_a_candidate_that_was_never_sent_is_never_touched():
    s = Scenario("dual create unmarked")
    s.at("annotate", lambda: s.edit(accounts=("y", "y_clone")))
    s.world.target = replace(s.world.target, may_manage=("x", "x_clone", "y", "y_clone"))
    s.apply()
    s.settle(10 * MINUTE)
    assert set(s.world.server.accounts) == {"y", "y_clone"}
    s.world.server.accounts["x"] = Account(b"theirs", can_login=True)
    s.edit(accounts=("x", "x_clone"))
    s.settle(2 * INTERVAL)
    assert s.world.server.accounts["x"].password == b"theirs"


@pytest.mark.parametrize("kind", CREATED)
def test_accounts_that_were_made_halfway_are_taken_up(kind):
    """Killed after the accounts were made and before one has its password."""
    s = Scenario(kind)
    s.apply()
    s.at("apply", s.controllers[0].p.die)
    s.settle(10 * MINUTE)
    s.rotate()
    s.finish()
    assert s.history.highest.sequence == 2


@pytest.mark.parametrize("kind", CREATED)
def test_what_was_made_by_a_refused_candidate_is_ours(kind):
    s = Scenario(kind)
    s.world.server.policy = lambda password: password != b"generated-1"
    s.apply()
    s.settle(HOUR)
    s.finish()
    assert s.world.server.accounts["x"].password == b"generated-2"


@pytest.mark.parametrize("kind", CREATED)
def test_it_is_still_known_when_the_version_that_made_it_is_pruned(kind):
    s = ran(kind, 5)
    assert s.history.versions[0].sequence > 1
    assert set(s.history.highest.made) == set(s.wish.accounts)
    s.finish()


@pytest.mark.parametrize("kind", CREATED)
def test_an_account_that_went_away_and_came_back_as_somebody_elses_is_never_touched(kind):
    s = ran(kind, 2)
    victim = next(n for n in s.wish.accounts if len(s.wish.accounts) == 1 or n != s.history.current.account)
    s.world.excused.add(victim)
    del s.world.server.accounts[victim]
    theirs = Account(b"theirs", can_login=True)
    s.at("create v", lambda: s.world.server.accounts.update({victim: theirs}))
    s.settle(INTERVAL + 5 * MINUTE)
    assert s.world.server.accounts[victim].password == b"theirs"


@pytest.mark.parametrize("kind", UNMARKED)
@pytest.mark.parametrize("policy", [AccountsPolicy.DISABLE, AccountsPolicy.DROP])
def test_deletion_ends_what_is_ours_and_nothing_else(kind, policy):
    s = ran(kind)
    s.edit(deletion=DeletionWish(policy))
    s.settle(10 * MINUTE)
    s.rotate()
    ours = {v.account for v in s.history.versions if v.applying}
    if "create" in kind:
        ours |= set(s.wish.accounts)
    s.remove()
    s.settle(HOUR)
    left = {n: a for n, a in s.world.server.accounts.items() if a.can_login}
    assert set(left) == set(s.wish.accounts) - ours
    assert NAME not in s.world.api.credentials


@pytest.mark.parametrize("kind", UNMARKED)
def test_a_return_gives_back_the_login_that_deletion_took(kind):
    s = ran(kind)
    s.edit(deletion=DeletionWish(AccountsPolicy.DISABLE))
    s.settle(10 * MINUTE)
    s.rotate()
    s.remove()
    s.settle(HOUR)
    s.apply()
    s.settle(HOUR)
    s.rotate()
    s.finish()
