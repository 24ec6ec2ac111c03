"""What can be wrong with a host, its files and the way to it: each is told, and nothing that works is lost by it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cluster.proxy import FaultProxy
from tests.cluster.sshd import SshServer
from tests.engines.ssh_system import HostUser, admins_key, key_pair, public

from keyward.engines.base import Expectation, Login
from keyward.errors import Blocked, Conflict, KeywardError, Reason, Retry, Unsettled
from keyward.sensitive import Sensitive

_SLOW = """#!/bin/sh
touch /tmp/waiting.$$
while [ -e /tmp/held ]; do sleep 0.05; done
exec sync.real "$@"
"""
MANY = 60  # more answers than any change takes


@pytest.fixture
def user(ssh_server: SshServer) -> HostUser:
    return HostUser(ssh_server)


@pytest.fixture
def proxy(ssh_server: SshServer) -> Iterator[FaultProxy]:
    with FaultProxy(("127.0.0.1", ssh_server.port)) as proxy:
        yield proxy


# --- files ---

_SPOILT = {
    "a linked file": ("mv $h/.ssh/authorized_keys $h/keys && ln -s ../keys $h/.ssh/authorized_keys", "symbolic link"),
    "a linked folder": ("mv $h/.ssh $h/elsewhere && ln -s elsewhere $h/.ssh", "symbolic link"),
    "a dangling link": (
        "rm $h/.ssh/authorized_keys && ln -s /etc/keyward-made $h/.ssh/authorized_keys",
        "symbolic link",
    ),
    "a folder": ("rm $h/.ssh/authorized_keys && mkdir $h/.ssh/authorized_keys", "no ordinary file"),
    "a pipe": ("rm $h/.ssh/authorized_keys && mkfifo $h/.ssh/authorized_keys", "no ordinary file"),
    "a giant": ("head -c 300000 /dev/zero | tr '\\0' '#' >> $h/.ssh/authorized_keys", "256 KiB"),
    "a file for all": ("chmod 666 $h/.ssh/authorized_keys", "StrictModes"),
    "a folder for all": ("chmod 777 $h/.ssh", "StrictModes"),
    "a home for all": ("chmod 775 $h", "StrictModes"),
    "a stranger's file": ("chown nobody $h/.ssh/authorized_keys && chmod 644 $h/.ssh/authorized_keys", "StrictModes"),
    "an immutable file": ("chattr +i $h/.ssh/authorized_keys", "immutable"),
    "an immutable folder": ("chattr +i $h/.ssh", "immutable"),
    "a stranger's folder": ("chown root $h/.ssh && chmod 755 $h/.ssh", "may not write"),
}


@pytest.mark.parametrize("kind", _SPOILT)
async def test_a_spoilt_file_is_told_and_left_as_it_is(user: HostUser, kind: str):
    deed, told = _SPOILT[kind]
    old = key_pair()
    user.server.user(user.name, None, public(old))
    user.server.run(f"h=/home/{user.name}; cp $h/.ssh/authorized_keys /tmp/{user.name}; {deed}")
    look = (
        f"cd /home/{user.name}; find . -printf '%p %y %m %u %s %l\\n' | sort; ls /etc/keyward-made 2>/dev/null; "
        "find . -type f -exec sha256sum {} + | sort"
    )
    before = user.server.run(look)
    with pytest.raises(Blocked) as caught:
        await user.apply(key_pair(), old)
    assert caught.value.reason is Reason.KEY_FILE_UNUSABLE
    assert told in caught.value.message
    assert user.server.run(look) == before


async def test_a_full_disk_is_told_and_leaves_the_old_file(user: HostUser):
    old, new = key_pair(), key_pair()
    user.server.user(user.name, None, public(old))
    home = f"/home/{user.name}"
    user.server.run(f"cp -a {home} {home}.kept")
    user.server.mount(home, "size=64k,mode=755")
    user.server.run(f"cp -a {home}.kept/. {home}; dd if=/dev/zero of={home}/ballast bs=1k 2>/dev/null; true")
    before = user.file()
    with pytest.raises(Retry) as caught:
        await user.apply(new, old)
    assert caught.value.reason is Reason.KEY_FILE_UNUSABLE
    assert "disk is full" in caught.value.message
    assert user.file() == before
    user.server.run(f"rm {home}/ballast")
    await user.apply(new, old)
    assert user.logs_in(old)
    assert user.logs_in(new)


async def test_a_file_that_others_may_write_is_why_a_proven_key_is_refused(user: HostUser):
    old = key_pair()
    user.server.user(user.name, None, public(old))
    user.server.run(f"chmod 777 /home/{user.name}")
    with pytest.raises(Blocked) as caught:
        await user.verify(old)
    assert caught.value.reason is Reason.KEY_FILE_UNUSABLE
    assert "StrictModes" in caught.value.message


async def test_a_file_that_was_edited_meanwhile_is_a_conflict_and_stays_as_it_was_edited(user: HostUser):
    old, theirs = key_pair(), key_pair()
    user.server.user(user.name, None, public(old))

    async def edit() -> None:
        user.server.keys(user.name, f"{public(old)}\n{public(theirs)}\n")

    with pytest.raises(Conflict):
        await user.apply(key_pair(), old, send=edit)
    assert user.file() == f"{public(old)}\n{public(theirs)}\n"


async def test_links_below_a_home_lead_root_nowhere(user: HostUser):
    """The user exchanges its folder for a link between the look and the write: the write is done with its own rights."""
    old = key_pair()
    user.server.user(user.name, None, public(old))
    user.server.run(f"mkdir /etc/{user.name} && cp ~{user.name}/.ssh/authorized_keys /etc/{user.name}/")

    async def exchange() -> None:
        user.server.run(
            f"cd /home/{user.name} && mv .ssh old && mkdir .ssh && rmdir .ssh && ln -s /etc/{user.name} .ssh"
        )

    with pytest.raises(Blocked):
        await user.apply(key_pair(), old, send=exchange)
    assert user.server.run(f"cat /etc/{user.name}/authorized_keys") == f"{public(old)}\n"
    # Also with the look at links taken out of the script, by what the kernel allows the user.
    mine = user.server.run(f"runuser -u {user.name} -- /bin/sh -c 'mktemp /etc/{user.name}/.keyward.XXXXXX' 2>&1; true")
    assert "Permission denied" in mine


# --- sshd's settings ---


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("AuthorizedKeysCommand /bin/echo\n AuthorizedKeysCommandUser nobody", "AuthorizedKeysCommand"),
        ("AuthorizedKeysFile none", "AuthorizedKeysFile"),
        ("PubkeyAuthentication no", "PubkeyAuthentication"),
        ("AuthenticationMethods publickey,password password", "AuthenticationMethods"),
    ],
)
async def test_keys_that_are_not_in_a_file_are_refused(lines: str, told: str):
    with SshServer(config=f"Match User special\n {lines}") as server:
        user = HostUser(server, name="special")
        server.user("special")
        with pytest.raises(Blocked) as caught:
            await user.apply(key_pair())
        assert caught.value.reason is Reason.KEY_FILE_UNUSABLE
        assert told in caught.value.message


@pytest.mark.parametrize("key", [True, False], ids=["key", "password"])
@pytest.mark.parametrize("lines", ["DenyUsers special", "AllowGroups boss*", "AllowUsers special@192.0.2.1 boss*"])
async def test_a_user_whom_sshd_keeps_out_whatever_its_value_is_no_case_for_another_value(lines: str, key: bool):
    with SshServer(config=lines) as server:
        user = HostUser(server, name="special", key_pair=key)
        server.user("special", "first")
        value = key_pair() if key else Sensitive("next")
        await user.apply(value)
        with pytest.raises(Blocked) as caught:
            await user.verify(value)
        assert caught.value.reason is Reason.ACCOUNT_DISABLED
        assert "DenyUsers" in caught.value.message


async def test_a_file_beside_the_homes_is_rotated_where_sshd_looks_for_it():
    with SshServer(config="Match User special\n AuthorizedKeysFile /etc/ssh/keys/%u") as server:
        user, old, new = HostUser(server, name="special"), key_pair(), key_pair()
        server.user("special")
        server.run("mkdir /etc/ssh/keys && cat > /etc/ssh/keys/special", f"{public(old)}\n")
        await user.verify(old)
        await user.apply(new, old)
        await user.verify(new)
        await user.end(old, new)
        assert (
            server.run("cat /etc/ssh/keys/special; stat -c %U /etc/ssh/keys/special")
            == f"{public(new)} keyward\nroot\n"
        )


async def test_a_forced_command_of_the_user_is_neither_run_nor_in_the_way():
    with SshServer(config="Match User special\n ForceCommand touch /tmp/ran") as server:
        user, old, new = HostUser(server, name="special"), key_pair(), key_pair()
        server.user("special", None, public(old))
        await user.apply(new, old)
        await user.verify(new)
        assert server.run("ls /tmp") == ""


# --- the admin ---


@pytest.mark.parametrize(
    "deed",
    [
        "rm /etc/sudoers.d/{0}",
        "sed -i 's/^/command=\"echo hello\" /' ~{0}/.ssh/authorized_keys",
        "usermod -s /usr/sbin/nologin {0}",
        "echo 'Defaults:{0} requiretty' >> /etc/sudoers.d/{0}",
    ],
)
async def test_an_admin_that_cannot_become_root_is_told_so(user: HostUser, deed: str):
    old = key_pair()
    user.server.user(user.name, None, public(old))
    user.server.run(deed.format(user.admin.account))
    with pytest.raises(Blocked) as caught:
        await user.apply(key_pair(), old)
    assert caught.value.reason is Reason.ADMIN_PRIVILEGE_MISSING
    assert user.file() == f"{public(old)}\n"


async def test_an_admin_may_be_root_itself_or_have_a_password(user: HostUser):
    old, new, last = key_pair(), key_pair(), key_pair()
    user.server.user(user.name, None, public(old))
    by_password = user.admin.account
    user.server.run("chpasswd", f"{by_password}:admins\n")
    user.admin = Login(by_password, Sensitive("admins"))
    await user.apply(new, old)
    user.server.keys("root", f"{public(admins_key())}\n")
    user.admin = Login("root", admins_key())
    await user.apply(last, new)
    assert user.logs_in(last)


async def test_a_host_that_lacks_a_program_is_told_which(user: HostUser):
    with SshServer() as server:
        user = HostUser(server)
        server.user(user.name)
        server.run("rm /usr/bin/flock")
        with pytest.raises(Blocked) as caught:
            await user.apply(key_pair())
        assert caught.value.reason is Reason.ENGINE_UNSUPPORTED
        assert "'flock'" in caught.value.message


# --- the way there ---


async def test_a_host_with_another_key_gets_no_login(user: HostUser):
    other = replace(user.place, host_keys=(public(key_pair()),))
    began = user.server.log.read_bytes().count(b"Accepted")
    for work in (
        _inspect(user, other),
        user.engine.verify(other, other.primary, Login(user.name, key_pair()), Expectation(user.accounts)),
    ):
        with pytest.raises(Blocked) as caught:
            await work
        assert caught.value.reason is Reason.HOST_KEY_CHANGED
    assert user.server.log.read_bytes().count(b"Accepted") == began


async def _inspect(user: HostUser, place) -> None:
    async with user.engine.open(place, user.admin, user.timeout) as session:
        await session.inspect(user.accounts)


@pytest.mark.parametrize("keys", [(), ("ssh-ed25519 nonsense",)])
async def test_a_host_that_nobody_vouches_for_gets_no_login(user: HostUser, keys: tuple[str, ...]):
    with pytest.raises(Blocked) as caught:
        await _inspect(user, replace(user.place, host_keys=keys))
    assert caught.value.reason is Reason.INVALID_SPEC


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"])
async def test_one_pinned_key_of_the_host_is_enough(kind: str):
    with SshServer(kinds=("ecdsa", "ed25519", "rsa")) as server:
        user = HostUser(server)
        server.user(user.name)
        (key,) = (key for key in server.host_keys() if key.startswith(kind))
        await _inspect(user, replace(user.place, host_keys=(key,)))


async def test_a_host_that_is_down_or_silent_is_tried_again_later(user: HostUser, proxy: FaultProxy):
    proxy.refuse = True
    with pytest.raises(Retry) as caught:
        await user.through(proxy.port, 5.0).inspect()
    assert caught.value.reason is Reason.UNREACHABLE
    proxy.refuse, proxy.black_hole = False, True
    with pytest.raises(Retry) as silent:
        await user.through(proxy.port, 1.0).inspect()
    assert silent.value.reason is Reason.TIMEOUT


async def test_each_answer_lost_in_turn_is_told_right_and_costs_no_login(user: HostUser, proxy: FaultProxy):
    old = key_pair()
    user.server.user(user.name, None, public(old))
    unknown = 0
    for answers in range(MANY):
        new, before = key_pair(), user.file()

        async def lose(answers: int = answers) -> None:
            proxy.answers_left = answers

        error: KeywardError | None = None
        try:
            await user.through(proxy.port, 20.0).apply(new, old, send=lose)
        except KeywardError as caught:
            error = caught
        proxy.answers_left = None
        if error is None:
            break
        assert isinstance(error, Retry), error
        assert error.__context__ is None
        unknown += isinstance(error, Unsettled)
        await _free(user)
        assert isinstance(error, Unsettled) or user.file() == before
        assert user.logs_in(old)
        await user.apply(new, old)
        assert user.logs_in(new)
        await user.end(new, old)
        assert user.file() == before
    else:
        raise AssertionError(f"a change takes more than {MANY} answers")
    assert unknown


async def test_a_request_that_is_cut_anywhere_changes_nothing_or_all(user: HostUser, proxy: FaultProxy):
    old = key_pair()
    user.server.user(user.name, None, *(f"{public(key_pair())} {n:0>3000}" for n in range(5)), public(old))
    whole = user.file()
    for allowed in range(5_000, 60_000, 2_700):
        new = key_pair()

        proxy.cut_up = allowed
        with contextlib.suppress(Retry):
            await user.through(proxy.port, 20.0).apply(new, old)
        proxy.cut_up = None
        await _free(user)
        assert user.file() in (whole, f"{whole}{public(new)} keyward\n")
        assert user.server.run(f"ls -A ~{user.name}/.ssh") == "authorized_keys\n"
        user.server.keys(user.name, whole)


async def test_a_change_that_outlives_its_client_never_undoes_a_later_one():
    with SshServer() as server, FaultProxy(("127.0.0.1", server.port)) as proxy:
        user, old, late, newer = HostUser(server), key_pair(), key_pair(), key_pair()
        server.user(user.name, None, public(old))
        server.run("mv /usr/bin/sync /usr/bin/sync.real; touch /tmp/held")
        server.run("cat > /usr/bin/sync; chmod 755 /usr/bin/sync", _SLOW)
        server.run("chmod 1777 /tmp")
        task = asyncio.create_task(user.through(proxy.port, 20.0).apply(late, old))
        await _until(lambda: "waiting" in server.run("ls /tmp"))
        proxy.black_hole = True
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(Retry) as caught:
            await user.through(server.port, 4.0).apply(newer, old)
        assert caught.value.reason is Reason.BUSY
        server.run("rm /tmp/held")
        await _free(user)
        await user.apply(newer, old)
        assert user.logs_in(old)
        assert user.logs_in(newer)
        assert user.logs_in(late)  # whole, as it was sent: a login tells, and then it is applied again or ended


async def _free(user: HostUser) -> None:
    """Wait until no session holds the lock on the user any more: what it left running is over."""
    await _until(lambda: not _is_locked(user.server.path(f"/run/keyward/{user.name}.lock")))


def _is_locked(path: Path) -> bool:
    if not path.exists():
        return False
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


async def _until(state) -> None:
    deadline = time.monotonic() + 60
    while not state():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
