"""What people change in a Credential and its Target while a rotation is under way (protocol §13)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.world.scenario import EVERY, HOUR, INTERVAL, MINUTE, PG, Scenario, ran
from tests.world.server import Account, Server

from keyward.domain.model import TargetView
from keyward.domain.version import RetiredAs, TargetIdentity
from keyward.engines.base import Endpoint, Place, Role

MANAGED = [k for k in EVERY if k != "generic"]
EFFECTS = ("create v", "apply", "record promotion", "put secret")


def moved(s: Scenario, server: Server, *, approve: bool) -> None:
    """The Target's endpoints now lead to `server`; the digest follows them."""
    digest = "digest-2"
    s.world.network["pg2"] = server
    s.world.former_places.append(s.world.place)
    s.world.place = Place((Endpoint("pg2", 5432),), "app")
    identity = TargetIdentity(PG.kind, PG.name, digest, PG.uid)
    s.world.target = TargetView(identity, (digest, PG.digest) if approve else (PG.digest,), s.wish.accounts)
    s.edit(target=identity)


# --- the spec ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("kind", MANAGED)
def test_a_projection_that_is_added_in_mid_rotation_gets_the_new_value(kind, effect):
    s = ran(kind)
    more = (*s.wish.projections, replace(s.wish.projections[0], secret_name="orders-too"))
    s.at(effect, lambda: s.edit(projections=more))
    s.rotate()
    s.finish()
    assert s.world.api.secrets["orders-too"].data == s.world.api.secrets["orders"].data


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("kind", MANAGED)
def test_a_schedule_that_changes_in_mid_rotation_counts_from_the_promotion(kind, effect):
    s = ran(kind)
    s.at(effect, lambda: s.edit(schedule=replace(s.wish.schedule, interval=2 * INTERVAL)))
    s.rotate()
    number = s.history.highest.sequence
    s.settle(INTERVAL)
    assert s.history.highest.sequence == number
    s.finish()


@pytest.mark.parametrize("kind", ["dual create", "single create", "overlap create"])
def test_a_candidate_that_was_never_sent_and_is_no_longer_wanted_is_superseded(kind):
    s, retired = Scenario(kind), []
    others = tuple(name.replace("x", "y") for name in s.wish.accounts)
    s.world.target = replace(s.world.target, may_manage=(*s.wish.accounts, *others))
    s.at("annotate", lambda: s.edit(accounts=others))
    s.at("create v2", lambda: retired.append(s.history.highest.retired))
    s.apply()
    s.settle(10 * MINUTE)
    assert retired == [RetiredAs.SUPERSEDED]
    assert not any(name.startswith("x") for name in s.world.server.accounts)
    s.rotate()
    s.finish()


@pytest.mark.parametrize("kind", EVERY)
def test_a_key_change_in_mid_rotation_rewraps_and_loses_nothing(kind):
    for effect in (*EFFECTS, "post secret"):
        s = Scenario(kind)
        s.at(effect, lambda s=s: setattr(s.world.stores["c1"], "key_version", "2"))
        s.apply()
        s.settle(10 * MINUTE)
        s.rotate()
        s.rotate()
        s.finish()
        assert {v.version.wraps for v in s.world.api.versions.values()} <= {(("default", "2"),), (("default", "1"),)}
        assert s.world.stores["c1"].key_version == "1" or s.history.highest.wraps == (("default", "2"),)


@pytest.mark.parametrize("kind", EVERY)
def test_by_a_new_key_version_every_stored_version_is_wrapped_anew(kind):
    s = ran(kind)
    sequence = s.history.highest.sequence
    s.world.stores["c1"].key_version = "2"
    s.settle(MINUTE)
    assert {v.version.wraps for v in s.world.api.versions.values()} == {(("default", "2"),)}
    assert s.history.highest.sequence == sequence


# --- the Target -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", ["before", *EFFECTS])
@pytest.mark.parametrize("kind", MANAGED)
def test_endpoints_that_move_with_their_data_go_on_after_approval(kind, effect):
    s = ran(kind)
    if effect == "before":
        moved(s, s.world.server, approve=True)
    else:
        s.at(effect, lambda: moved(s, s.world.server, approve=True))
    s.rotate()
    s.rotate()
    s.finish()


@pytest.mark.parametrize("kind", MANAGED)
def test_endpoints_that_were_not_approved_are_never_logged_in_to(kind):
    s = ran(kind)
    collector = Server()
    s.world.promised = set()
    moved(s, collector, approve=False)
    s.settle(2 * INTERVAL)
    assert not collector.logged_in
    assert not collector.learnt
    assert collector.refused_logins == 0
    assert "TargetNotApproved" in s.state(s.world.api)


def test_nothing_is_made_before_the_role_that_holds_the_rights_is_allowed_too():
    s = Scenario("dual create")
    s.wish = replace(s.wish, rights_role="x_rights")
    s.apply()
    s.settle(HOUR)
    assert not s.world.server.accounts
    assert "AccountNotAllowed" in s.state(s.world.api)
    s.world.target = replace(s.world.target, may_manage=s.wish.all_roles)
    s.settle(HOUR)
    s.finish()


@pytest.mark.parametrize("effect", ["before", *EFFECTS])
@pytest.mark.parametrize("kind", MANAGED)
def test_endpoints_that_lead_to_other_data_get_nothing_applied(kind, effect):
    s = ran(kind)
    other = type(s.world.server)(accounts={n: Account(b"other", can_login=True) for n in s.wish.accounts})
    s.world.excused = set(s.wish.accounts)
    held = {n: a.password for n, a in other.accounts.items()}
    if effect == "before":
        moved(s, other, approve=True)
    else:
        s.at(effect, lambda: moved(s, other, approve=True))
    s.rotate()
    s.settle(2 * INTERVAL)
    assert {n: a.password for n, a in other.accounts.items()} == held
    assert "TargetHasOtherData" in s.state(s.world.api)


@pytest.mark.parametrize("kind", ["dual create", "single create"])
def test_a_target_that_was_made_again_empty_under_the_same_name_gets_its_accounts_back(kind):
    s = ran(kind)
    s.world.excused = set(s.wish.accounts)
    s.world.network["pg"] = Server()
    s.settle(2 * INTERVAL)
    s.finish()


def test_nothing_is_published_before_every_replica_lets_it_in():
    s = ran("dual create")
    lagging = Server(accounts=dict(s.world.server.accounts))
    s.world.network["replica"] = lagging
    s.world.place = Place((*s.world.place.endpoints, Endpoint("replica", 5432, Role.REPLICA)), "app")
    value = s.value()
    s.rotate()
    assert s.value() == value
    lagging.accounts = s.world.server.accounts
    s.settle(HOUR)
    assert s.value() != value
