"""What people change while a rotation is under way, what they break, and what they ask for (protocol §13)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.world.scenario import EVERY, HOUR, INTERVAL, ISSUED, MINUTE, PG, Scenario
from tests.world.server import Account, Server

from keyward.domain.model import RetiredAs, TargetIdentity, TargetView
from keyward.domain.writes import StoredSecret
from keyward.engines.base import Endpoint, Place, Role

MANAGED = [k for k in EVERY if k != "generic"]
CHOSEN = [k for k in MANAGED if k != ISSUED]  # whose values we pick
EFFECTS = ("create v", "apply", "record promotion", "put secret")


def ran(kind: str, rotations: int = 1) -> Scenario:
    s = Scenario(kind)
    s.apply()
    s.settle(10 * MINUTE)
    for _ in range(rotations):
        s.rotate()
    return s


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


@pytest.mark.parametrize("kind", CHOSEN)
def test_a_candidate_that_was_never_sent_and_is_no_longer_wanted_is_superseded(kind):
    s = ran(kind)
    s.at("apply", lambda: s.edit(suspended=True))
    s.rotate()
    s.settle(HOUR)
    s.edit(suspended=False)
    s.settle(HOUR)
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


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MANAGED)
def test_a_candidate_that_the_policy_refuses_is_abandoned_and_another_one_reserved(kind):
    s = ran(kind)
    refused = [f"generated-{s.world.generated + 1}".encode()]
    s.world.server.policy = lambda password: password not in refused
    s.rotate()
    s.settle(HOUR)
    s.world.server.policy = lambda _password: True
    s.finish()
    assert refused[0] not in [p for _, p in s.world.server.learnt]


@pytest.mark.parametrize("kind", CHOSEN)
def test_a_refusal_after_an_unknown_outcome_keeps_a_value_that_had_taken(kind):
    from tests.world.faults import Faults, Hit, Kind

    s = ran(kind)
    index = len(s.world.faults.trace)
    s.world.faults = Faults((Hit(Kind.ANSWER_LOST, index + 1),), trace=s.world.faults.trace)
    taken = f"generated-{s.world.generated + 1}".encode()
    s.at("apply", lambda: None)
    s.settle(INTERVAL - 20 * MINUTE)
    learnt = len(s.world.server.learnt)
    s.world.server.policy = lambda _password: len(s.world.server.learnt) <= learnt
    s.settle(HOUR)
    assert s.value() == taken
    assert not any(v.retired for v in s.history.versions)
    s.world.server.policy = lambda _password: True
    s.finish()


# --- commands ---------------------------------------------------------------------------------------------------------


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
    s.finish()


# --- imports ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("right", "listed"), [(r, i) for r in ("", "a", "b", "ab") for i in ("", "a", "b", "ab")])
def test_an_imported_pair_is_touched_only_where_it_logs_in_or_the_target_lists_it(right, listed):
    s = Scenario("dual import")
    for name in "ab":
        if name not in right:
            s.world.imports[name] = b"wrong"
    s.world.target = replace(s.world.target, unverified_import=tuple(listed))
    before = {n: a.password for n, a in s.world.server.accounts.items()}
    s.apply()
    s.settle(HOUR)
    unknown = set("ab") - set(right) - set(listed)
    for name in unknown:
        assert s.world.server.accounts[name].password == before[name]
        assert s.world.server.accounts[name].comment is None
    if unknown:
        assert "ImportedValueUnverified" in s.state(s.world.api)
        return
    s.settle(INTERVAL + HOUR)
    s.rotate()
    s.finish()
    assert b"wrong" not in [p for _, p in s.world.server.learnt]


@pytest.mark.parametrize("listed", [False, True])
def test_a_wrong_single_import_is_mended_by_the_first_rotation_only_where_it_is_listed(listed):
    s = Scenario("single import")
    s.world.imports["a"] = b"wrong"
    if listed:
        s.world.target = replace(s.world.target, unverified_import=("a",))
    s.apply()
    s.settle(HOUR)
    if not listed:
        assert s.world.server.accounts["a"].password == b"imported-a"
        assert "orders" not in s.world.api.secrets
        return
    assert s.history.versions[0].retired is RetiredAs.UNVERIFIED or s.history.versions[0].sequence > 1
    s.finish()


def test_the_first_named_of_two_valid_imports_is_current():
    s = Scenario("dual import")
    s.apply()
    s.settle(10 * MINUTE)
    assert s.history.current.account == "a"
    assert s.value() == b"imported-a"
    assert all(a.comment is None for a in s.world.server.accounts.values())


# --- one thing lost alone ---------------------------------------------------------------------------------------------


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
    from tests.world.scenario import wish_of

    from keyward.domain.model import AccountsPolicy, DeletionWish

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


# --- the clock, drift, pruning ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EVERY)
def test_a_clock_that_is_set_back_rotates_late_at_worst(kind):
    s = ran(kind)
    number = s.history.highest.sequence
    s.world.clock.skew = -timedelta(days=2)
    s.settle(HOUR)
    assert s.history.highest.sequence == number
    s.settle(timedelta(days=2) + 2 * INTERVAL)
    s.finish()


@pytest.mark.parametrize("kind", CHOSEN)
def test_a_password_that_a_person_changed_is_replaced_by_a_rotation(kind):
    s = ran(kind)
    current = s.history.current
    s.world.excused = set(s.wish.accounts)
    s.world.server.accounts[current.account].password = b"by hand"
    s.settle(3 * HOUR)
    s.finish()
    assert s.history.current.sequence > current.sequence


@pytest.mark.parametrize("kind", MANAGED)
def test_an_account_that_a_person_locked_is_never_healed(kind):
    s = ran(kind)
    current = s.history.current
    s.world.excused = set(s.wish.accounts)
    s.world.server.accounts[current.account].can_login = False
    s.settle(3 * INTERVAL)
    assert not s.world.server.accounts[current.account].can_login


def test_a_rotation_that_was_missed_is_made_up_for_once_and_not_at_the_moment_of_the_start():
    s = ran("dual create")
    before = s.history.highest.sequence
    s.world.clock.advance(3 * INTERVAL)
    s.controllers = [s.start(s.world.api)]
    s.settle(MINUTE / 60)
    assert s.history.highest.sequence == before
    s.settle(HOUR)
    assert s.history.highest.sequence == before + 1
    s.finish()


def test_a_rotation_waits_for_a_slot_and_gives_it_back():
    s = Scenario("dual create")
    limits = s.controllers[0].limits
    taken = [limits.try_acquire(("Target", "shop", "pg")) for _ in range(4)]
    s.apply()
    s._round()
    assert not s.world.api.versions
    assert not s.world.api.credentials["orders"].status.get("failures")
    taken[0].release()
    s.settle(10 * MINUTE)
    assert s.history.current is not None
    assert limits.running == len(taken) - 1
    s.rotate()
    s.finish()


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


def test_generic_keeps_ten_versions_and_the_promoted_one():
    s = ran("generic", 2)
    s.apply(promote="v1")
    for n in range(14):
        s.world.source = f"more-{n}".encode()
        s.settle(MINUTE)
        if n == 0:
            s.apply(promote="v1#again")
            s.settle(MINUTE)
    assert len(s.history.versions) <= 11
    assert s.value() == s.world.source
