"""Users of a real host, changed through Cloud Assistant's API and proven by logins through SSH."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.cloud.ecs import Ran, changes
from tests.cloud.hosts import CloudUser, linux_cloud, mark
from tests.cloud.standin import Fault
from tests.engines.ssh_system import key_pair, public

from keyward.engines.alibaba.hosts import commands
from keyward.engines.base import Login
from keyward.engines.ssh import hashing
from keyward.errors import Blocked, Conflict, KeywardError, Reason, Rejected, Retry, Unsettled
from keyward.sensitive import Sensitive

FIRST = Sensitive("Of-a-person-1")


@pytest.fixture(scope="module")
def instance(ssh_server, tmp_path_factory):
    with linux_cloud(ssh_server, tmp_path_factory.mktemp("ecs")) as cloud:
        yield cloud


@pytest.fixture
def cloud(instance):
    """As it is when nobody did anything."""
    yield instance
    instance.ecs.release()
    instance.ecs.assistant, instance.ecs.delay, instance.ecs.next_ran = "true", 0.0, []
    instance.standin.faults.clear()
    instance.standin.before = lambda _call: None
    instance.standin.ram.users["keyward"].admin = True


@pytest.fixture
def user(cloud, ssh_server) -> CloudUser:
    """One whose values are key pairs."""
    return CloudUser(ssh_server, cloud=cloud)


@pytest.fixture
def login(cloud, ssh_server) -> CloudUser:
    """One whose values are passwords."""
    found = CloudUser(ssh_server, cloud=cloud, key_pair=False)
    ssh_server.user(found.name)
    ssh_server.run("chpasswd -c SHA512", f"{found.name}:{FIRST.reveal_text()}\n")
    return found


@pytest.fixture
def at_once(monkeypatch):
    """Nothing is waited for that is not over at the first look."""
    monkeypatch.setattr(commands, "PATIENCE", 0.0)


async def refused(work) -> KeywardError:
    with pytest.raises(KeywardError) as caught:
        await work
    assert caught.value.__cause__ is None
    assert "leaky" not in str(caught.value)
    return caught.value


# --- key pairs ---


async def test_a_new_key_takes_over_the_options_and_logs_in_beside_the_old_one_which_goes_at_its_end(user):
    old, new = key_pair(), key_pair()
    options = 'restrict,from="127.0.0.0/8",command="echo \\"a b\\" # no comment"'
    around = f"# of Zoë's team\n{public(key_pair())} laptop\r\n"
    user.server.user(user.name)
    user.server.keys(user.name, f"{around}{options} {public(old)} deploy\nlast without its end")
    before = user.file()
    assert await user.verify(old) is None
    await user.apply(new, old)
    assert await user.verify(new) is None
    assert user.logs_in(old)
    await user.end(old, new)
    assert user.file() == before.replace(f"{options} {public(old)} deploy\n", f"{options} {public(new)} keyward\n")
    assert not user.logs_in(old)


async def test_the_same_twice_is_the_same_and_the_last_key_is_never_taken_away(user):
    old, new = key_pair(), key_pair()
    user.server.user(user.name, None, public(old))
    assert isinstance(await refused(user.end(old, new)), Conflict)
    for _ in range(2):
        await user.apply(new, old)
    assert len(user.file().splitlines()) == 2
    for _ in range(2):
        await user.end(old, new)
    assert user.file() == f"{public(new)} keyward\n"


async def test_nothing_private_is_ever_in_a_command_or_in_what_the_cloud_keeps_of_it(user, login):
    old, new = key_pair(), key_pair()
    user.server.user(user.name, None, public(old))
    await user.apply(new, old)
    await user.end(old, new)
    await login.apply(Sensitive("Correct-horse_7"))
    await login.verify(Sensitive("Correct-horse_7"))
    said = [i.ran.output for i in user.cloud.ecs.invocations.values() if i.ran is not None]
    texts = [text.encode() for text in user.cloud.ecs.commands] + said
    for secret in (new.reveal(), old.reveal(), b"Correct-horse_7", FIRST.reveal()):
        for form in (secret, base64.b64encode(secret)):
            assert not any(form.strip() in text for text in texts)
    # What a person once chose is not told as a hash either.
    stored = login.server.shadow(login.name)[1]
    assert not any(base64.b64encode(stored.encode()) in text or stored.encode() in text for text in said)


async def test_a_look_that_is_not_over_is_asked_for_again_and_not_sent_again(login, at_once):
    login.cloud.ecs.held, before = lambda _script: True, len(login.cloud.ecs.invocations)
    for _ in range(2):
        error = await refused(login.inspect())
        assert (type(error), error.reason, error.after) == (Retry, Reason.BUSY, commands.AGAIN)
    assert len(login.cloud.ecs.invocations) == before + 1
    login.cloud.ecs.release()
    assert (await login.inspect()).accounts[login.name].can_login
    assert len(login.cloud.ecs.invocations) == before + 1
    with contextlib.suppress(Retry):
        await login.inspect()
    assert len(login.cloud.ecs.invocations) == before + 2  # what was told once tells of then


@pytest.mark.parametrize("process", ["the same", "another"])
async def test_a_change_that_is_not_over_is_unsettled_and_found_again_also_by_another_process(user, process):
    old, new = key_pair(), key_pair()
    user.server.user(user.name, None, public(old))
    user.cloud.ecs.held = changes
    error = await unfinished(user.apply(new, old))
    assert (type(error), error.reason, error.after) == (Unsettled, Reason.UNKNOWN_OUTCOME, commands.AGAIN)
    if process == "another":
        user.engine = user.fresh()
    assert isinstance(await unfinished(user.apply(new, old)), Unsettled)
    assert [changes(script) for script in user.cloud.ecs.running().values()] == [True]
    user.cloud.ecs.release()
    await user.apply(new, old)
    await user.verify(new)
    assert user.file() == f"{public(old)}\n{public(new)} keyward\n"


async def unfinished(work) -> KeywardError:
    """What is raised where nothing that is not over at once is waited for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "PATIENCE", 2.0)
        return await refused(work)


