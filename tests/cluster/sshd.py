"""A real Linux host with OpenSSH for a test or the demo: Debian's own files in a root of its own, with users of its own.

Users need entries in passwd and shadow, so the host has its own root: an overlay that lives in memory, in a mount and a process
namespace that end with its first process. Nothing of it is left on the machine, also after a kill. It needs root.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster import binaries, debian, process
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
# A refused password is told at once, not after the seconds that PAM waits to slow down who guesses.
_AT_ONCE = "sed -i 's/pam_unix.so nullok/& nodelay/' /etc/pam.d/common-auth"
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
"""


@dataclass(slots=True, eq=False)
class SshServer(Housed):
    """A context manager; `stop` and `start` in between make an outage.

    Attributes:
        config: further lines of sshd_config; they go last, so that Match blocks are possible.
        listen: addresses of this machine that it listens on.
    """

    config: str = ""
    listen: Sequence[str] = ("127.0.0.1",)
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
        self.run(_AT_ONCE)
        self.configure(self.config)

    def start(self) -> None:
        """Start sshd and wait until it answers."""
        if self._sshd is None:
            argv = [*self.inside(), "/usr/sbin/sshd", "-D", "-e", "-p", str(self.port)]
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
            self.run(
                "for p in /proc/[0-9]*; do case $(tr '\\0' ' ' < $p/cmdline) in sshd:*) kill -9 ${p#/proc/};; esac; done; true"
            )

    def _end(self) -> None:
        self.stop()
        if self._host is not None:
            self._host.kill()
            self._host = None

    def configure(self, lines: str) -> None:
        """Write sshd_config anew; it holds from the next start on."""
        self.run("cat > /etc/ssh/sshd_config", _CONFIG + lines + "\n")

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
        self.run(f"useradd --badname -m -s /bin/sh '{name}'")
        if password is not None:
            self.run("chpasswd", f"{name}:{password}\n")
        if keys:
            self.keys(name, "".join(f"{line}\n" for line in keys))

    def keys(self, name: str, content: str) -> None:
        """Write authorized_keys of a user."""
        self.run(
            f"h=$(getent passwd '{name}' | cut -d: -f6) && mkdir -p $h/.ssh && cat > $h/.ssh/authorized_keys && "
            f"chmod 700 $h/.ssh && chmod 600 $h/.ssh/authorized_keys && chown -R '{name}': $h/.ssh",
            content,
        )

    def admin(self, name: str, key: str) -> None:
        """Make an admin login: a user with this key that may become root without a password."""
        self.user(name, None, key)
        self.run(
            f"cat > /etc/sudoers.d/{name} && chmod 440 /etc/sudoers.d/{name}", f"{name} ALL=(root) NOPASSWD: /bin/sh\n"
        )

    def mount(self, path: str, options: str) -> None:
        """Lay a file system in memory over a folder of the host; it goes with the host."""
        where = f"{self.folder}/host/root{path}"
        argv = ["nsenter", "-t", self._first(), "--mount", "--", "mount", "-t", "tmpfs", "-o", options, "tmpfs", where]
        subprocess.run(argv, check=True)

    def path(self, inside: str) -> Path:
        """A file of the host, as this machine reaches it."""
        return Path(f"/proc/{self._first()}/root{inside}")

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
        return self.run(f"getent shadow '{name}'").rstrip("\n").split(":")

    def host_keys(self) -> tuple[str, ...]:
        """The public keys that the host proves itself with."""
        return tuple(" ".join(line.split()[:2]) for line in self.run("cat /etc/ssh/ssh_host_*_key.pub").splitlines())

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

    def inside(self) -> list[str]:
        """What a command begins with that root runs on the host."""
        return ["nsenter", "-t", self._first(), "--mount", "--pid", "--root", "--wd=/", "--"]


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
