"""A real Linux host with OpenSSH for a test or the demo: Debian's own files in a root of its own, with users of its own.

Users need entries in passwd and shadow, so the host has its own root: an overlay that lives in memory, in a mount and a process
namespace that end with its first process. Nothing of it is left on the machine, also after a kill. It needs root.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster import binaries, debian, process
from tests.cluster.host_users import HostUsers
from tests.cluster.housed import Housed
from tests.cluster.progress import progress

_SUITE, _PACKAGES = "bookworm", "openssh-server,sudo,e2fsprogs,libpam-pwquality"
_RECIPE = hashlib.sha256(repr((_SUITE, _PACKAGES, os.uname().machine)).encode()).hexdigest()[:12]
# The overlay's upper half is in memory: what a test makes immutable or fills up cannot outlive it.
_BOOT = """
set -e
mount -t tmpfs -o mode=755,size=256m tmpfs "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
mount --rbind /dev "$2/root/dev"
mount -t proc proc "$2/root/proc"
mount -t tmpfs -o mode=755,size=16m tmpfs "$2/root/run"
mkdir -p "$2/root/run/sshd"
exec chroot "$2/root" /bin/sh -c 'echo up; exec sleep infinity'
"""
# What PAM does at each login and at each change of user is what decides about it, and nothing else: no message of the day, no
# mail, no limits. A refused password is told at once, not after the seconds that PAM waits to slow down who guesses, and a hash
# costs as little as its kind allows.
_PAM = {
    "sshd": """