async def test_a_command_that_the_cloud_runs_two_versions_late_changes_nothing(user, login):
    old, late, new = key_pair(), key_pair(), key_pair()
    user.server.user(user.name, None, public(old))
    user.cloud.ecs.held = changes
    for one, value, keep in ((user, late, old), (login, Sensitive("Late-horse_7"), None)):
        assert isinstance(await unfinished(one.apply(value, keep)), Unsettled)
    sleeping = [i for i in user.cloud.ecs.invocations.values() if i.ran is None]
    user.cloud.ecs.held = lambda _script: False
    user.version = login.version = mark(2)
    await user.apply(new, old)
    await login.apply(Sensitive("Next-horse_7"))
    user.cloud.ecs.release()
    assert len(sleeping) == 2
    assert all(b" 33 " in i.ran.output for i in sleeping)
    assert user.file() == f"{public(old)}\n{public(new)} keyward\n"
    await login.verify(Sensitive("Next-horse_7"))


@pytest.mark.parametrize("kind", ["AnswerLost", "Lost", "Failed", "Broken"])
async def test_an_answer_that_is_lost_is_an_unknown_outcome_and_the_same_again_is_done_once(login, kind):
    new = Sensitive("Correct-horse_7")
    login.cloud.standin.before = lambda call: fault_at_change(login, call, kind)
    error = await refused(login.apply(new))
    assert (type(error), error.reason) == (Unsettled, Reason.UNKNOWN_OUTCOME)
    login.cloud.standin.before = lambda _call: None
    login.engine = login.fresh()
    await login.apply(new)
    stored = login.server.shadow(login.name)[1]
    await login.apply(new)
    assert login.server.shadow(login.name)[1] == stored
    assert hashing.matches(stored, new)
    assert await login.verify(new) is None


def fault_at_change(user: CloudUser, call, kind: str) -> None:
    content = call.parameters().get("CommandContent", "")
    if call.action == "RunCommand" and changes(base64.b64decode(content).decode()):
        user.cloud.standin.faults.append(Fault("RunCommand", kind))


@pytest.mark.parametrize(
    ("fault", "kind", "reason"),
    [
        ("Throttled", Retry, Reason.BUSY),
        ("Refused", Blocked, Reason.ADMIN_PRIVILEGE_MISSING),
    ],
)
async def test_a_command_that_was_not_accepted_has_changed_nothing(login, fault, kind, reason):
    login.cloud.standin.before = lambda call: fault_at_change(login, call, fault)
    error = await refused(login.apply(Sensitive("Correct-horse_7")))
    assert (type(error), error.reason) == (kind, reason)
    assert error.message.startswith(("openApi: ", "the admin login"))  # of the cloud, and not of the host
    if reason is Reason.ADMIN_PRIVILEGE_MISSING:
        assert "ecs:RunCommand" in error.message
    assert await login.verify(FIRST) is None


