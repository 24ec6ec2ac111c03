"""Passwords of users of Windows hosts: what is sent, and what becomes of the secret parameters that carry them.

No PowerShell is run: the texts are compared with golden ones, and a stand-in does what they are meant to do.
"""

from __future__ import annotations

import base64
import itertools
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.cloud.ecs import Ran
from tests.cloud.hosts import cloud_of, mark
from tests.cloud.standin import Fault
from tests.cloud.windows import Person, WindowsHost

from keyward.engines import registry
from keyward.engines.alibaba.hosts import commands, powershell
from keyward.engines.base import AccountSet, Change, Endpoint, Expectation, Login, Place
from keyward.engines.guard import guarded
from keyward.errors import Blocked, Conflict, KeywardError, Reason, Rejected, Retry, Unsettled
from keyward.sensitive import Sensitive

USER = "Administrator"
ACCOUNTS = AccountSet((USER,), created=False)
FIRST, NEW = Sensitive("Of-a-person-1"), Sensitive("Correct-horse_7")
GOLDEN = Path(__file__).parent / "golden"


_numbers = itertools.count(1, 10)


class Killed(BaseException):
    """Nothing that comes after it is done."""


class System:
    """A Windows instance with one user, and the engine that reaches it."""

    def __init__(self, cloud) -> None:
        self.cloud, self.ecs, self.oos, self.host = cloud, cloud.ecs, cloud.oos, cloud.ecs.host
        self.ecs.role = "keyward-reader"
        self.host.people[USER] = Person(FIRST.reveal_text())
        self.place = Place((Endpoint("10.0.0.9", 3389),), "", cloud=cloud.api)
        self.version = mark(next(_numbers))
        self.start_anew()

    def start_anew(self) -> None:
        """As a process that has just started."""
        self.engine = guarded(registry.get("AlibabaCloud/Windows"))

    @asynccontextmanager
    async def opened(self):
        async with self.engine.open(self.place, self.cloud.admin, 20.0) as session:
            yield session

    async def apply(self, value: Sensitive = NEW, send=None) -> None:
        async with self.opened() as session:
            seen = await session.inspect(ACCOUNTS)
            await session.check(ACCOUNTS, seen)
            await session.apply(Change(USER, value, ACCOUNTS, seen, {USER: self.version}), send or nothing)

    async def verify(self, value: Sensitive = NEW) -> str | None:
        expect = Expectation(ACCOUNTS, admin=self.cloud.admin, version=self.version)
        return await self.engine.verify(self.place, self.place.primary, Login(USER, value), expect)

    @property
    def password(self) -> str:
        return self.host.people[USER].password


@pytest.fixture(scope="module")
def instance(tmp_path_factory):
    with cloud_of(WindowsHost(), tmp_path_factory.mktemp("windows")) as cloud:
        yield cloud


@pytest.fixture
def system(instance):
    yield System(instance)
    instance.ecs.release()
    instance.ecs.next_ran, instance.ecs.assistant = [], "true"
    instance.ecs.host.people.clear()
    instance.ecs.host.refused.clear()
    instance.standin.faults.clear()
    instance.standin.before = lambda _call: None
    instance.standin.ram.users["keyward"].admin = True
    instance.oos.secrets.clear()


async def nothing() -> None:
    return None


async def refused(work) -> KeywardError:
    with pytest.raises(KeywardError) as caught:
        await work
    assert caught.value.__cause__ is None
    assert "leaky" not in str(caught.value)
    return caught.value


def changes(script: str) -> bool:
    return "Set-LocalUser" in script


def proves(script: str) -> bool:
    return "Add-Type" in script and not changes(script)


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


async def test_a_password_is_set_and_proven_and_no_command_no_result_and_no_parameter_keeps_it(system):
    assert await system.verify(FIRST) == "OnHost"
    system.version = mark(next(_numbers) + 1)
    await system.apply()
    assert system.password == NEW.reveal_text()
    assert await system.verify() == "OnHost"
    assert (await refused(system.verify(FIRST))).reason is Reason.LOGIN_REFUSED
    assert system.oos.secrets == {}
    assert system.oos.most_ever == 1
    kept = [text.encode() for text in system.ecs.commands]
    kept += [i.ran.output for i in system.ecs.invocations.values()]
    for secret in (FIRST.reveal(), NEW.reveal()):
        for form in (secret, base64.b64encode(secret)):
            assert not any(form in one for one in kept)


async def test_the_same_value_again_is_not_set_again(system):
    await system.apply()
    done = system.host.sets
    await system.apply()
    system.start_anew()
    await system.apply()
    assert system.host.sets == done


