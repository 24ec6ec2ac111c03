"""`python -m tests.cluster build | up [--control-plane] | down`: the cluster from a command line.

`up` leaves a process behind that holds the cluster; `down` ends that one, by number and start time.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.cluster import acquire, binaries, debian, golang, kind, owned
from tests.cluster.model import RefusedError
from tests.cluster.process import ServerError, log_tail
from tests.cluster.progress import progress

_START_SECONDS = 300.0
_STOP_SECONDS = 60.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="{build,up,down}")
    commands.add_parser("build", help="build the programs of the plain cluster")
    # `hold` is how `up` calls what it leaves behind; without a help text it is not listed.
    for command in (commands.add_parser("up", help="leave a cluster running"), commands.add_parser("hold")):
        command.add_argument("--control-plane", action="store_true", help="no node: needs no root, runs no pods")
    commands.add_parser("down", help="stop the cluster that `up` left running")
    chosen = parser.parse_args()
    try:
        return _run(chosen)
    except KeyboardInterrupt:
        return 130
    except (
        RefusedError,
        ServerError,
        binaries.BuildError,
        golang.NoGoError,
        debian.MissingProgramsError,
    ) as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _run(chosen: argparse.Namespace) -> int:
    match chosen.command:
        case "build":
            binaries.main()
        case "hold":
            _hold(pods=not chosen.control_plane)
        case "up":
            with _alone():
                return _up(pods=not chosen.control_plane)
        case _:
            with _alone():
                _down()
    return 0


def _up(*, pods: bool) -> int:
    state = _state()
    if state is None:
        _prepare(pods=pods)
        state = _spawn(pods=pods)
    elif pods and state["asked_for_pods"] is False:
        sys.stderr.write("a control plane alone is running; stop it first: python -m tests.cluster down\n")
        return 1
    out = sys.stdout
    out.write(f"export KUBECONFIG={state['kubeconfig']}\n")
    out.write(f"# {state['way']}: {state['why']}\n# kubectl: {state['kubectl']}\n")
    out.write(f"# stop it: make clean-cluster (or {Path(sys.executable).name} -m tests.cluster down)\n")
    return 0


def _prepare(*, pods: bool) -> None:
    # In the foreground, where its progress is seen.
    if not os.environ.get("KEYWARD_KUBECONFIG") and not (pods and kind.obstacle() is None):
        binaries.ensure(binaries.KUBERNETES)
        binaries.ensure(binaries.CLIENT)
        if pods and os.geteuid() == 0:
            debian.ensure()


def _spawn(*, pods: bool) -> dict[str, Any]:
    log = _log_path()
    argv = [sys.executable, "-m", "tests.cluster", "hold", *([] if pods else ["--control-plane"])]
    with log.open("wb") as out:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            cwd=Path(__file__).parents[2],
        )
    deadline = time.monotonic() + _START_SECONDS
    try:
        with progress("bringing the cluster up"):
            while child.poll() is None and time.monotonic() < deadline:
                state = _state()
                if state is not None:
                    return state
                time.sleep(0.1)
    except BaseException:
        child.terminate()
        child.wait()
        raise
    child.terminate()
    child.wait()
    raise ServerError(f"the cluster did not come up:\n{log_tail(log)}")


def _hold(*, pods: bool) -> None:
    def end(*_: object) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    path = _state_path()
    with acquire(need_pods=pods) as cluster:
        state = {
            "pid": os.getpid(),
            "start": owned.start_time(os.getpid()),
            "asked_for_pods": pods,
            "kubeconfig": str(cluster.kubeconfig),
            "kubectl": str(cluster.kubectl_program),
            "way": cluster.way,
            "why": cluster.why,
        }
        unfinished = path.with_suffix(".new")
        unfinished.write_text(json.dumps(state), encoding="utf-8")
        unfinished.replace(path)
        try:
            while True:
                signal.pause()
        finally:
            path.unlink(missing_ok=True)


def _down() -> None:
    state = _state()
    with progress("stopping the cluster"):
        if state is not None:
            owned.end(state["pid"], state["start"], grace_seconds=_STOP_SECONDS)
        swept = owned.sweep()
    for path in (_state_path(), _log_path()):
        path.unlink(missing_ok=True)
    sys.stdout.write("stopped\n" if state or swept else "no cluster is running\n")


def _state_path() -> Path:
    return owned.runs_folder() / "up.json"


def _log_path() -> Path:
    return owned.runs_folder() / "up.log"


def _state() -> dict[str, Any] | None:
    try:
        state: dict[str, Any] = json.loads(_state_path().read_text(encoding="utf-8"))
    except OSError:
        return None
    return state if owned.start_time(state["pid"]) == state["start"] else None


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    with (owned.runs_folder() / "up.lock").open("a", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