@include common-auth
account required pam_nologin.so
@include common-account
@include common-session
@include common-password
""",
    "runuser": "auth sufficient pam_rootok.so\nsession required pam_permit.so\n",
    "sudo": "@include common-auth\n@include common-account\n@include common-session-noninteractive\n",
}
_PAM_EDITS = {
    "common-auth": ("pam_unix.so nullok", "pam_unix.so nullok nodelay"),
    "common-password": ("yescrypt", "yescrypt rounds=3"),
}
# Answers whatever the client asks a person.
_ASKPASS = """#!/bin/sh
printf '%s\\n' "$KEYWARD_TEST_VALUE"
"""
_CONFIG = """
UsePAM yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes yes
LogLevel VERBOSE
MaxStartups 200
UseDNS no
PidFile none
PrintMotd no
PrintLastLog no
# The key exchange that OpenSSH prefers costs its client 60 ms each time.
KexAlgorithms curve25519-sha256
"""
_KEY = "/etc/ssh/ssh_host_{}_key"
# One of RSA is there too; to read it costs a fifth of what sshd takes to tell its settings.
_KINDS = ("ecdsa", "ed25519")


@dataclass(slots=True, eq=False)
class SshServer(Housed):
    """A context manager; `stop` and `start` in between make an outage.

    Attributes:
        config: further lines of sshd_config; they go last, so that Match blocks are possible.
        listen: addresses of this machine that it listens on.
        kinds: of the keys that it proves itself with.
    """

    config: str = ""
    listen: Sequence[str] = ("127.0.0.1",)
    kinds: Sequence[str] = _KINDS
    port: int = field(default_factory=process.free_port)
    folder: Path = field(init=False)
    _host: process.Running | None = field(default=None, init=False)
    _sshd: process.Running | None = field(default=None, init=False)

    @property
    def log(self) -> Path:
        return self.folder / "sshd.log"

    @property
    def short(self) -> str:
        return "sshd"

    def _prepare(self) -> None:
        self._boot(ensure())
        for name, text in _PAM.items():
            self.path(f"/etc/pam.d/{name}").write_text(text, encoding="ascii")
        for name, (old, new) in _PAM_EDITS.items():
            path = self.path(f"/etc/pam.d/{name}")
            path.write_text(path.read_text(encoding="ascii").replace(old, new), encoding="ascii")
        self.configure(self.config)

    def start(self) -> None:
        """Start sshd and wait until it answers."""
        if self._sshd is None:
            # -r: it does not start itself anew, with all its keys, for each connection.
            argv = [*self.inside(), "/usr/sbin/sshd", "-D", "-e", "-r", "-p", str(self.port)]
            argv += [word for address in self.listen for word in ("-o", f"ListenAddress={address}")]
            self._sshd = process.start(
                process.Server(
                    name=f"sshd on port {self.port}",
                    argv=argv,
                    ready=lambda: process.accepts(self.port),
                    log=self.log,
                    env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                )
            )

    def stop(self) -> None:
        """Stop sshd; connections that are open are cut, the host stays."""
        if self._sshd is not None:
            self._sshd.kill()
            self._sshd = None
            self._kill(lambda _user, said: said.startswith(b"sshd:"))

    def _end(self) -> None:
        self.stop()
        if self._host is not None:
            self._host.kill()
            self._host = None

    def configure(self, lines: str) -> None:
        """Write sshd_config anew; it holds from the next start on."""
        keys = "".join(f"HostKey {_KEY.format(kind)}\n" for kind in self.kinds)
        self.path("/etc/ssh/sshd_config").write_text(_CONFIG + keys + lines + "\n", encoding="utf-8")

    # --- what a person does ---

    def run(self, script: str, given: str = "") -> str:
        """Output of a shell script that root runs on the host.

        Raises:
            ServerError: it failed; the text ends with what it said.
        """
        answer = subprocess.run(
            [*self.inside(), "/bin/sh", "-c", script],
            input=given,
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
        )
        if answer.returncode:
            raise process.ServerError(f"{script[:80]!r} failed: {answer.stderr[-500:]}")
        return answer.stdout

    def user(self, name: str, password: str | None = None, *keys: str) -> None:
        """Make a user with a home, a password and lines in authorized_keys."""
        self.users.add(name)
        if password is not None:
            self.run("chpasswd", f"{name}:{password}\n")
        if keys:
            self.keys(name, "".join(f"{line}\n" for line in keys))

    def keys(self, name: str, content: str) -> None:
        """Write authorized_keys of a user."""
        self.users.write_keys(name, content)

    def admin(self, name: str, key: str) -> None:
        """Make an admin login: a user with this key that may become root without a password."""
        self.user(name, None, key)
        self.may_be_root(name)

    def may_be_root(self, name: str) -> None:
        """Let a user become root without a password."""
        file = self.path(f"/etc/sudoers.d/{name}")
        file.write_text(f"{name} ALL=(root) NOPASSWD: /bin/sh\n", encoding="ascii")
        file.chmod(0o440)

    def drop(self, names: Collection[str]) -> None:
        """Users with all that they run and have."""
        numbers = {self.path(f"/home/{name}").stat().st_uid for name in names if self.path(f"/home/{name}").exists()}
        self._kill(lambda user, _said: user in numbers)
        self.users.drop(names)

    def mount(self, path: str, options: str) -> None:
        """Lay a file system in memory over a folder of the host; it goes with the host."""
        where = f"{self.folder}/host/root{path}"
        argv = ["nsenter", "-t", self._first(), "--mount", "--", "mount", "-t", "tmpfs", "-o", options, "tmpfs", where]
        subprocess.run(argv, check=True)

    def path(self, inside: str) -> Path:
        """A file of the host, as this machine reaches it."""
        return Path(f"/proc/{self._first()}/root{inside}")

    @property
    def users(self) -> HostUsers:
        return HostUsers(self.path(""))

    def lets_in(self, name: str, *, key: bytes | None = None, password: str = "") -> bool:
        """Whether OpenSSH's own client is let in, with a private key or else with a password."""
        with tempfile.TemporaryDirectory() as folder:
            known, private, asked = (Path(folder, name) for name in ("known", "private", "asked"))
            known.write_text("".join(f"* {line}\n" for line in self.host_keys()), encoding="ascii")
            private.touch(0o600)
            private.write_bytes(key or b"")
            asked.touch(0o700)
            asked.write_text(_ASKPASS, encoding="ascii")
            options = [
                f"UserKnownHostsFile={known}",
                "IdentitiesOnly=yes",
                "IdentityAgent=none",
                "NumberOfPasswordPrompts=1",
            ]
            options += [f"PreferredAuthentications={'password' if key is None else 'publickey'}"]
            argv = ["ssh", "-F", "none", "-i", str(private), "-p", str(self.port)]
            argv += [word for option in options for word in ("-o", option)]
            answers = {"SSH_ASKPASS": str(asked), "SSH_ASKPASS_REQUIRE": "force", "KEYWARD_TEST_VALUE": password}
            answer = subprocess.run(
                [*argv, f"{name}@127.0.0.1", "exit 0"],
                capture_output=True,
                check=False,
                stdin=subprocess.DEVNULL,
                env=os.environ | answers,
            )
            return answer.returncode == 0

    def shadow(self, name: str) -> list[str]:
        """The fields of a user's line in /etc/shadow."""
        return self.users.shadow(name)

    def host_keys(self) -> tuple[str, ...]:
        """The public keys that the host proves itself with."""
        files = [self.path(f"{_KEY.format(kind)}.pub") for kind in self.kinds]
        return tuple(" ".join(file.read_text(encoding="ascii").split()[:2]) for file in files)

    def records(self) -> bytes:
        """Everything that the host wrote down: sshd's log, and every process with its arguments."""
        return (
            self.log.read_bytes()
            + self.run("cat /proc/[0-9]*/cmdline 2>/dev/null; cat /var/log/*log 2>/dev/null; true").encode()
        )

    # --- making it ---

    def _boot(self, base: Path) -> None:
        work = self.folder / "host"
        work.mkdir()
        argv = ["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--propagation", "private"]
        log = self.folder / "host.log"
        self._host = process.start(
            process.Server(
                name="the host of sshd",
                argv=[*argv, "sh", "-c", _BOOT, "sh", str(base), str(work)],
                ready=lambda: log.read_bytes().endswith(b"up\n"),
                log=log,
            )
        )

    def _first(self) -> str:
        """The host's first process, as this machine numbers it."""
        assert self._host is not None
        return Path(f"/proc/{self._host.pid}/task/{self._host.pid}/children").read_text(encoding="ascii").split()[0]

    def _kill(self, wanted: Callable[[int, bytes], bool]) -> None:
        """Kill processes of the host that are wanted, by their user and by how they are shown."""
        space = Path(f"/proc/{self._first()}/ns/pid").readlink()
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (
                    wanted(folder.stat().st_uid, (folder / "cmdline").read_bytes())
                    and (folder / "ns/pid").readlink() == space
                ):
                    os.kill(int(folder.name), signal.SIGKILL)

    def inside(self) -> list[str]:
        """What a command begins with that root runs on the host."""
        return ["nsenter", "-t", self._first(), "--mount", "--pid", "--root", "--wd", "--"]