# --- parameters that a kill, or a lost answer, left ---


@pytest.mark.parametrize("lost", ["AnswerLost", "Lost", "Broken"])
@pytest.mark.parametrize("process", ["the same", "another"])
async def test_a_lost_answer_to_the_making_of_a_parameter_changes_nothing_and_leaves_none(system, lost, process):
    system.cloud.standin.faults.append(Fault("CreateSecretParameter", lost))
    error = await refused(system.apply())
    assert isinstance(error, Retry)
    assert system.password == FIRST.reveal_text()
    if process == "another":
        system.start_anew()
    await system.apply()
    await system.verify()
    assert system.oos.secrets == {}


async def killed() -> None:
    raise Killed


async def test_a_process_that_is_killed_before_it_sends_leaves_a_parameter_that_the_next_one_deletes(system):
    with pytest.raises(Killed):
        await system.apply(send=killed)
    assert len(system.oos.secrets) == 1
    system.start_anew()
    # What a pass does after a kill: was it sent?
    assert (await refused(system.verify())).reason is Reason.LOGIN_REFUSED
    assert system.oos.secrets == {}


async def test_a_parameter_that_somebody_put_there_is_deleted_and_never_used(system):
    with pytest.raises(Killed):
        await system.apply(send=killed)
    (left,) = system.oos.secrets
    system.oos.secrets[left] = base64.b64encode(b"Of-an-attacker-1").decode()
    system.start_anew()
    system.oos.forget_tokens()
    await system.apply()
    assert system.password == NEW.reveal_text()
    assert system.oos.secrets == {}


async def test_a_parameter_of_a_version_that_nobody_will_ask_for_again_is_deleted_by_the_next_one(system):
    with pytest.raises(Killed):
        await system.apply(send=killed)
    system.start_anew()
    system.version = mark(next(_numbers) + 1)
    assert await system.verify(FIRST) == "OnHost"
    assert system.oos.secrets == {}


async def short(work):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "PATIENCE", 0.5)
        return await work


@pytest.mark.parametrize("process", ["the same", "another"])
async def test_a_change_that_is_not_over_keeps_its_parameter_until_it_is(system, process):
    system.ecs.held = changes
    error = await refused(short(system.apply()))
    assert (type(error), error.after) == (Unsettled, commands.AGAIN)
    assert len(system.oos.secrets) == 1
    if process == "another":
        system.start_anew()
    system.ecs.release()
    assert await system.verify() == "OnHost"
    assert system.oos.secrets == {}


async def test_a_proof_that_is_not_over_keeps_its_parameter_and_is_asked_for_again(system):
    system.ecs.held = proves
    error = await refused(short(system.verify(FIRST)))
    assert (error.reason, error.after) == (Reason.BUSY, commands.AGAIN)
    assert len(system.oos.secrets) == 1
    sent = sum(map(proves, system.ecs.commands))
    system.ecs.release()
    assert await system.verify(FIRST) == "OnHost"
    assert sum(map(proves, system.ecs.commands)) == sent
    assert system.oos.secrets == {}


async def test_a_change_that_runs_after_its_parameter_is_gone_changes_nothing(system):
    system.ecs.held = changes
    assert isinstance(await refused(short(system.apply())), Unsettled)
    system.ecs.held = lambda _script: False
    assert (await refused(system.verify())).reason is Reason.LOGIN_REFUSED
    assert system.oos.secrets == {}
    system.ecs.release()
    assert system.password == FIRST.reveal_text()
    # The cloud tells of that run once; then it is sent anew.
    assert isinstance(await refused(system.apply()), Unsettled)
    await system.apply()
    assert system.password == NEW.reveal_text()


async def test_a_parameter_that_cannot_be_deleted_holds_the_proof_back(system):
    system.cloud.standin.faults.append(Fault("DeleteSecretParameter", "Failed"))
    error = await refused(system.verify(FIRST))
    assert isinstance(error, Retry)
    assert "could not be deleted" in error.message
    assert await system.verify(FIRST) == "OnHost"
    assert system.oos.secrets == {}


@pytest.mark.parametrize("kind", ["AnswerLost", "Lost"])
async def test_a_lost_answer_to_the_command_is_unsettled_and_the_proof_clears_up(system, kind):
    def at_change(call) -> None:
        content = call.parameters().get("CommandContent", "")
        if call.action == "RunCommand" and changes(base64.b64decode(content).decode()):
            system.cloud.standin.faults.append(Fault("RunCommand", kind))
            system.cloud.standin.before = lambda _call: None

    system.cloud.standin.before = at_change
    assert isinstance(await refused(system.apply()), Unsettled)
    if kind == "AnswerLost":
        assert await system.verify() == "OnHost"
    else:
        assert (await refused(system.verify())).reason is Reason.LOGIN_REFUSED
        await system.apply()
        assert await system.verify() == "OnHost"
    assert system.oos.secrets == {}


