"""Key pairs of users of a real host with OpenSSH."""

from __future__ import annotations

import asyncio

import pytest
from tests.cluster.sshd import SshServer
from tests.engines.ssh_system import HostUser, key_pair, public

from keyward.errors import Blocked, Conflict, Reason, Rejected, Retry
from keyward.sensitive import Sensitive


@pytest.fixture
def user(ssh_server: SshServer) -> HostUser:
    """One whose values are key pairs."""
    return HostUser(ssh_server)


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ssh-rsa"])
async def test_a_new_key_logs_in_beside_the_one_in_use_and_the_old_one_goes_at_its_end(user: HostUser, kind: str):
    old, new = key_pair(), key_pair(kind, **({"key_size": 3072} if kind == "ssh-rsa" else {}))
    user.server.user(user.name, None, f"{public(old)} laptop")
    await user.verify(old)
    await user.apply(new, old)
    await user.verify(new)
    assert user.logs_in(old)
    assert user.logs_in(new)
    await user.end(old, new)
    assert not user.logs_in(old)
    assert user.logs_in(new)
    assert user.file() == f"{public(new)} keyward\n"


async def test_the_same_key_twice_makes_one_line_and_a_key_is_ended_twice_without_harm(user: HostUser):
    old, new = key_pair(), key_pair()
    user.server.user(user.name, None, public(old))
    await user.apply(new, old)
    once = user.file()
    await user.apply(new, old)
    assert user.file() == once
    await user.end(old, new)
    once = user.file()
    await user.end(old, new)
    assert user.file() == once


async def test_other_lines_stay_byte_for_byte_and_the_new_line_takes_over_the_options(user: HostUser):
    old, new, theirs = key_pair(), key_pair(), key_pair()
    options = 'restrict,from="127.0.0.0/8",command="echo \\"a b\\" # not a comment",expiry-time="20991231"'
    around = f"# of the team\n\n\tssh-dss not-a-key\n{public(theirs)} laptop of Zoë\r\n"
    user.server.user(user.name)
    user.server.keys(user.name, f"{around}{options} {public(old)} deploy\n  {public(key_pair())} last without its end")
    before = user.file()
    await user.apply(new, old)
    assert user.file() == before.replace(
        f"{options} {public(old)} deploy\n", f"{options} {public(old)} deploy\n{options} {public(new)} keyward\n"
    )
    await user.verify(new)
    await user.end(old, new)
    assert user.file() == before.replace(f"{options} {public(old)} deploy\n", f"{options} {public(new)} keyward\n")


async def test_a_login_that_is_proven_runs_no_forced_command(user: HostUser):
    old = key_pair()
    user.server.user(user.name, None, f'command="touch /tmp/{user.name}-ran" {public(old)}')
    await user.verify(old)
    assert user.logs_in(old)  # an ordinary client runs it
    assert user.server.run(f"ls /tmp | grep -c {user.name}-ran").strip() == "1"
    user.server.run(f"rm /tmp/{user.name}-ran")
    await user.verify(old)
    assert user.server.run(f"ls /tmp | grep -c {user.name}-ran || true").strip() == "0"


async def test_a_line_is_put_behind_a_file_that_lacks_its_last_newline(user: HostUser):
    old, new = key_pair(), key_pair()
    user.server.user(user.name)
    user.server.keys(user.name, public(old))
    await user.apply(new, old)
    assert user.file() == f"{public(old)}\n{public(new)} keyward\n"


async def test_a_user_without_a_file_gets_one_that_sshd_accepts(user: HostUser):
    new = key_pair()
    user.server.user(user.name)
    await user.apply(new)
    await user.verify(new)
    assert user.server.run(f"stat -c '%a %U' ~{user.name}/.ssh ~{user.name}/.ssh/authorized_keys").split() == [
        "700",
        user.name,
        "600",
        user.name,
    ]


async def test_owner_and_mode_of_the_file_stay(user: HostUser):
    old, new = key_pair(), key_pair()
    user.server.user(user.name, None, public(old))
    user.server.run(f"chmod 644 ~{user.name}/.ssh/authorized_keys; touch ~{user.name}/.ssh/.keyward.left12")
    before = user.server.run(f"stat -c '%a %U %G' ~{user.name}/.ssh/authorized_keys")
    await user.apply(new, old)
    assert user.server.run(f"stat -c '%a %U %G' ~{user.name}/.ssh/authorized_keys") == before
    assert user.server.run(f"ls -A ~{user.name}/.ssh") == "authorized_keys\n"


