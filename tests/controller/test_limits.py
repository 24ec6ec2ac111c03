from __future__ import annotations

from keyward.controller.limits import RotationLimits

PG, OTHER = ("Target", "shop", "pg"), ("Target", "shop", "other")
A, B, C = ("shop", "a"), ("shop", "b"), ("shop", "c")


def test_a_target_gives_as_many_tokens_as_it_says_and_another_is_not_concerned():
    limits = RotationLimits(per_target=2)
    assert limits.try_acquire(PG)
    assert limits.try_acquire(PG)
    assert limits.try_acquire(PG) is None
    assert limits.try_acquire(PG, limit=3)
    assert limits.try_acquire(OTHER)


def test_all_targets_together_give_no_more_than_the_whole():
    limits = RotationLimits(total=2, per_target=2)
    assert limits.try_acquire(PG)
    assert limits.try_acquire(OTHER)
    assert limits.try_acquire(("ClusterTarget", "", "third")) is None


def test_who_was_refused_is_told_in_order_when_a_token_is_free():
    told: list[tuple[str, str]] = []
    limits = RotationLimits(per_target=1, on_free=told.append)
    token = limits.try_acquire(PG, A)
    assert token
    assert limits.try_acquire(PG, B) is None
    assert limits.try_acquire(PG, C) is None
    with token:
        assert told == []
    assert told == [B]
    token.release()
    assert limits.running == 0
    assert told == [B]


def test_who_is_gone_is_not_told():
    told: list[tuple[str, str]] = []
    limits = RotationLimits(per_target=1, on_free=told.append)
    token = limits.try_acquire(PG, A)
    limits.try_acquire(PG, B)
    limits.try_acquire(PG, C)
    limits.forget(B)
    assert token
    token.release()
    assert told == [C]


def test_one_that_wants_a_target_to_itself_waits_for_the_others_and_nobody_begins_before_it():
    told: list[tuple[str, str]] = []
    limits = RotationLimits(per_target=4, on_free=told.append)
    first, second = limits.try_acquire(PG, A), limits.try_acquire(PG, B)
    assert first
    assert second
    assert limits.try_acquire(PG, C, alone=True) is None
    first.release()
    assert limits.try_acquire(PG, A) is None, "one that has asked to be alone comes first"
    assert limits.try_acquire(OTHER)
    assert told == []
    second.release()
    assert told == [C]
    alone = limits.try_acquire(PG, C, alone=True)
    assert alone
    assert limits.try_acquire(PG, B) is None
    alone.release()
    assert told == [C, A]
    assert limits.try_acquire(PG, A)
    assert limits.try_acquire(PG, B)


def test_one_that_wanted_a_target_to_itself_and_went_holds_nobody_up():
    limits = RotationLimits()
    assert limits.try_acquire(PG, A)
    assert limits.try_acquire(PG, C, alone=True) is None
    limits.forget(C)
    assert limits.try_acquire(PG, B)
