"""Deletion and return, for each policy (protocol §7, §13)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.protocol.test_changes import moved
from tests.world.scenario import EVERY, HOUR, MINUTE, NAME, Scenario, wish_of
from tests.world.server import Server
from tests.world.world import login_of

from keyward.domain.model import AccountsPolicy, DeletionWish, SecretsPolicy

MANAGED = [k for k in EVERY if k != "generic"]
WINDOW = timedelta(days=30)


def started(kind: str, **deletion: object) -> Scenario:
    wish = wish_of(kind)
    s = Scenario(kind, wish=_with(wish, DeletionWish(**deletion)))  # type: ignore[arg-type]
    s.apply()
    s.settle(10 * MINUTE)
    s.rotate()
    return s


def _with(wish, deletion):
    from dataclasses import replace

    return replace(wish, deletion=deletion)


@pytest.mark.parametrize("kind", EVERY)
def test_applied_again_within_the_window_it_goes_on_with_the_same_value(kind):
    s = started(kind)
    before = s.history
    value = s.value()
    s.remove()
    s.settle(HOUR)
    assert "orders" not in s.world.api.secrets
    s.apply()
    s.settle(10 * MINUTE)
    assert s.value() == value
    assert s.history.lineage == before.lineage
    assert all(v.orphaned_at is None for v in s.history.versions)
    s.rotate()
    s.finish()


@pytest.mark.parametrize("kind", EVERY)
def test_after_the_window_the_versions_are_gone(kind):
    s = started(kind)
    s.remove()
    s.settle(WINDOW + 24 * HOUR)
    assert not s.world.api.versions


def test_after_the_window_an_account_of_the_dead_lineage_is_not_taken_by_create_but_by_import():
    s = started("dual create")
    s.remove()
    s.settle(WINDOW + 24 * HOUR)
    held = {n: a.password for n, a in s.world.server.accounts.items()}
    s.apply()
    s.settle(HOUR)
    assert {n: a.password for n, a in s.world.server.accounts.items()} == held
    assert "orders" not in s.world.api.secrets
    assert "AccountExists" in s.state(s.world.api)


@pytest.mark.parametrize("kind", ["dual create", "single create", "dual import", "single import"])
def test_disabled_accounts_are_given_back_to_the_one_who_returns(kind):
    s = started(kind, accounts=AccountsPolicy.DISABLE)
    value = s.value()
    s.remove()
    s.settle(HOUR)
    assert NAME not in s.world.api.credentials
    marked = [a for a in s.world.server.accounts.values() if a.comment]
    assert not any(a.can_login for a in marked)
    s.apply()
    s.settle(20 * MINUTE)
    assert s.value() == value
    assert not any(v.disabled_by_us for v in s.history.versions)
    s.rotate()
    s.finish()


@pytest.mark.parametrize("kind", ["dual create", "single create"])
def test_an_account_that_a_person_disabled_is_never_given_back(kind):
    s = started(kind, accounts=AccountsPolicy.DISABLE)
    s.remove()
    s.settle(HOUR)
    for account in s.world.server.accounts.values():
        if account.comment and account.comment.endswith(" disabled"):
            account.comment = account.comment.removesuffix(" disabled")
    s.apply()
    s.settle(HOUR)
    assert not any(a.can_login for a in s.world.server.accounts.values())
    assert "orders" not in s.world.api.secrets


@pytest.mark.parametrize("kind", ["dual create", "single create"])
def test_dropped_accounts_end_their_lineage_and_a_return_creates_anew(kind):
    s = started(kind, accounts=AccountsPolicy.DROP)
    before = s.history
    s.remove()
    s.settle(HOUR)
    assert NAME not in s.world.api.credentials
    assert not s.world.server.accounts
    assert any(v.version.closed for v in s.world.api.versions.values())
    s.apply()
    s.settle(20 * MINUTE)
    assert s.history.lineage != before.lineage
    s.rotate()
    s.settle(WINDOW + 24 * HOUR)
    s.finish()


def test_an_owner_of_objects_is_disabled_where_it_should_be_dropped():
    s = started("dual create", accounts=AccountsPolicy.DROP)
    s.world.server.accounts["x_rights"].owns_objects = True
    s.remove()
    s.settle(HOUR)
    assert NAME not in s.world.api.credentials
    assert "x" in s.world.server.accounts
    assert not any(a.can_login for a in s.world.server.accounts.values())
    assert s.world.server.accounts["x"].comment.endswith(" disabled")


@pytest.mark.parametrize("kind", EVERY)
def test_without_a_window_the_versions_go_with_the_credential(kind):
    s = started(kind, recovery_window=timedelta(0))
    s.remove()
    s.settle(HOUR)
    assert NAME not in s.world.api.credentials
    assert not s.world.api.versions


@pytest.mark.parametrize("kind", ["dual create", "single create"])
def test_without_a_window_the_versions_go_before_the_credential_when_their_accounts_are_dropped(kind):
    s = started(kind, recovery_window=timedelta(0), accounts=AccountsPolicy.DROP)
    s.world.faults.trace.clear()
    s.remove()
    s.settle(HOUR)
    assert s.world.faults.trace[-2:] == ["prune v2", "release"]


@pytest.mark.parametrize("kind", EVERY)
def test_a_retained_secret_stays_and_is_adopted_on_return(kind):
    s = started(kind, secrets=SecretsPolicy.RETAIN)
    value = s.value()
    s.world.api.delete_credential(NAME)
    s.settle(HOUR)
    assert "orders" in s.world.api.secrets
    s.apply()
    s.settle(10 * MINUTE)
    assert s.value() == value
    s.finish()


@pytest.mark.parametrize("policy", [AccountsPolicy.DISABLE, AccountsPolicy.DROP])
def test_the_finalizer_lets_go_when_the_target_never_answers_again(policy):
    s = started("dual create", accounts=policy)
    del s.world.network["pg"]
    s.remove()
    s.settle(HOUR)
    assert NAME not in s.world.api.credentials


@pytest.mark.parametrize("policy", [AccountsPolicy.DISABLE, AccountsPolicy.DROP])
def test_a_deletion_never_takes_the_admin_to_endpoints_that_nobody_approved(policy):
    s = started("dual create", accounts=policy)
    collector = Listening()
    moved(s, collector, approve=False)
    s.remove()
    s.settle(HOUR)
    assert not collector.asked
    assert NAME not in s.world.api.credentials


@pytest.mark.parametrize("policy", [AccountsPolicy.DISABLE, AccountsPolicy.DROP])
def test_a_deletion_does_nothing_on_a_suspended_target_and_goes_on_when_it_is_resumed(policy):
    s = started("dual create", accounts=policy)
    s.world.target = replace(s.world.target, suspended=True)
    s.remove()
    s.settle(5 * MINUTE)
    assert all(account.can_login for account in s.world.server.accounts.values() if account.password)
    s.world.target = replace(s.world.target, suspended=False)
    s.settle(MINUTE)
    assert NAME not in s.world.api.credentials
    assert not any(account.can_login for account in s.world.server.accounts.values())


class Listening(Server):
    """Notes that an admin session was opened on it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def inspect(self, names):
        self.asked += 1
        return super().inspect(names)


@pytest.mark.parametrize("policy", list(AccountsPolicy))
@pytest.mark.parametrize("kind", MANAGED)
def test_deleted_and_applied_again_at_any_moment_of_a_rotation(kind, policy):
    s = started(kind, accounts=policy)
    s.world.faults.trace.clear()
    s.rotate()
    for effect in list(s.world.faults.trace):
        s = started(kind, accounts=policy)
        s.at(effect, s.remove)
        s.rotate()
        s.apply()
        s.settle(HOUR)
        s.rotate()
        if policy is not AccountsPolicy.DROP:
            s.finish()


def test_finding_the_secrets_policy_changed_writes_the_owner_first():
    s = started("generic", secrets=SecretsPolicy.RETAIN, recovery_window=timedelta(0))
    s.edit(deletion=DeletionWish(secrets=SecretsPolicy.DELETE))
    s.settle(10 * MINUTE)
    tail = s.world.faults.trace[-3:]
    assert tail.index("put secret orders") < tail.index("annotate")
    assert login_of(s.world.api.secrets["orders"]) is None
