"""A host that dies in the middle of a write: the file is the old one or the new one, and the next run goes on."""

from __future__ import annotations

from tests.cluster.sshd import SshServer
from tests.engines.ssh_system import HostUser, key_pair, public

from keyward.errors import KeywardError

# Programs of the script that the user runs, each of which ends the shell around it when it is told to.
_DEADLY = """#!/bin/sh
read -r die </tmp/die
[ ! -O /proc/1 ] && [ "$die" = "{tool} before" ] && kill -9 $PPID
/usr/bin/{tool}.real "$@"; r=$?
[ ! -O /proc/1 ] && [ "$die" = "{tool} after" ] && kill -9 $PPID
exit $r
"""
_TOOLS = ("mktemp", "base64", "sha256sum", "stat", "chmod", "sync", "mv")


async def test_killed_before_or_after_any_program_of_a_write_nobody_is_locked_out():
    with SshServer() as server:
        user, old, theirs = HostUser(server), key_pair(), key_pair()
        server.user(user.name, None, f"{public(theirs)} laptop", f"restrict {public(old)}")
        die, folder = server.path("/tmp/die"), server.path(f"/home/{user.name}/.ssh")
        die.touch()
        for tool in _TOOLS:
            server.run(f"mv /usr/bin/{tool} /usr/bin/{tool}.real")
            server.run(
                f"cat > /usr/bin/{tool}; $(ls /usr/bin/chmod.real || echo chmod) 755 /usr/bin/{tool}",
                _DEADLY.format(tool=tool),
            )
        before, killed = user.file(), 0
        for tool in _TOOLS:
            for moment in ("before", "after"):
                new = key_pair()
                whole = f"{before}restrict {public(new)} keyward\n"
                for change, ends in (
                    (user.apply(new, old), (before, whole)),
                    (user.end(new, old), (whole, before)),
                ):
                    die.write_text(f"{tool} {moment}\n", encoding="ascii")
                    try:
                        await change
                    except KeywardError:
                        killed += 1
                    die.write_text("\n", encoding="ascii")
                    assert user.file() in ends
                    await (user.apply(new, old) if ends[0] == before else user.end(new, old))
                    assert user.file() == ends[1]
                    assert [entry.name for entry in folder.iterdir()] == ["authorized_keys"]
        assert killed > len(_TOOLS)
        await user.verify(old)
        await user.verify(theirs)
