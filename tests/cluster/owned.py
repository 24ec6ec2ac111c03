"""Which processes a test run started, so that a later run can end what a killed one left.

Each process is recorded with its start time below a folder of the run that owns it. It ends a process only
while both its number and its start time are the recorded ones, and never by name: a number that was given
to somebody else's process is left alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

_GRACE_SECONDS = 5.0
_CLEANERS: list[Callable[[Path], None]] = []


def start_time(pid: int) -> int | None:
    """Clock ticks from boot to the start of a process; None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def runs_folder() -> Path:
    """The folder of all runs of this user, made on first use.

    Raises:
        PermissionError: somebody else made a folder of that name.
    """
    folder = Path(tempfile.gettempdir()) / f"kw-{os.getuid()}"
    folder.mkdir(mode=0o711, exist_ok=True)
    seen = folder.lstat()
    # /tmp is shared: a folder or link that another user put there first would choose what we end and delete.
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else; remove it or set TMPDIR")
    return folder


def own_folder() -> Path:
    """The folder of this run; the first call in a process cleans up after runs that are dead."""
    born = start_time(os.getpid())
    folder = runs_folder() / f"{os.getpid()}-{born}"
    if not folder.exists():
        sweep()
        folder.mkdir(mode=0o711, exist_ok=True)
    return folder


def new_folder(name: str) -> Path:
    """A fresh folder of this run, with a short path (a socket's may have 107 bytes)."""
    return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=own_folder()))


def drop_folder(folder: Path) -> None:
    """Remove a folder of this run, and the run's own when nothing is left in it."""
    shutil.rmtree(folder, ignore_errors=True)
    drop_if_empty(folder.parent)


def drop_if_empty(run: Path) -> None:
    """Remove a run's folder unless something of it is still there."""
    with contextlib.suppress(OSError):
        run.rmdir()


def record(pid: int) -> Path:
    """Write down that this run owns the process; returns the record, to be unlinked when it has ended."""
    born = start_time(pid)
    path = own_folder() / f"{pid}.pid"
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps({"pid": pid, "start": born}), encoding="utf-8")
    unfinished.replace(path)
    return path


def cleaner(clean: Callable[[Path], None]) -> Callable[[Path], None]:
    """Register what removes mounts and the like of a dead run's folder, after its processes have ended."""
    _CLEANERS.append(clean)
    return clean


def sweep() -> list[Path]:
    """End the processes and remove the folders of runs whose own process is gone; returns those folders."""
    folder = os.open(runs_folder(), os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # two runs that begin at once would take the same files away
        return _sweep()
    finally:
        os.close(folder)


def leave() -> None:
    """End and remove whatever is still there of this run: what an interrupt cut off from its own clean-up."""
    folder = runs_folder() / f"{os.getpid()}-{start_time(os.getpid())}"
    if folder.exists():
        _clear(folder)


def _sweep() -> list[Path]:
    swept = []
    for folder in runs_folder().iterdir():
        pid, _, born = folder.name.partition("-")
        if not (pid.isdigit() and born.isdigit()) or start_time(int(pid)) == int(born):
            continue
        _clear(folder)
        swept.append(folder)
    return swept


def _clear(folder: Path) -> None:
    _end_all([one for path in folder.glob("*.pid") for one in _recorded(path)], _GRACE_SECONDS)
    for clean in _CLEANERS:
        clean(folder)
    shutil.rmtree(folder, ignore_errors=True)


def end(pid: int, born: int, *, grace_seconds: float = _GRACE_SECONDS) -> None:
    """Ask the process to stop, then kill it and its group; nothing happens when it is not the one that was meant."""
    _end_all([(pid, born)], grace_seconds)


def _end_all(processes: list[tuple[int, int]], grace_seconds: float) -> None:
    for pid, born in processes:
        if start_time(pid) == born:
            _signal(pid, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while left := [(pid, born) for pid, born in processes if start_time(pid) == born]:
        if time.monotonic() > deadline:
            for pid, _ in left:
                _signal(pid, signal.SIGKILL)
            deadline = time.monotonic() + grace_seconds
        time.sleep(0.05)


def _signal(pid: int, which: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        # What we start leads a group of its own; a process that does not may share its group with strangers.
        if which == signal.SIGKILL and os.getpgid(pid) == pid:
            os.killpg(pid, which)
        else:
            os.kill(pid, which)


def _recorded(path: Path) -> list[tuple[int, int]]:
    try:
        seen = json.loads(path.read_text(encoding="utf-8"))
        return [(int(seen["pid"]), int(seen["start"]))]
    except (OSError, ValueError, TypeError, KeyError):
        return []
