"""What becomes of the secret parameters that carry passwords to Windows hosts: none is left, and no other one is used."""

from __future__ import annotations

import base64

import pytest
from tests.cloud.standin import Fault
from tests.cloud.windows_desk import FIRST, NEW, changes, proves, refused

from keyward.engines.alibaba.hosts import commands
from keyward.errors import Reason, Retry, Unsettled


class Killed(BaseException):
    """Nothing that comes after it is done."""


@pytest.mark.parametrize("lost", ["AnswerLost", "Lost", "Broken"])
@pytest.mark.parametrize("process", ["the same", "another"])
async def test_a_lost_answer_to_the_making_of_a_parameter_changes_nothing_and_leaves_none(desk, lost, process):
    desk.cloud.standin.faults.append(Fault("CreateSecretParameter", lost))
    error = await refused(desk.apply())
    assert isinstance(error, Retry)
    assert desk.password == FIRST.reveal_text()
    if process == "another":
        desk.start_anew()
    await desk.apply()
    await desk.verify()
    assert desk.oos.secrets == {}


async def killed() -> None:
    raise Killed


async def test_a_process_that_is_killed_before_it_sends_leaves_a_parameter_that_the_next_one_deletes(desk):
    with pytest.raises(Killed):
        await desk.apply(send=killed)
    assert len(desk.oos.secrets) == 1
    desk.start_anew()
    # What a pass does after a kill: was it sent?
    assert (await refused(desk.verify())).reason is Reason.LOGIN_REFUSED
    assert desk.oos.secrets == {}


async def test_a_parameter_that_somebody_put_there_is_deleted_and_never_used(desk):
    with pytest.raises(Killed):
        await desk.apply(send=killed)
    (left,) = desk.oos.secrets
    desk.oos.secrets[left] = base64.b64encode(b"Of-an-attacker-1").decode()
    desk.start_anew()
    desk.oos.forget_tokens()
    await desk.apply()
    assert desk.password == NEW.reveal_text()
    assert desk.oos.secrets == {}


async def test_a_parameter_of_a_version_that_nobody_will_ask_for_again_is_deleted_by_the_next_one(desk):
    with pytest.raises(Killed):
        await desk.apply(send=killed)
    desk.start_anew()
    desk.next_version()
    assert await desk.verify(FIRST) == "OnHost"
    assert desk.oos.secrets == {}


async def short(work):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "PATIENCE", 0.5)
        return await work


@pytest.mark.parametrize("process", ["the same", "another"])
async def test_a_change_that_is_not_over_keeps_its_parameter_until_it_is(desk, process):
    desk.ecs.held = changes
    error = await refused(short(desk.apply()))
    assert (type(error), error.after) == (Unsettled, commands.AGAIN)
    assert len(desk.oos.secrets) == 1
    if process == "another":
        desk.start_anew()
    desk.ecs.release()
    assert await desk.verify() == "OnHost"
    assert desk.oos.secrets == {}


async def test_a_proof_that_is_not_over_keeps_its_parameter_and_is_asked_for_again(desk):
    desk.ecs.held = proves
    error = await refused(short(desk.verify(FIRST)))
    assert (error.reason, error.after) == (Reason.BUSY, commands.AGAIN)
    assert len(desk.oos.secrets) == 1
    sent = sum(map(proves, desk.ecs.commands))
    desk.ecs.release()
    assert await desk.verify(FIRST) == "OnHost"
    assert sum(map(proves, desk.ecs.commands)) == sent
    assert desk.oos.secrets == {}


async def test_a_change_that_runs_after_its_parameter_is_gone_changes_nothing(desk):
    desk.ecs.held = changes
    assert isinstance(await refused(short(desk.apply())), Unsettled)
    desk.ecs.held = lambda _script: False
    assert (await refused(desk.verify())).reason is Reason.LOGIN_REFUSED
    assert desk.oos.secrets == {}
    desk.ecs.release()
    assert desk.password == FIRST.reveal_text()
    # The cloud tells of that run once; then it is sent anew.
    assert isinstance(await refused(desk.apply()), Unsettled)
    await desk.apply()
    assert desk.password == NEW.reveal_text()


async def test_a_parameter_that_cannot_be_deleted_holds_the_proof_back(desk):
    desk.cloud.standin.faults.append(Fault("DeleteSecretParameter", "Failed"))
    error = await refused(desk.verify(FIRST))
    assert isinstance(error, Retry)
    assert "could not be deleted" in error.message
    assert await desk.verify(FIRST) == "OnHost"
    assert desk.oos.secrets == {}


async def test_a_change_whose_parameter_cannot_be_deleted_is_of_unknown_outcome(desk):
    desk.cloud.standin.faults.append(Fault("DeleteSecretParameter", "Failed"))
    error = await refused(desk.apply())
    assert (type(error), error.reason) == (Unsettled, Reason.UNKNOWN_OUTCOME)
    assert desk.password == NEW.reveal_text()
    assert await desk.verify() == "OnHost"
    assert desk.oos.secrets == {}


@pytest.mark.parametrize("kind", ["AnswerLost", "Lost"])
async def test_a_lost_answer_to_the_command_is_unsettled_and_the_proof_clears_up(desk, kind):
    def at_change(call) -> None:
        content = call.parameters().get("CommandContent", "")
        if call.action == "RunCommand" and changes(base64.b64decode(content).decode()):
            desk.cloud.standin.faults.append(Fault("RunCommand", kind))
            desk.cloud.standin.before = lambda _call: None

    desk.cloud.standin.before = at_change
    assert isinstance(await refused(desk.apply()), Unsettled)
    if kind == "AnswerLost":
        assert await desk.verify() == "OnHost"
    else:
        assert (await refused(desk.verify())).reason is Reason.LOGIN_REFUSED
        await desk.apply()
        assert await desk.verify() == "OnHost"
    assert desk.oos.secrets == {}
