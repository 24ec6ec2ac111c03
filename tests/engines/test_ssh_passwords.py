"""Passwords of users of a real host with OpenSSH, and what holds for keys as well."""

from __future__ import annotations

import asyncio

import pytest
from tests.cluster.sshd import SshServer
from tests.engines.ssh_system import HostUser, key_pair

from keyward.engines.base import Login, Transport
from keyward.engines.ssh import hashing
from keyward.errors import Blocked, Conflict, KeywardError, Reason, Rejected, Retry
from keyward.sensitive import Sensitive


@pytest.fixture
def login(ssh_server: SshServer) -> HostUser:
    """One whose values are passwords."""
    found = HostUser(ssh_server, key_pair=False)
    ssh_server.user(found.name, "first")
    return found


async def test_a_password_is_set_by_its_hash_and_no_log_or_process_has_seen_it(login: HostUser):
    new = Sensitive("Correct-horse_7")
    await login.apply(new)
    await login.verify(new)
    assert login.password_works(new.reveal_text())
    assert not login.password_works("first")
    stored = login.server.shadow(login.name)[1]
    assert hashing.matches(stored, new)
    for secret in (new.reveal(), stored.encode()):
        assert secret not in login.server.records()


async def test_the_same_password_twice_leaves_it_as_it_is(login: HostUser):
    for _ in range(2):
        await login.apply(Sensitive("again"))
    await login.verify(Sensitive("again"))


async def test_a_policy_may_judge_a_password_in_clear(login: HostUser):
    login.transport = Transport.PLAINTEXT
    await login.apply(Sensitive("in clear"))
    await login.verify(Sensitive("in clear"))
    assert login.server.shadow(login.name)[1].startswith("$y$")  # the host's own way


@pytest.mark.parametrize("value", ["", "two\nroot:lines", "a:b", "nul\0", "carriage\r", "{name}"])
async def test_a_password_that_chpasswd_would_read_otherwise_is_refused(login: HostUser, value: str):
    before = login.server.run("cat /etc/shadow")
    with pytest.raises(Rejected) as caught:
        await login.apply(Sensitive(value.format(name=login.name)))
    assert caught.value.reason is Reason.PASSWORD_REFUSED
    assert login.server.run("cat /etc/shadow") == before


@pytest.mark.parametrize(
    "deed",
    ["usermod -L {}", "passwd -d {0} && usermod -p '*' {0}", "chage -E 1 {}", "chage -d 0 {}", "chage -d 1 -M 2 {}"],
)
async def test_a_locked_or_expired_user_is_told_and_stays_so(login: HostUser, deed: str):
    login.server.run(deed.format(login.name))
    before = login.server.shadow(login.name)
    with pytest.raises(Blocked) as caught:
        await login.apply(Sensitive("opened"))
    assert caught.value.reason is Reason.ACCOUNT_DISABLED
    assert login.server.shadow(login.name) == before


async def test_a_user_that_is_locked_between_judging_and_writing_is_a_conflict(login: HostUser):
    seen = await login.inspect()
    login.server.run(f"usermod -L {login.name}")
    with pytest.raises(Conflict):
        await login.apply(Sensitive("opened"), seen=seen)
    assert login.server.shadow(login.name)[1].startswith("!")


async def test_a_wrong_password_is_refused_and_tried_once_in_a_minute(login: HostUser):
    with pytest.raises(Blocked) as caught:
        await login.verify(Sensitive("wrong"))
    assert caught.value.reason is Reason.LOGIN_REFUSED
    failed = login.server.log.read_bytes().count(f"Failed password for {login.name}".encode())
    login.clock.now += 59
    with pytest.raises(Retry) as held:
        await login.verify(Sensitive("first"))
    assert held.value.reason is Reason.BUSY
    assert held.value.after is not None
    assert login.server.log.read_bytes().count(f"Failed password for {login.name}".encode()) == failed == 1
    login.clock.now += 2
    await login.verify(Sensitive("first"))


async def test_after_a_failed_login_what_the_admin_finds_on_the_host_is_tried_and_what_it_does_not_find_is_none(
    login: HostUser,
):
    """So that of twenty users that are looked at after a kill nobody waits for twenty minutes."""
    with pytest.raises(Blocked):
        await login.verify(Sensitive("wrong"))
    await login.apply(Sensitive("next"))
    pair = HostUser(login.server, clock=login.clock)
    pair.engine, key = login.engine, key_pair()
    login.server.user(pair.name, None)
    before = login.server.log.read_bytes()
    for verified in (login.verify(Sensitive("another")), pair.verify(key)):
        with pytest.raises(Blocked) as refused:
            await verified
        assert refused.value.reason is Reason.LOGIN_REFUSED
    after = login.server.log.read_bytes()[len(before) :]
    assert b"Failed" not in after
    assert f"for {login.name} from".encode() not in after
    await login.verify(Sensitive("next"))
    await pair.apply(key)
    await pair.verify(key)