@pytest.mark.parametrize("left", ["", "# {0}", " \t#from=x {0}"])
async def test_a_key_whose_line_was_taken_away_is_not_followed_by_one_without_its_options(user: HostUser, left: str):
    old, theirs = key_pair(), key_pair()
    user.server.user(user.name, None, public(theirs), left.format(public(old)))
    before = user.file()
    with pytest.raises(Blocked) as caught:
        await user.apply(key_pair(), old)
    assert caught.value.reason is Reason.ACCOUNT_DISABLED
    assert user.file() == before


@pytest.mark.parametrize("left", ["", "# {0}"])
async def test_the_last_key_that_is_managed_is_never_taken_away(user: HostUser, left: str):
    old, new = key_pair(), key_pair()
    user.server.user(user.name, None, public(old), left.format(public(new)))
    with pytest.raises(Conflict):
        await user.end(old, new)
    assert user.logs_in(old)


@pytest.mark.parametrize("second", ["{0}", 'from="10.0.0.0/8" {0}'])
async def test_a_key_with_two_lines_is_refused_and_nothing_changes(user: HostUser, second: str):
    old, new = key_pair(), key_pair()
    user.server.user(user.name, None, public(old), second.format(public(old)))
    before = user.file()
    with pytest.raises(Blocked) as caught:
        await user.apply(new, old)
    assert caught.value.reason is Reason.KEY_FILE_UNUSABLE
    assert "more than one line" in caught.value.message
    assert user.file() == before


async def test_a_key_that_is_in_both_files_of_sshd_is_refused(user: HostUser):
    old = key_pair()
    user.server.user(user.name, None, public(old))
    user.server.run(f"cp -p ~{user.name}/.ssh/authorized_keys ~{user.name}/.ssh/authorized_keys2")
    with pytest.raises(Blocked) as caught:
        await user.apply(key_pair(), old)
    assert caught.value.reason is Reason.KEY_FILE_UNUSABLE


async def test_a_key_in_the_second_file_is_rotated_there(user: HostUser):
    old, new = key_pair(), key_pair()
    user.server.user(user.name, None, public(old))
    user.server.run(f"mv ~{user.name}/.ssh/authorized_keys ~{user.name}/.ssh/authorized_keys2")
    await user.apply(new, old)
    await user.verify(new)
    await user.end(old, new)
    assert user.logs_in(new)
    assert user.server.run(f"ls -A ~{user.name}/.ssh") == "authorized_keys2\n"


@pytest.mark.parametrize("value", ["ssh-rsa", "ecdsa-sha2-nistp256", "words"])
async def test_a_weak_or_strange_new_key_is_refused(user: HostUser, value: str):
    user.server.user(user.name)
    new = (
        Sensitive("no key")
        if value == "words"
        else key_pair(value, **({"key_size": 2048} if value == "ssh-rsa" else {}))
    )
    with pytest.raises(Rejected):
        await user.apply(new)
    assert user.server.run(f"ls -A ~{user.name} | grep -c ssh || true").strip() == "0"


async def test_a_user_whose_password_is_locked_logs_in_by_key_all_the_same(user: HostUser):
    new = key_pair()
    user.server.user(user.name)  # as cloud images make theirs: "!"
    assert user.server.shadow(user.name)[1] == "!"
    await user.apply(new)
    await user.verify(new)
    assert user.server.shadow(user.name)[1] == "!"


async def test_an_expired_account_is_told_and_never_healed(user: HostUser):
    old = key_pair()
    user.server.user(user.name, None, public(old))
    user.server.run(f"chage -E 1 {user.name}")
    for work in (user.apply(key_pair(), old), user.verify(old)):
        with pytest.raises(Blocked) as caught:
            await work
        assert caught.value.reason is Reason.ACCOUNT_DISABLED
        assert "expired" in caught.value.message
    assert user.server.shadow(user.name)[7] == "1"


async def test_a_sleeping_change_holds_the_lock_and_twenty_at_once_end_with_one_file(user: HostUser):
    keys = [key_pair() for _ in range(6)]
    user.server.user(user.name, None, public(keys[0]))

    async def change(value: Sensitive) -> None:
        for _ in range(40):
            try:
                await user.apply(value, keys[0])
            except (Retry, Conflict):
                await asyncio.sleep(0.1)
            else:
                return
        raise AssertionError("it never came to its turn")

    await asyncio.gather(*(change(value) for value in keys[1:]))
    assert sorted(line.split()[1] for line in user.file().splitlines()) == sorted(public(k).split()[1] for k in keys)