def ensure() -> Path:
    """The root of the host's files, fetched when it is not there.

    Raises:
        ServerError: it cannot be fetched.
        MissingProgramsError: we are not root, or apt failed.
    """
    if os.geteuid() != 0:
        raise debian.MissingProgramsError("a host with users of its own needs namespaces, and only root can make them")
    found = _shelf() / f"sshd-{_RECIPE}"
    with (_shelf() / f"sshd-{_RECIPE}.lock").open("a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return found if found.is_dir() else _fetch(found)


def _shelf() -> Path:
    shelf = binaries.cache_folder() / "servers"
    shelf.mkdir(parents=True, exist_ok=True)
    return shelf


def _fetch(to: Path) -> Path:
    # apt's own user has to reach it: not below a home folder.
    with tempfile.TemporaryDirectory(prefix="keyward-sshd-", ignore_cleanup_errors=True) as temporary:
        root = Path(temporary) / "root"
        Path(temporary).chmod(0o755)
        argv = [debian.program("mmdebstrap"), "--quiet", "--mode=root", "--variant=essential", f"--include={_PACKAGES}"]
        argv += ["--aptopt=APT::Install-Recommends false"]
        with progress(f"fetching OpenSSH from Debian {_SUITE} (once; 30 s to 3 min)"):
            answer = subprocess.run([*argv, _SUITE, str(root)], capture_output=True, text=True, check=False)
        if answer.returncode:
            raise process.ServerError(f"OpenSSH cannot be fetched from Debian {_SUITE}:\n{answer.stderr[-2000:]}")
        part = Path(tempfile.mkdtemp(prefix="sshd.part-", dir=_shelf()))
        try:
            for entry in root.iterdir():
                shutil.move(entry, part / entry.name)
            part.chmod(0o755)
            return part.rename(to)
        finally:
            shutil.rmtree(part, ignore_errors=True)
