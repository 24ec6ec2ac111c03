"""A change is made once, wholly, and only in the world that was judged."""

from __future__ import annotations

import asyncio

import pytest
from tests.engines.conformance import scene as scenes
from tests.engines.conformance.stage import Stage

from keyward.errors import Blocked, Conflict, KeywardError, Reason, Rejected, Retry


async def test_both_accounts_are_made_and_only_the_one_with_a_value_logs_in(stage: Stage):
    scene = scenes.created(stage)
    await scene.apply(scene.first, "one")
    await scene.verify(scene.first, "one")
    assert stage.logs_in(scene.first, "one")
    assert all(stage.exists(name) for name in scene.accounts.names)
    for guess in ("", "one", scene.second):
        assert not stage.logs_in(scene.second, guess)


async def test_a_change_of_one_account_leaves_the_other_as_it_is(stage: Stage):
    scene = scenes.created(stage)
    for account, password in ((scene.first, "one"), (scene.second, "two"), (scene.first, "three")):
        await scene.apply(account, password)
        await scene.verify(account, password)
    await scene.verify(scene.second, "two")
    assert not stage.logs_in(scene.first, "one")


async def test_the_same_value_twice_changes_nothing_for_its_user(stage: Stage):
    scene = scenes.created(stage)
    await scene.apply(scene.first, "one")
    await scene.apply(scene.first, "one")
    await scene.verify(scene.first, "one")


async def test_an_imported_pair_takes_turns(stage: Stage):
    scene = scenes.imported(stage, f"mine{scenes.number()}", f"mine{scenes.number()}_b")
    await scene.apply(scene.second, "two")
    await scene.apply(scene.first, "one")
    await scene.verify(scene.second, "two")
    await scene.verify(scene.first, "one")


async def test_a_single_account_is_made_and_changed(stage: Stage):
    scene = scenes.created(stage, dual=False)
    for password in ("one", "two"):
        await scene.apply(scene.first, password)
        await scene.verify(scene.first, password)


async def test_after_a_definite_refusal_the_next_candidate_is_taken(stage: Stage):
    scene = scenes.created(stage, dual=False)
    with stage.refusing(scene.admin, scene.first) as candidate:
        strict = scene.through(stage.port)
        with pytest.raises(Rejected) as caught:
            await strict.apply(scene.first, candidate)
        assert caught.value.reason is Reason.PASSWORD_REFUSED
        assert caught.value.__context__ is None
        assert not stage.logs_in(scene.first, candidate)
        await strict.apply(scene.first, scenes.GOOD)
        await strict.verify(scene.first, scenes.GOOD)


async def test_a_refused_candidate_leaves_the_value_in_use(stage: Stage):
    scene = scenes.created(stage, dual=False)
    await scene.apply(scene.first, scenes.GOOD)
    with stage.refusing(scene.admin, scene.first) as candidate, pytest.raises(Rejected):
        await scene.through(stage.port).apply(scene.first, candidate)
    await scene.verify(scene.first, scenes.GOOD)


async def test_a_name_that_was_taken_meanwhile_is_a_conflict_and_stays_its_owners(stage: Stage):
    scene = scenes.created(stage)
    seen = await scene.inspect()
    stage.make(scene.first, "theirs")
    with pytest.raises(Conflict):
        await scene.apply(scene.first, "ours", seen=seen)
    assert stage.logs_in(scene.first, "theirs")
    assert not stage.exists(scene.second)


async def test_an_account_that_went_away_meanwhile_is_a_conflict(stage: Stage):
    scene = scenes.created(stage)
    await scene.apply(scene.first, "one")
    seen = await scene.inspect()
    stage.forbid(scene.first)
    with pytest.raises(Conflict):
        await scene.apply(scene.first, "two", seen=seen)


async def test_an_account_that_somebody_disabled_is_never_healed(stage: Stage):
    scene = scenes.created(stage)
    await scene.apply(scene.first, "one")
    stage.forbid(scene.first)
    with pytest.raises(Blocked) as caught:
        await scene.apply(scene.first, "two")
    assert caught.value.reason is Reason.ACCOUNT_DISABLED
    assert not stage.logs_in(scene.first, "two")


async def test_an_imported_account_that_is_not_there_is_not_made(stage: Stage):
    admin, name = stage.admin(), f"absent{scenes.number()}"
    scene = scenes.Scene(stage, stage.place(), admin, stage.imported(name))
    with pytest.raises(Blocked) as caught:
        await scene.apply(name, "one")
    assert caught.value.reason is Reason.ACCOUNT_MISSING
    assert not stage.exists(name)


async def test_an_account_with_rights_over_the_server_is_never_touched(stage: Stage):
    admin, name = stage.admin(), f"mighty{scenes.number()}"
    stage.make_mighty(name)
    for accounts in (stage.imported(name), stage.made(admin, name)):
        scene = scenes.Scene(stage, stage.place(), admin, accounts)
        assert (await scene.inspect()).accounts[name].superuser
        with pytest.raises(Blocked) as caught:
            await scene.apply(name, "one")
        assert caught.value.reason is Reason.ACCOUNT_RESERVED


async def test_nothing_is_sent_if_the_last_question_is_answered_with_no(stage: Stage):
    async def no() -> None:
        raise Retry(Reason.BUSY, "the lease is over")

    scene = scenes.created(stage)
    seen = await scene.inspect()
    with pytest.raises(Retry, match="lease"):
        await scene.apply(scene.first, "one", send=no)
    assert await scene.inspect() == seen
    assert not stage.logs_in(scene.first, "one")


async def test_a_change_that_is_cancelled_before_it_is_sent_changes_nothing(stage: Stage):
    reached = asyncio.Event()

    async def hang() -> None:
        reached.set()
        await asyncio.Event().wait()

    scene = scenes.created(stage)
    before = await scene.inspect()
    task = asyncio.create_task(scene.apply(scene.first, "one", send=hang))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await scene.inspect() == before
    assert not stage.logs_in(scene.first, "one")


@pytest.mark.parametrize("others", [0, 1])
async def test_two_at_once_end_with_one_of_their_values(stage: Stage, others: int):
    """Of the same set, or of two sets that share an account: each change is whole, and a loser says so."""
    pair = scenes.imported(stage, f"race{scenes.number()}", f"race{scenes.number()}_b")
    rival = pair if not others else scenes.Scene(stage, pair.place, stage.admin(), stage.imported(pair.second))

    async def change(scene: scenes.Scene, password: str) -> str | KeywardError:
        try:
            await scene.apply(pair.second, password)
        except KeywardError as error:
            return error
        return password

    ends = await asyncio.gather(change(pair, "one"), change(rival, "two"))
    assert all(isinstance(end, str | Conflict | Retry) for end in ends)
    valid = [password for password in ("one", "two") if stage.logs_in(pair.second, password)]
    assert len(valid) == 1
    assert valid[0] in ends