# --- what is wrong ---


async def test_an_instance_without_a_role_is_told_what_to_attach_before_anything_is_made(system):
    system.ecs.role, made = "", system.cloud.standin.done("CreateSecretParameter")
    for work in (system.apply(), system.verify()):
        error = await refused(work)
        assert error.reason is Reason.ADMIN_PRIVILEGE_MISSING
        assert "oos:GetSecretParameter" in error.message
    assert system.cloud.standin.done("CreateSecretParameter") == made


async def test_a_linux_instance_is_not_taken_for_a_windows_one(system):
    system.host.system = "Linux"
    try:
        error = await refused(system.apply())
    finally:
        system.host.system = "Windows"
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
async def test_a_password_is_what_the_cloud_takes_for_windows(system, value, fits):
    if fits:
        await system.apply(Sensitive(value))
        assert system.password == value
        return
    sent = len(system.ecs.commands)
    error = await refused(system.apply(Sensitive(value)))
    assert (type(error), error.reason) == (Rejected, Reason.PASSWORD_REFUSED)
    assert len(system.ecs.commands) == sent + 1  # the look


async def test_a_policy_of_the_host_that_refuses_a_value_is_told_and_the_parameter_goes(system):
    system.host.refused.add(NEW.reveal_text())
    error = await refused(system.apply())
    assert (type(error), error.reason) == (Rejected, Reason.PASSWORD_REFUSED)
    assert system.oos.secrets == {}


async def test_a_disabled_a_missing_and_an_expired_user_are_told_and_left_alone(system):
    system.host.people[USER].enabled = False
    for work in (system.apply(), system.verify(FIRST)):
        assert (await refused(work)).reason is Reason.ACCOUNT_DISABLED
    system.host.people[USER] = Person(FIRST.reveal_text(), expired="account")
    for work in (system.apply(), system.verify(FIRST)):
        assert (await refused(work)).reason is Reason.ACCOUNT_DISABLED
    del system.host.people[USER]
    assert (await refused(system.apply())).reason is Reason.ACCOUNT_MISSING
    assert (await refused(system.verify())).reason is Reason.LOGIN_REFUSED


async def test_a_password_that_somebody_set_meanwhile_is_a_conflict(system):
    async def meanwhile() -> None:
        system.host.people[USER] = Person("Of-another-1", set=7)

    assert isinstance(await refused(system.apply(send=meanwhile)), Conflict)
    assert system.password == "Of-another-1"
    assert system.oos.secrets == {}


@pytest.mark.parametrize(
    ("ran", "kind"),
    [
        (Ran(None, b"", "ExecutionTimeout", "Failed"), Unsettled),
        (Ran(1, b"Add-Type : not there\r\n"), Unsettled),
        (Ran(0, b"keyward 42 NQ==\r\n"), Unsettled),
        (Ran(0, b"keyward 43 \r\n"), Blocked),
    ],
)
async def test_what_became_of_a_change_is_told_truly(system, ran, kind):
    def instead(call) -> None:
        content = call.parameters().get("CommandContent", "")
        if call.action == "RunCommand" and changes(base64.b64decode(content).decode()):
            system.ecs.next_ran.append(ran)
            system.cloud.standin.before = lambda _call: None

    system.cloud.standin.before = instead
    assert isinstance(await refused(system.apply()), kind)
    await system.apply()
    assert await system.verify() == "OnHost"
    assert system.oos.secrets == {}


async def test_rights_that_are_missing_are_named(system):
    system.cloud.standin.faults.append(Fault("CreateSecretParameter", "Refused"))
    error = await refused(system.apply())
    assert error.reason is Reason.ADMIN_PRIVILEGE_MISSING
    for right in ("oos:CreateSecretParameter", "kms:CreateSecret", "ecs:DescribeInstanceRamRole"):
        assert right in error.message


@pytest.mark.parametrize("name", ["a b", "a" * 21, "host$", "", "a'b"])
async def test_a_name_that_no_user_has_goes_nowhere(system, name):
    sent = len(system.ecs.commands)
    async with system.opened() as session:
        error = await refused(session.inspect(AccountSet((name,), created=False)))
    assert error.reason is Reason.INVALID_SPEC
    assert len(system.ecs.commands) == sent
