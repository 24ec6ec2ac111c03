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
