"""Makes what the cache keeps: one maker at a time, beside its final name, and renamed when it is finished.

What a killed maker left beside it is swept by the next one; a program that it had started is ended as `owned` says.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.cluster import owned
from tests.cluster.progress import progress


@contextlib.contextmanager
def alone(finished: Path, label: str) -> Iterator[None]:
    """Nobody else makes this folder meanwhile; it may be there by now."""
    finished.parent.mkdir(parents=True, exist_ok=True)
    with (finished.parent / f"{finished.name}.lock").open("a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with progress(f"waiting for another process that is {label}"):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def part(finished: Path) -> Iterator[Path]:
    """A folder beside it to make it in, for whoever is `alone`; gone in the end, but for what was moved out of it."""
    owned.sweep()  # what a killed maker started may be writing there still
    for left in finished.parent.glob(f"{finished.name}.part-*"):
        shutil.rmtree(left, ignore_errors=True)
    found = Path(tempfile.mkdtemp(prefix=f"{finished.name}.part-", dir=finished.parent))
    try:
        yield found
    finally:
        shutil.rmtree(found, ignore_errors=True)


def run(argv: Sequence[str], folder: Path, env: Mapping[str, str], log: Path) -> int:
    """The status of a program that makes a part, and that never outlives us."""
    # Before the start, so that there is next to no time in which a process runs that nobody wrote down.
    record = owned.own_folder() / "none.pid"
    with log.open("wb") as out:
        child = subprocess.Popen(
            argv, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    try:
        record = owned.record(child.pid)
        return child.wait()
    finally:
        if child.returncode is None:
            # Compilers are Go's children: they end with its group, or a Ctrl-C would leave two busy cores.
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        record.unlink(missing_ok=True)
        owned.drop_if_empty(record.parent)
