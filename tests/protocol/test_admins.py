"""A Credential whose values are the admin login of its own Target: nobody is locked out, whatever comes between (protocol §9)."""

from __future__ import annotations

import functools
from dataclasses import replace

import pytest
from tests.world.faults import Hit, Kind
from tests.world.scenario import HOUR, INTERVAL, MINUTE, PG, Scenario, wish_of

from keyward.domain.model import AccountsPolicy, AdminView, DeletionWish, SecretsPolicy, TargetView

KINDS = (
    *("dual import", "single import", "overlap import"),
    *("dual import unmarked", "single import unmarked", "overlap import unmarked"),
)
KEPT = DeletionWish(AccountsPolicy.RETAIN, SecretsPolicy.RETAIN)


def scenario(kind: str, *hits: Hit, **admin: object) -> Scenario:
    """The admin Secret is the one that the Credential projects, and a Single one may change itself."""
    wish = replace(wish_of(kind), deletion=KEPT)
    s = Scenario(kind, *hits, wish=wish)
    known = {"account": "", "secret": "orders", "projected": True, "self_change": "single" in kind}
    known["hands_over"] = "overlap" in kind
    s.world.target = TargetView(PG, (PG.digest,), wish.accounts, admin=AdminView(**known | admin))
    s.world.keeps_admin = True
    return s


def life(kind: str, *hits: Hit) -> Scenario:
    """The import and three rotations."""
    s = scenario(kind, *hits)
    s.apply()
    s.settle(10 * MINUTE)
    for _ in range(3):
        s.rotate()
    s.finish()
    return s


@functools.cache
def effects_of(kind: str) -> int:
    return len(life(kind).world.faults.trace)


@pytest.mark.parametrize("kind", KINDS)
def test_the_admin_login_rotates_and_its_secret_always_gets_in(kind):
    s = scenario(kind)
    s.apply()
    s.settle(10 * MINUTE)
    for _ in range(5):
        before = s.value()
        s.rotate()
        assert s.value() != before
        secret = s.world.api.secrets["orders"]
        assert s.world.server.would_let_in(secret.data["username"].reveal().decode(), s.value())
    s.finish()
    assert s.world.server.refused_logins == 0


@pytest.mark.parametrize("fault", list(Kind))
@pytest.mark.parametrize("kind", KINDS)
def test_any_single_fault_at_any_effect_locks_nobody_out(kind, fault):
    for index in range(effects_of(kind)):
        s = life(kind, Hit(fault, index))
        assert s.history.highest.sequence == (5 if "dual" in kind else 4)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kill_of_a_change_costs_one_refused_attempt_with_each_value_at_most(kind):
    for index in range(effects_of(kind)):
        for fault in (Kind.KILL_BEFORE, Kind.KILL_AFTER, Kind.ANSWER_LOST):
            assert life(kind, Hit(fault, index)).world.server.refused_logins <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_lost_admin_secret_is_back_after_a_restart(kind):
    s = life(kind)
    del s.world.api.secrets["orders"]
    s.controllers = [s.start(s.world.api)]
    s.settle(HOUR)
    s.rotate()
    s.finish()


def test_neither_value_of_a_login_that_changes_itself_gets_in_each_is_tried_once_and_a_person_is_called() -> None:
    s = life("single import")
    s.at("create v", lambda: _broken(s))
    s.apply(rotate="now")
    refused = s.world.server.refused_logins
    s.settle(2 * INTERVAL)
    assert s.world.server.refused_logins - refused == 2
    assert "AdminLoginRefused" in s.state(s.world.api)
    assert "tried once" in s.state(s.world.api)


def _broken(s: Scenario) -> None:
    s.world.server.accounts["a"].password = b"set by hand"
    s.controllers[0].p.alive = False


def test_a_login_that_would_change_itself_is_refused_unless_the_target_allows_it() -> None:
    for kind, allowed in (("single import", False), ("overlap import", True)):
        s = scenario(kind, self_change=allowed, hands_over=False)
        s.apply()
        s.settle(HOUR)
        assert "AdminCycle" in s.state(s.world.api)
        assert not s.world.api.versions
        assert not s.world.server.learnt


def test_a_longer_way_from_a_login_back_to_itself_is_refused_even_for_a_pair() -> None:
    s = scenario("dual import", way_back=("Target pg", "Target other"))
    s.apply()
    s.settle(HOUR)
    assert "Target pg, Target other" in s.state(s.world.api)
    assert not s.world.api.versions


@pytest.mark.parametrize("kind", ["overlap import unmarked", "single import"])
def test_the_only_login_of_an_admin_is_not_replaced_before_it_has_logged_in_whatever_the_target_lists(kind) -> None:
    s = scenario(kind)
    s.world.keeps_admin = False  # somebody else still gets in: it is not for want of a login that nothing happens
    s.world.imports["a"] = b"wrong"
    s.world.target = replace(s.world.target, unverified_import=("a",))
    s.apply()
    s.settle(INTERVAL + HOUR)
    assert s.world.server.accounts["a"].password == b"imported-a"
    assert not s.world.server.learnt
    assert "orders" not in s.world.api.secrets
    assert "ImportedValueUnverified" in s.state(s.world.api)
    assert "allowUnverifiedImport" not in s.state(s.world.api)
    s.world.imports["a"] = b"imported-a"
    s.world.keeps_admin = True
    s.settle(INTERVAL + HOUR)
    s.finish()


def test_of_redis_an_account_is_imported_only_where_it_is_kept_as_the_admins() -> None:
    s = scenario("overlap import unmarked", account="somebody", secret="by-hand", projected=False)
    s.world.keeps_admin = False
    s.edit(type="redis")
    s.settle(HOUR)
    assert "spec.redis.import: is for the login of the Target's admin alone" in s.state(s.world.api)
    assert "by-hand" in s.state(s.world.api)
    assert not s.world.api.versions
    s.world.target = replace(s.world.target, admin=AdminView("", "orders", projected=True, hands_over=True))
    s.settle(HOUR)
    s.finish()
    s.rotate()
    s.finish()


@pytest.mark.parametrize(
    "deletion", [replace(KEPT, accounts=AccountsPolicy.DISABLE), replace(KEPT, secrets=SecretsPolicy.DELETE)]
)
def test_an_admin_login_that_would_go_with_its_credential_is_refused(deletion) -> None:
    s = scenario("dual import")
    s.edit(deletion=deletion)
    s.settle(HOUR)
    assert "has to outlive" in s.state(s.world.api)
    assert not s.world.api.versions


def test_the_admins_account_is_not_changed_by_who_does_not_publish_it() -> None:
    s = scenario("dual import", projected=False)
    s.world.keeps_admin = False
    assert s.world.target is not None
    s.apply()
    s.settle(10 * MINUTE)
    s.world.keeps_admin = (
        True  # from now on somebody reads the Secret as the admin login's, who does not know it as ours
    )
    s.rotate()
    assert "would die with the first rotation" in s.state(s.world.api)
    assert s.history.highest.sequence == 2, "nothing is reserved either"
    assert not s.world.server.learnt


def test_while_the_admin_login_changes_itself_others_wait_and_then_go_on() -> None:
    s = scenario("dual create", projected=False, changing="the-admin")
    s.world.keeps_admin = False
    s.apply()
    s.settle(HOUR)
    assert "AdminChanging" in s.state(s.world.api)
    assert not s.world.api.versions
    s.world.target = TargetView(PG, (PG.digest,), s.wish.accounts)
    s.settle(MINUTE)
    s.finish()
