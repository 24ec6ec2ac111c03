"""Passwords of users of Windows hosts: what is sent, and what is told of what is wrong there.

No PowerShell is run: the texts are compared with golden ones, and a stand-in does what they are meant to do.
"""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from tests.cloud.ecs import Ran
from tests.cloud.standin import Fault
from tests.cloud.windows import Person
from tests.cloud.windows_desk import FIRST, NEW, USER, changes, refused

from keyward.engines.alibaba.hosts import commands, powershell
from keyward.engines.base import AccountSet
from keyward.errors import Blocked, Conflict, Reason, Rejected, Unsettled
from keyward.sensitive import Sensitive

GOLDEN = Path(__file__).parent / "golden"


# --- what is sent ---


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("look", powershell.look(USER)),
        ("prove", powershell.prove(USER, "keyward-example")),
        ("change", powershell.change(USER, "keyward-example", "638000000000000000")),
    ],
)
def test_the_commands_are_the_golden_ones(name, text):
    assert text == (GOLDEN / f"{name}.ps1").read_text(encoding="utf-8")
    # Whatever else stands in double braces would be replaced by the cloud.
    assert text.count("{{") == text.count("}}") == (0 if name == "look" else 1)
    assert len(base64.b64encode(text.encode())) < commands.MOST


@pytest.mark.parametrize("name", ["a'; Remove-Item C:\\ #", "{{oos-secret:other}}", "ü'\n"])
def test_a_name_is_data_whatever_is_in_it(name):
    for text in (powershell.look(name), powershell.prove(name, "p"), powershell.change(name, "p", "1")):
        assert name not in text
        assert base64.b64encode(name.encode()).decode() in text
    with pytest.raises(AssertionError):
        powershell.prove(USER, "a'b")


async def test_a_password_is_set_and_proven_and_no_command_no_result_and_no_parameter_keeps_it(desk):
    assert await desk.verify(FIRST) == "OnHost"
    desk.next_version()
    await desk.apply()
    assert desk.password == NEW.reveal_text()
    assert await desk.verify() == "OnHost"
    assert (await refused(desk.verify(FIRST))).reason is Reason.LOGIN_REFUSED
    assert desk.oos.secrets == {}
    assert desk.oos.most_ever == 1
    kept = [text.encode() for text in desk.ecs.commands]
    kept += [i.ran.output for i in desk.ecs.invocations.values()]
    for secret in (FIRST.reveal(), NEW.reveal()):
        for form in (secret, base64.b64encode(secret)):
            assert not any(form in one for one in kept)


async def test_the_same_value_again_is_not_set_again(desk):
    await desk.apply()
    done = desk.host.sets
    await desk.apply()
    desk.start_anew()
    await desk.apply()
    assert desk.host.sets == done


# --- what is wrong ---


async def test_an_instance_without_a_role_is_told_what_to_attach_before_anything_is_made(desk):
    desk.ecs.role, made = "", desk.cloud.standin.done("CreateSecretParameter")
    for work in (desk.apply(), desk.verify()):
        error = await refused(work)
        assert error.reason is Reason.ADMIN_PRIVILEGE_MISSING
        assert "oos:GetSecretParameter" in error.message
    assert desk.cloud.standin.done("CreateSecretParameter") == made


async def test_a_linux_instance_is_not_taken_for_a_windows_one(desk):
    desk.host.system = "Linux"
    try:
        error = await refused(desk.apply())
    finally:
        desk.host.system = "Windows"
    assert error.reason is Reason.INVALID_SPEC
    assert "runs Linux" in error.message


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("Aa3-" * 2, True),
        ("Aa3" * 10, True),
        ("Aa3-abc", False),
        ("Aa3" * 10 + "x", False),
        ("abcdefgh1", False),
        ("Aa3 with space", False),
        ("/Aa3aaaaa", False),
        ("Ää3-Ää3-a", False),
    ],
)
async def test_a_password_is_what_the_cloud_takes_for_windows(desk, value, fits):
    if fits:
        await desk.apply(Sensitive(value))
        assert desk.password == value
        return
    sent = len(desk.ecs.commands)
    error = await refused(desk.apply(Sensitive(value)))
    assert (type(error), error.reason) == (Rejected, Reason.PASSWORD_REFUSED)
    assert len(desk.ecs.commands) == sent + 1  # the look


async def test_a_policy_of_the_host_that_refuses_a_value_is_told_and_the_parameter_goes(desk):
    desk.host.refused.add(NEW.reveal_text())
    error = await refused(desk.apply())
    assert (type(error), error.reason) == (Rejected, Reason.PASSWORD_REFUSED)
    assert desk.oos.secrets == {}


async def test_a_disabled_a_missing_and_an_expired_user_are_told_and_left_alone(desk):
    desk.host.people[USER].enabled = False
    for work in (desk.apply(), desk.verify(FIRST)):
        assert (await refused(work)).reason is Reason.ACCOUNT_DISABLED
    desk.host.people[USER] = Person(FIRST.reveal_text(), expired="account")
    for work in (desk.apply(), desk.verify(FIRST)):
        assert (await refused(work)).reason is Reason.ACCOUNT_DISABLED
    del desk.host.people[USER]
    assert (await refused(desk.apply())).reason is Reason.ACCOUNT_MISSING
    assert (await refused(desk.verify())).reason is Reason.LOGIN_REFUSED


async def test_a_password_that_somebody_set_meanwhile_is_a_conflict(desk):
    async def meanwhile() -> None:
        desk.host.people[USER] = Person("Of-another-1", set=7)

    assert isinstance(await refused(desk.apply(send=meanwhile)), Conflict)
    assert desk.password == "Of-another-1"
    assert desk.oos.secrets == {}


@pytest.mark.parametrize(
    ("ran", "kind"),
    [
        (Ran(None, b"", "ExecutionTimeout", "Failed"), Unsettled),
        (Ran(1, b"Add-Type : not there\r\n"), Unsettled),
        (Ran(0, b"keyward 42 NQ==\r\n"), Unsettled),
        (Ran(0, b"keyward 43 \r\n"), Blocked),
    ],
)
async def test_what_became_of_a_change_is_told_truly(desk, ran, kind):
    def instead(call) -> None:
        content = call.parameters().get("CommandContent", "")
        if call.action == "RunCommand" and changes(base64.b64decode(content).decode()):
            desk.ecs.next_ran.append(ran)
            desk.cloud.standin.before = lambda _call: None

    desk.cloud.standin.before = instead
    assert isinstance(await refused(desk.apply()), kind)
    await desk.apply()
    assert await desk.verify() == "OnHost"
    assert desk.oos.secrets == {}


async def test_rights_that_are_missing_are_named(desk):
    desk.cloud.standin.faults.append(Fault("CreateSecretParameter", "Refused"))
    error = await refused(desk.apply())
    assert error.reason is Reason.ADMIN_PRIVILEGE_MISSING
    for right in ("oos:CreateSecretParameter", "kms:CreateSecret", "ecs:DescribeInstanceRamRole"):
        assert right in error.message


@pytest.mark.parametrize("name", ["a b", "a" * 21, "host$", "", "a'b"])
async def test_a_name_that_no_user_has_goes_nowhere(desk, name):
    sent = len(desk.ecs.commands)
    async with desk.opened() as session:
        error = await refused(session.inspect(AccountSet((name,), created=False)))
    assert error.reason is Reason.INVALID_SPEC
    assert len(desk.ecs.commands) == sent
