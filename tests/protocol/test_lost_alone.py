"""One thing is lost or exchanged and everything else is there (protocol §13)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.world.scenario import EVERY, HOUR, INTERVAL, MINUTE, Scenario, ran, wish_of

from keyward.domain.model import AccountsPolicy, DeletionWish
from keyward.domain.writes import StoredSecret

MANAGED = [k for k in EVERY if k != "generic"]


@pytest.mark.parametrize("kind", EVERY)
def test_a_deleted_secret_is_back_with_the_same_value(kind):
    s = ran(kind)
    value = s.value()
    s.world.forget_secret("orders")
    del s.world.api.secrets["orders"]
    s.settle(MINUTE)
    assert s.value() == value
    s.finish()


@pytest.mark.parametrize("kind", EVERY)
def test_an_edited_secret_is_put_right(kind):
    s = ran(kind)
    value, keys = s.value(), s.world.api.secrets["orders"].data
    s.world.forget_secret("orders")
    s.world.api.edit_secret("orders", dict.fromkeys(keys, "edited"))
    s.settle(MINUTE)
    assert s.value() == value
    s.finish()


def test_a_strangers_secret_is_never_written():
    s = Scenario("dual create")
    s.world.api.secrets["orders"] = StoredSecret({"name": "orders", "resourceVersion": "1"}, "Opaque", {})
    s.apply()
    s.settle(3 * INTERVAL)
    assert not s.world.api.secrets["orders"].data
    assert s.history.highest.sequence == 1


@pytest.mark.parametrize("kind", EVERY)
def test_a_deleted_secret_is_back_after_a_restart(kind):
    s = ran(kind)
    value = s.value()
    s.world.forget_secret("orders")
    del s.world.api.secrets["orders"]
    s.controllers = [s.start(s.world.api)]
    s.settle(MINUTE)
    assert s.value() == value
    s.finish()


@pytest.mark.parametrize("kind", EVERY)
def test_a_lost_annotation_is_written_again_for_the_same_lineage(kind):
    s = ran(kind)
    before = s.history.lineage
    s.world.api.credentials["orders"].annotations.pop("keyward.dev/lineage", None)
    s.rotate()
    s.finish()
    assert s.history.lineage == before


def test_a_lost_finalizer_is_put_back():
    s = Scenario("dual create", wish=replace(wish_of("dual create"), deletion=DeletionWish(AccountsPolicy.DROP)))
    s.apply()
    s.settle(10 * MINUTE)
    s.world.api.credentials["orders"].finalizer = False
    s.settle(MINUTE)
    assert s.world.api.credentials["orders"].finalizer
    s.finish()


@pytest.mark.parametrize("kind", ["dual create", "single create"])
def test_an_account_whose_mark_a_person_removed_is_nobodys_and_not_touched(kind):
    s = ran(kind)
    held = {n: a.password for n, a in s.world.server.accounts.items()}
    for account in s.world.server.accounts.values():
        account.comment = None
    s.settle(INTERVAL + HOUR)
    assert {n: a.password for n, a in s.world.server.accounts.items()} == held
    assert "AccountExists" in s.state(s.world.api)


@pytest.mark.parametrize("kind", MANAGED)
def test_lost_versions_are_held_until_takeover_and_no_password_is_touched(kind):
    s = ran(kind)
    held = {n: a.password for n, a in s.world.server.accounts.items()}
    s.world.api.versions.clear()
    s.settle(2 * INTERVAL)
    assert {n: a.password for n, a in s.world.server.accounts.items()} == held
    assert "RestoreIncomplete" in s.state(s.world.api)
    assert "orders" in s.world.api.secrets


@pytest.mark.parametrize("kind", EVERY)
def test_the_newest_version_lost_alone_never_shrinks_the_secret(kind):
    s = ran(kind, 2)
    value = s.value()
    del s.world.api.versions[s.history.highest.name]
    s.settle(2 * INTERVAL)
    assert s.value() == value


@pytest.mark.parametrize("kind", ["dual create", "generic"])
def test_a_predecessor_that_was_exchanged_freezes_rotation_and_never_reading(kind):
    s = ran(kind, 2)
    top = s.history.highest
    forge(s, s.history.versions[-2].name, digest="f" * 64)
    stays_as_it_is(s, top.sequence)
    assert "RollbackDetected" in s.state(s.world.api)


@pytest.mark.parametrize("kind", ["dual create", "single create"])
def test_a_newest_version_whose_envelope_was_exchanged_is_not_built_upon(kind):
    s = ran(kind, 2)
    top = s.history.highest
    forge(s, top.name)
    stays_as_it_is(s, top.sequence)
    assert "ContextMismatch" in s.state(s.world.api)


def stays_as_it_is(s: Scenario, sequence: int) -> None:
    for _ in range(3):
        s.rotate()
    assert s.history.highest.sequence == sequence
    assert s.world.api.secrets["orders"].metadata["annotations"]["keyward.dev/sequence"] == str(sequence)


def forge(s: Scenario, name: str, **spec: str) -> None:
    """Somebody deletes a version and puts another object under its name."""
    api = s.world.api
    stored = api.versions[name]
    version = replace(stored.version, resource_version=api.fresh(), **spec)
    api.versions[name] = replace(stored, version=version, envelope={**stored.envelope, "tag": "0" * 64})
