"""Starts one real server for a test or the demo: own session, loopback port, ready probe, log, sure end.

It decides nothing about what the server is. It ends only processes that it started, by number, and never
returns a server that has not answered its probe.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster import owned

UNPRIVILEGED_ID = 65534
_PORTS = range(15000, 28000)
_TAIL_LINES = 25
_given: set[int] = set()


class ServerError(Exception):
    """A server did not start or died; the text ends with the tail of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What to start.

    Attributes:
        ready: asked again and again until true; an OSError counts as "not yet".
        log: where standard output and error go (appended).
        env: the whole environment; None inherits ours.
        uid: user and group to run as; None means ours. Only root can name another.
        deadline_seconds: how long the probe may stay false.
        stop_seconds: how long it may take to stop on `stop_signal` before it is killed.
    """

    name: str
    argv: Sequence[str]
    ready: Callable[[], bool]
    log: Path
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    uid: int | None = None
    deadline_seconds: float = 30.0
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 10.0


@dataclass(slots=True)
class Running:
    """A server that was ready once; `stop` may be called any number of times."""

    server: Server
    child: subprocess.Popen[bytes]
    _record: Path = field(repr=False)

    @property
    def pid(self) -> int:
        return self.child.pid

    def alive(self) -> bool:
        return self.child.poll() is None

    def tail(self) -> str:
        """The last lines of its log."""
        return log_tail(self.server.log)

    def kill(self) -> None:
        """End it and its process group at once, as a crash would."""
        self._finish(signal.SIGKILL, 0.0)

    def stop(self) -> None:
        """Ask it to stop, wait, then kill what is left of its process group."""
        self._finish(self.server.stop_signal, self.server.stop_seconds)

    def _finish(self, first: int, seconds: float) -> None:
        if self.child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                # Popen's own way would reap one that has ended by itself, and its group could not be ended safely any more.
                os.kill(self.child.pid, first)
            try:
                _await_unreaped(self.child.pid, seconds)
            finally:
                # Before it is reaped, so that its number, hence its group's, cannot be somebody else's yet.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.child.pid, signal.SIGKILL)
                self.child.wait()
        self._record.unlink(missing_ok=True)
        owned.drop_if_empty(self._record.parent)


def start(server: Server) -> Running:
    """Start it and wait until it is ready; the caller stops it.

    Raises:
        ServerError: it ended, or did not become ready in time; it has been ended then.
    """
    uid = None if server.uid == os.geteuid() else server.uid
    server.log.parent.mkdir(parents=True, exist_ok=True)
    # Before the start, so that there is next to no time in which a process runs that nobody wrote down.
    nowhere = owned.own_folder() / "none.pid"
    with server.log.open("ab") as log:
        try:
            child = subprocess.Popen(
                list(server.argv),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=None if server.env is None else dict(server.env),
                cwd=server.cwd,
                start_new_session=True,
                user=uid,
                group=uid,
                extra_groups=None if uid is None else [],
            )
        except OSError as error:
            raise ServerError(f"{server.name} cannot be started: {error.strerror} ({server.argv[0]})") from None
    running = Running(server, child, nowhere)
    try:
        running._record = owned.record(child.pid)
        _await_ready(running)
    except BaseException:
        running.stop()
        raise
    return running


@contextlib.contextmanager
def serving(server: Server) -> Iterator[Running]:
    """`start`, and `stop` at the end, whatever happens.

    Raises:
        ServerError: as `start`.
    """
    running = start(server)
    try:
        yield running
    finally:
        running.stop()


def run_tool(argv: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None) -> None:
    """Run a program of a server's as the unprivileged user; neither it nor what it starts outlives us.

    Raises:
        ServerError: it failed; the text ends with what it said.
    """
    uid = unprivileged_id()
    with subprocess.Popen(
        list(argv),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=env,
        cwd=cwd,
        start_new_session=True,
        user=uid,
        group=uid,
        extra_groups=None if uid is None else [],
    ) as child:
        try:
            said, _ = child.communicate()
        except BaseException:
            if child.returncode is None:
                # A script's children would work on after a Ctrl-C that ended the script.
                os.killpg(child.pid, signal.SIGKILL)
            raise
    if child.returncode:
        raise ServerError(f"{Path(argv[0]).name} failed:\n{said[-2000:]}")


def pause(spent: float, least: float = 0.05, most: float = 0.5) -> float:
    """Seconds until the next look, for who has waited so long for another process.

    Each look costs the server that is asked what work does: who waits long looks seldom, and waits a tenth longer.
    """
    return max(least, min(spent / 10, most))


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on, below those that outgoing connections take.

    A port that the kernel picks for bind(0) may be taken by an outgoing connection before the server binds it.
    """
    for port in random.sample(_PORTS, len(_PORTS)):
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise ServerError("no free port on 127.0.0.1")


def accepts(port: int) -> bool:
    """Whether something accepts TCP connections on this port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def unprivileged_id() -> int | None:
    """The user to run a server as: nobody's number when we are root, else None, which means ourselves."""
    return UNPRIVILEGED_ID if os.geteuid() == 0 else None


def log_tail(path: Path) -> str:
    """The last lines of a log, or a word that says that there are none."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "(no log)"
    return "\n".join(lines[-_TAIL_LINES:]) or "(its log is empty)"


def _await_ready(running: Running) -> None:
    server = running.server
    deadline = time.monotonic() + server.deadline_seconds
    pause = 0.02
    while True:
        if running.child.poll() is not None:
            raise ServerError(_failed(server, f"ended with status {running.child.returncode} before it was ready"))
        with contextlib.suppress(OSError):
            if server.ready():
                return
        if time.monotonic() > deadline:
            raise ServerError(_failed(server, f"was not ready within {server.deadline_seconds:g} s"))
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)


def _failed(server: Server, what: str) -> str:
    return f"{server.name} {what}; the end of its log ({server.log}):\n{log_tail(server.log)}"


def _await_unreaped(pid: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() > deadline:
            return
        time.sleep(0.02)