async def test_a_result_that_is_not_told_leaves_the_outcome_unknown(login):
    login.cloud.ecs.held = changes

    def later(call) -> None:
        if login.cloud.ecs.commands and changes(login.cloud.ecs.commands[-1]) and call.action.startswith("DescribeInv"):
            login.cloud.standin.faults.append(Fault(call.action, "Throttled"))

    login.cloud.standin.before = later
    error = await refused(login.apply(Sensitive("Correct-horse_7")))
    assert (type(error), error.reason) == (Unsettled, Reason.UNKNOWN_OUTCOME)


# --- passwords ---


async def test_a_password_is_set_by_its_hash_if_it_still_is_the_one_that_was_seen(login):
    new = Sensitive("Correct-horse_7")
    seen = await login.inspect()
    login.server.run(f"usermod -L {login.name}")
    assert isinstance(await refused(login.apply(new, seen=seen)), Conflict)
    error = await refused(login.apply(new))
    assert error.reason is Reason.ACCOUNT_DISABLED
    login.server.run(f"usermod -U {login.name}")
    await login.apply(new)
    assert login.password_works(new.reveal_text())
    assert new.reveal() not in login.server.records()


async def test_a_password_that_somebody_sets_between_look_and_change_is_not_overwritten(login):
    def meanwhile(call) -> None:
        if call.action == "RunCommand" and changes(base64.b64decode(call.parameters()["CommandContent"]).decode()):
            login.server.run("chpasswd -c SHA512", f"{login.name}:Of-another-1\n")

    login.cloud.standin.before = meanwhile
    assert isinstance(await refused(login.apply(Sensitive("Correct-horse_7"))), Conflict)
    assert login.password_works("Of-another-1")


async def test_where_sshd_takes_no_password_the_host_compares_it_with_shadow(cloud, ssh_server):
    root = CloudUser(ssh_server, name="root", cloud=cloud, key_pair=False)
    ssh_server.run("chpasswd -c SHA512", "root:Of-a-person-1\n")
    before = ssh_server.log.read_bytes().count(b"password for root")
    assert await root.verify(FIRST) == "Shadow"
    await root.apply(Sensitive("Correct-horse_7"))
    assert await root.verify(Sensitive("Correct-horse_7")) == "Shadow"
    assert (await refused(root.verify(FIRST))).reason is Reason.LOGIN_REFUSED
    ssh_server.run("chpasswd -c YESCRYPT", "root:Of-a-person-1\n")
    assert "compared on the host only" in (await refused(root.verify(FIRST))).message
    assert ssh_server.log.read_bytes().count(b"password for root") == before
    ssh_server.run("usermod -p '*' root")


async def test_a_leaked_value_ends_the_sessions_that_it_opened(login):
    import asyncssh

    known = asyncssh.import_known_hosts("".join(f"* {key}\n" for key in login.server.host_keys()))
    async with asyncssh.connect(
        "127.0.0.1", login.server.port, username=login.name, password=FIRST.reveal_text(), known_hosts=known,
        client_keys=None, agent_path=None, config=None,
    ) as conn:  # fmt: skip
        await login.apply(Sensitive("Next-horse_7"), forced=True)
        await asyncio.wait_for(conn.wait_closed(), 30)


# --- what is wrong with the instance, the host or what was asked for ---


async def test_an_instance_that_cannot_be_worked_on_is_told_before_anything_is_sent(login):
    sent = len(login.cloud.ecs.commands)
    for assistant, reason, word in (
        ("false", Reason.UNREACHABLE, "openApi: Cloud Assistant does not answer"),
        (None, Reason.INVALID_SPEC, "openApi: instanceId"),
    ):
        login.cloud.ecs.assistant = assistant
        error = await refused(login.inspect())
        assert error.reason is reason
        assert word in error.message
    login.cloud.ecs.assistant = "true"
    login.cloud.standin.ram.users["keyward"].admin = False
    error = await refused(login.inspect())
    assert error.reason is Reason.ADMIN_PRIVILEGE_MISSING
    assert "ecs:RunCommand" in error.message
    assert "ecs:DescribeInvocationResults" in error.message
    assert len(login.cloud.ecs.commands) == sent


