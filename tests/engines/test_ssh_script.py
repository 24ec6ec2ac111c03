"""The script that runs on a host says the same in each shell that may be a host's /bin/sh, of all bytes and of all paths."""

from __future__ import annotations

import base64
from pathlib import PurePosixPath

import pytest
from tests.cluster.sshd import SshServer

from keyward.engines.ssh import script
from keyward.engines.ssh.shell import parsed

SHELLS = ("dash", "bash --posix")
ALL_BYTES = bytes(range(256)) * 40


def answers(server: SshServer, shell: str, *calls: tuple[str, ...]) -> list[tuple[int, bytes]]:
    """Of each call the status and what it said; that the host has all tools comes first."""
    said = server.run(f"exec {shell}", script.command(calls, None)).encode().splitlines()
    numbers = [script.READY, *(str(number) for number in range(1, len(calls) + 1))]
    found = [parsed(line, number.encode()) for line, number in zip(said, numbers, strict=True)]
    return [(answer.status, answer.said) for answer in found if answer is not None]


@pytest.mark.parametrize("shell", SHELLS)
def test_what_is_in_a_file_comes_whole_and_each_folder_above_it_is_told(ssh_server: SshServer, shell: str):
    folder = f"/srv/Zoë's {shell} file"
    ssh_server.run(f'mkdir -p "{folder}/keys" && chmod 750 "{folder}"')
    ssh_server.path(f"{folder}/keys/full").write_bytes(ALL_BYTES)
    ssh_server.path(f"{folder}/keys/empty").touch(0o640)
    call = ("kw_read", "root", folder, *(f"{folder}/keys/{name}" for name in ("full", "empty", "none")))
    ready, (status, said) = answers(ssh_server, shell, call)
    assert ready == (0, b"")
    assert status == 0
    lines = said.decode().splitlines()
    assert [line.rpartition(" ")[0] for line in lines if line.startswith("mode ")] == [
        f"mode 755 0 {folder}/keys", f"mode 750 0 {folder}", f"mode 644 0 {folder}/keys/full",
        f"mode 755 0 {folder}/keys", f"mode 750 0 {folder}", f"mode 640 0 {folder}/keys/empty",
        f"mode 755 0 {folder}/keys", f"mode 750 0 {folder}",
    ]  # fmt: skip
    assert [line for line in lines if not line.startswith("mode ")] == [
        f"file {base64.b64encode(ALL_BYTES).decode()}",
        "file ",
        "absent ",
    ]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_byte_that_a_program_says_arrives(ssh_server: SshServer, shell: str):
    # The shell keeps no NUL, and no newline at the end.
    ssh_server.path("/srv/said").write_bytes(ALL_BYTES)
    _, said = answers(ssh_server, shell, ("cat", "/srv/said"))
    assert said == (0, ALL_BYTES.replace(b"\0", b""))


@pytest.mark.parametrize("shell", SHELLS)
def test_a_user_s_entry_is_read_field_by_field_also_where_fields_are_empty(ssh_server: SshServer, shell: str):
    name = f"fields{SHELLS.index(shell)}"
    ssh_server.user(name)
    ssh_server.run(f"usermod -c '* of ours' {name} && chage -E 20000 -M 90 -d 19000 {name} && passwd -qd {name}")
    calls = (("kw_look", name), ("kw_entry", name), ("kw_look", "nobody-knows"), ("kw_entry", "nobody-knows"))
    _, (status, said), (again, entry), *nobody = answers(ssh_server, shell, *calls)
    assert status == 0
    words = dict(line.partition(" ")[::2] for line in said.decode().splitlines())
    assert (words["home"], words["set"], words["shadow"]) == (f"/home/{name}", "open", "yes")
    assert words["age"] == "19000:90::20000"
    assert words["uid"] == ssh_server.run(f"id -u {name}").strip()
    assert "authorizedkeysfile" in words
    assert (again, said.startswith(entry), b"authorizedkeysfile" in entry) == (0, True, False)
    assert nobody == [(0, b"none")] * 2


@pytest.mark.parametrize("shell", SHELLS)
def test_the_folder_above_is_the_one_that_dirname_says(ssh_server: SshServer, shell: str):
    paths = ("/a", "/a/b", "a", "a/b", "./a", "/a b/c", "/", "/a/b/c/d", ".")
    said = ssh_server.run(f"exec {shell} -s -- {' '.join(map(repr, paths))}", f"{script._ABOVE}{_TOLD}")
    assert said.splitlines() == [str(PurePosixPath(path).parent) for path in paths]


_TOLD = 'for f do above "$f"; printf "%s\\n" "$p"; done\n'
