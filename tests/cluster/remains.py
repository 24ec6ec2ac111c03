"""Takes away what a node puts into the kernel: containers, mounts, control groups, its bridge, sockets of shims.

It works from the node's own marks (its folder's path, its group's and bridge's name), so that it can clean up
after a run that was killed, and never touches what another node or program made.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.cluster import owned

_MARK = "node.json"
_CGROUPS = Path("/sys/fs/cgroup")
_SHIM_SOCKETS = "unix:///run/containerd/s/"
# What kubelet, containerd and its plug-ins make outside of any folder that they can be given.
_STRAYS = tuple(map(Path, ("/var/lib/kubelet", "/var/lib/cni", "/run/containerd", "/run/netns")))
_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Marks:
    """How a node's traces are told from others'.

    Attributes:
        name: of its control group in every hierarchy, and of its bridge.
        strays: folders outside its own that were not there before it.
    """

    name: str
    strays: tuple[str, ...]


def mark(folder: Path, name: str) -> None:
    """Write the marks down before the node makes anything, and make its control groups."""
    # What another live node of ours found missing is there now, and goes with the last of them.
    shared = {stray for path in owned.runs_folder().glob(f"*/*/{_MARK}") for stray in _read(path).strays}
    marks = Marks(name, tuple(str(path) for path in _STRAYS if not path.exists() or str(path) in shared))
    draft = (folder / _MARK).with_suffix(".new")
    draft.write_text(json.dumps(asdict(marks)), encoding="utf-8")
    draft.replace(folder / _MARK)  # others look for it while it is made
    for group in _groups(name):
        if group.parent == _CGROUPS:
            _delegate(group.parent)
        group.mkdir(exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):
            # A v1 cpuset starts empty, and takes no process until it names processors and memory.
            if group.parent.name.startswith("cpuset") and (group / setting).exists():
                (group / setting).write_text((group.parent / setting).read_text(encoding="utf-8"), encoding="utf-8")


def _delegate(parent: Path) -> None:
    """In a v2 hierarchy a group has only the controllers that its parent hands down, and the kubelet wants them all."""
    offered = parent / "cgroup.controllers"
    if offered.exists():
        for controller in offered.read_text(encoding="ascii").split():
            # One that cannot be handed down (there is a process in the parent) is left as it is.
            with contextlib.suppress(OSError):
                (parent / "cgroup.subtree_control").write_text(f"+{controller}", encoding="ascii")


@owned.cleaner
def clean_run(run: Path) -> None:
    """Clean up every node below the folder of a run that is dead."""
    for path in run.glob(f"*/{_MARK}"):
        clean(path.parent)


def clean(folder: Path) -> None:
    """Take away everything that the node of this folder left; its kubelet and containerd have ended."""
    path = folder / _MARK
    if not path.exists():
        return
    marks = _read(path)
    _kill_groups(marks.name)
    for pid in _shims(folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    sockets = [one.read_text(encoding="utf-8").strip() for one in folder.glob("run/*.task/*/*/address")]
    for socket in sockets:
        if socket.startswith(_SHIM_SOCKETS):
            Path(socket.removeprefix("unix://")).unlink(missing_ok=True)
    _unmount(folder)
    _remove_groups(marks.name)
    if Path("/sys/class/net", marks.name).exists():
        subprocess.run(["ip", "link", "del", marks.name], check=False, capture_output=True)
    path.unlink()
    if not list(owned.runs_folder().glob(f"*/*/{_MARK}")):
        for stray in marks.strays:
            if Path(stray) in _STRAYS:
                _unmount(Path(stray))
                shutil.rmtree(stray, ignore_errors=True)


def mounts(folder: Path) -> list[Path]:
    """Mount points at or below the folder, the deepest first."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        point = Path(line.split()[4].encode().decode("unicode_escape"))
        if point.is_relative_to(folder):
            found.append(point)
    return found[::-1]


def _read(path: Path) -> Marks:
    try:
        seen = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Marks("", ())
    return Marks(seen["name"], tuple(seen["strays"]))


def _unmount(folder: Path) -> None:
    for point in mounts(folder):
        # Lazily: a mount that is busy for a moment longer goes when it is free.
        subprocess.run(["umount", "--lazy", str(point)], check=False, capture_output=True)


def _groups(name: str) -> Iterator[Path]:
    if (_CGROUPS / "cgroup.procs").exists():
        yield _CGROUPS / name
        return
    for hierarchy in _CGROUPS.iterdir():
        # cpu may be a link to cpu,cpuacct: the same hierarchy again.
        if (hierarchy / "cgroup.procs").exists() and not hierarchy.is_symlink():
            yield hierarchy / name


def _kill_groups(name: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while pids := {pid for group in _groups(name) for pid in _members(group)}:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            return
        time.sleep(0.05)


def _members(group: Path) -> Iterator[int]:
    for path in group.rglob("cgroup.procs"):
        with contextlib.suppress(OSError):
            yield from map(int, path.read_text(encoding="ascii").split())


def _remove_groups(name: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    for group in _groups(name):
        while group.exists():
            for folder in sorted((path for path in (group, *group.rglob("*")) if path.is_dir()), reverse=True):
                with contextlib.suppress(OSError):
                    folder.rmdir()
            if time.monotonic() > deadline:
                break
            if group.exists():
                time.sleep(0.05)


def _shims(folder: Path) -> Iterator[int]:
    address = os.fsencode(folder)
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):
                args = (process / "cmdline").read_bytes().split(b"\0")
                if args[0].rpartition(b"/")[2].startswith(b"containerd-shim") and any(
                    arg.startswith(address) for arg in args[1:]
                ):
                    yield int(process.name)