async def test_an_admin_that_was_refused_is_tried_once_in_a_minute_whoever_asks_and_another_one_at_once(
    login: HostUser,
):
    other = HostUser(login.server, key_pair=False, clock=login.clock)
    login.server.user(other.name, "first")
    other.engine, right = login.engine, login.admin
    login.admin = other.admin = Login(right.account, Sensitive("not-the-admins"))

    def tried() -> int:
        return login.server.log.read_bytes().count(f"Failed password for {right.account}".encode())

    before = tried()
    for work in (login.apply(Sensitive("next")), other.apply(Sensitive("next")), login.apply(Sensitive("next"))):
        with pytest.raises(Blocked) as caught:
            await work
        assert caught.value.reason is Reason.ADMIN_LOGIN_REFUSED
    await login.verify(Sensitive("first"))  # which the admin would have looked at first
    assert tried() == before + 1
    login.clock.now += 61
    with pytest.raises(Blocked):
        await other.apply(Sensitive("next"))
    assert tried() == before + 2
    other.admin = right
    await other.apply(Sensitive("next"))
    await other.verify(Sensitive("next"))


async def test_after_a_failed_login_a_user_that_is_locked_is_left_alone(login: HostUser):
    with pytest.raises(Blocked):
        await login.verify(Sensitive("wrong"))
    login.server.run(f"usermod -L {login.name}")
    with pytest.raises(Retry) as held:
        await login.verify(Sensitive("first"))
    assert held.value.reason is Reason.BUSY


async def test_where_sshd_takes_no_password_of_root_the_admin_compares_it_with_shadow():
    with SshServer() as server:
        root = HostUser(server, name="root", key_pair=False)
        with pytest.raises(Blocked) as caught:
            await root.apply(Sensitive("opened"))
        assert caught.value.reason is Reason.ACCOUNT_DISABLED  # nobody ever gave this root a password
        server.run("chpasswd", "root:of a person\n")
        await root.apply(Sensitive("of root"))
        await root.verify(Sensitive("of root"))
        assert not root.password_works("of root")
        with pytest.raises(Blocked) as refused:
            await root.verify(Sensitive("of nobody"))
        assert refused.value.reason is Reason.LOGIN_REFUSED
        assert server.log.read_bytes().count(b"Failed password for root") == 1  # the one of this test's own client


@pytest.mark.parametrize(
    ("methods", "witness"), [("publickey,password", "Shadow"), ("publickey", "Shadow"), ("publickey password", None)]
)
async def test_where_sshd_asks_for_more_than_the_password_no_login_with_it_is_tried(methods: str, witness: str | None):
    with SshServer(config=f"Match User special\n AuthenticationMethods {methods}") as server:
        user = HostUser(server, name="special", key_pair=False)
        server.user("special", "first")
        await user.apply(Sensitive("next"))
        assert await user.verify(Sensitive("next")) == witness
        assert b"Failed" not in server.log.read_bytes()


async def test_a_user_that_is_not_there_is_not_made(login: HostUser):
    login.name = "nobody-knows"
    with pytest.raises(Blocked) as caught:
        await login.apply(Sensitive("value"))
    assert caught.value.reason is Reason.ACCOUNT_MISSING
    with pytest.raises(Blocked) as refused:
        await login.verify(Sensitive("value"))
    assert refused.value.reason is Reason.LOGIN_REFUSED


@pytest.mark.parametrize("name", ["-rf", "a b", "a'; reboot #", "a\nb", "ü", "x" * 33, "", "a:b", "$(id)"])
async def test_a_name_that_is_none_of_a_user_goes_nowhere(login: HostUser, name: str):
    login.name = name
    with pytest.raises(Blocked) as caught:
        await login.apply(Sensitive("value"))
    assert caught.value.reason is Reason.INVALID_SPEC


async def test_a_leaked_value_ends_the_sessions_that_it_opened(login: HostUser):
    import asyncssh

    known = asyncssh.import_known_hosts("".join(f"* {key}\n" for key in login.server.host_keys()))
    async with asyncssh.connect(
        "127.0.0.1", login.server.port, username=login.name, password="first", known_hosts=known, client_keys=None,
        agent_path=None, config=None,
    ) as conn:  # fmt: skip
        await login.apply(Sensitive("next"), forced=True)
        await asyncio.wait_for(conn.wait_closed(), 30)
    await login.verify(Sensitive("next"))


def test_sha512_crypt_is_the_hosts_own(ssh_server: SshServer):
    for password in ("", "x", "Hello world!", "ü" * 70, "a" * 200):
        ours = hashing.crypt(Sensitive(password), "saltstring./AZ09"[:16])
        theirs = ssh_server.run(
            "perl -e 'local $/; my $p = <STDIN>; print crypt($p, q($6$saltstring./AZ09))'", password
        )
        assert ours == theirs


async def test_what_engines_raise_has_no_value_and_no_foreign_cause(login: HostUser):
    canary = Sensitive("canary-in-the-mine")
    errors: list[KeywardError] = []
    for admin in (Login(login.admin.account, canary), Login("nobody", login.admin.password)):
        login.admin = admin
        with pytest.raises(KeywardError) as caught:
            await login.apply(canary)
        errors.append(caught.value)
    assert {error.reason for error in errors} == {Reason.ADMIN_LOGIN_REFUSED}
    assert all(error.__context__ is None and error.__cause__ is None for error in errors)
    assert not any("canary" in error.message for error in errors)