@pytest.mark.parametrize(
    ("ran", "kind", "reason"),
    [
        (Ran(None, b"", "ClientNotRunning", "Failed"), Unsettled, Reason.UNKNOWN_OUTCOME),
        (Ran(None, b"keyw", "ExecutionTimeout", "Failed"), Unsettled, Reason.UNKNOWN_OUTCOME),
        (Ran(0, b"no answer"), Unsettled, Reason.UNKNOWN_OUTCOME),
        (Ran(0, b"keyward ready 1 ZmxvY2s=\n"), Blocked, Reason.ENGINE_UNSUPPORTED),
        (Ran(0, b"keyward ready 0 \nkeyward lock 75 \n"), Retry, Reason.BUSY),
    ],
)
async def test_what_became_of_a_change_is_told_truly_and_the_next_attempt_is_a_new_one(login, ran, kind, reason):
    seen = await login.inspect()

    def instead(call) -> None:
        if call.action == "RunCommand" and changes(base64.b64decode(call.parameters()["CommandContent"]).decode()):
            login.cloud.ecs.next_ran.append(ran)
            login.cloud.standin.before = lambda _call: None

    login.cloud.standin.before = instead
    error = await refused(login.apply(Sensitive("Correct-horse_7"), seen=seen))
    assert (type(error), error.reason) == (kind, reason)
    await login.apply(Sensitive("Correct-horse_7"))
    await login.verify(Sensitive("Correct-horse_7"))


async def test_a_file_of_keys_that_no_command_could_hold_is_refused_in_both_directions(user):
    old, new = key_pair(), key_pair()
    lines = "".join(f"# {n:0100d}\n" for n in range(120))
    user.server.user(user.name)
    for size in (1, 2):
        user.server.keys(user.name, f"{public(old)}\n{lines * size}")
        before = user.file()
        error = await refused(user.apply(new, old))
        assert error.reason is Reason.KEY_FILE_UNUSABLE
        assert "24 KB" in error.message
        assert user.file() == before


@pytest.mark.parametrize("name", ["-rf", "a b", "a'; reboot #", "a\nb", "$(id)", "x" * 33])
async def test_a_name_that_is_none_of_a_user_goes_nowhere(login, name):
    login.name, sent = name, len(login.cloud.ecs.commands)
    assert (await refused(login.apply(Sensitive("value")))).reason is Reason.INVALID_SPEC
    assert len(login.cloud.ecs.commands) == sent


async def test_values_that_would_be_read_otherwise_are_rejected_before_anything_is_sent(user, login):
    user.server.user(user.name)
    for one, value in ((login, "two\nroot:lines"), (login, "a:b"), (user, "no key")):
        assert isinstance(await refused(one.apply(Sensitive(value))), Rejected)
    missing = replace(login, name="nobody-knows")
    missing.engine = login.engine
    assert (await refused(missing.apply(Sensitive("value")))).reason is Reason.ACCOUNT_MISSING


async def test_a_wrong_admin_login_and_a_wrong_ca_are_told(login):
    login.admin = Login(login.admin.account, Sensitive("wrong"))
    assert (await refused(login.inspect())).reason is Reason.ADMIN_LOGIN_REFUSED


async def test_the_requests_of_a_change_are_told(login):
    async with login.engine.open(login.place, login.admin, 20.0) as session:
        await login.apply_on(session, Sensitive("Correct-horse_7"))
        made = [request for action, request in login.cloud.standin.calls if action == "RunCommand"]
        assert session.requests == (f"RunCommand {made[-1]}",)


async def test_a_run_that_was_over_long_before_it_is_asked_for_tells_of_then_and_is_sent_anew(login):
    """A process that has just started knows nothing of it."""
    new, before = Sensitive("Correct-horse_7"), login.server.shadow(login.name)[1]
    await login.apply(new)
    login.server.run("chpasswd -e", f"{login.name}:{before}\n")
    for run in login.cloud.ecs.invocations.values():
        run.at -= timedelta(seconds=10)
    login.engine = login.fresh()
    await login.apply(new)
    assert login.password_works(new.reveal_text())
