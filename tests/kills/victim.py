"""The real controller, run to be killed: all of it is the product's, but that it stands still where a test says so.

    python -m tests.kills.victim --kubeconfig FILE --kill-at apply:send --nth 2

kills itself with SIGKILL the second time that any Credential passes `apply:send`; `--list` prints what is passed.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import os
import signal
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cloud.standin import without_a_trust_store
from tests.kills.points import OnBehalf, Places, Watcher

from keyward.controller import app, gather, logs, passes, runtime
from keyward.controller.platform import Platform
from keyward.controller.settings import Address, Limits, Settings
from keyward.engines.alibaba.caches import engine as caches
from keyward.engines.alibaba.caches import session as cache
from keyward.engines.alibaba.calls import Caller
from keyward.engines.alibaba.databases import rules
from keyward.engines.alibaba.hosts import commands
from keyward.engines.alibaba.ram import engine as ram
from keyward.engines.mysql.wire import Wire
from keyward.kube.connection import connect

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Run:
    """What one run is told. `folder` holds orders, trace and log."""

    kubeconfig: str
    folder: Path
    namespace: str = "keyward-system"
    patience: float = 120.0  # of an admin session, in seconds: whoever stands at a point must not be timed out there

    @property
    def settings(self) -> Settings:
        return Settings(
            namespace=self.namespace,
            metrics_address=Address("127.0.0.1", 0),
            # Whoever stands at a point holds a worker and a token: nobody may have to wait for them.
            limits=Limits(workers=256, rotations=512, rotations_per_target=64),
        )


def serve(run: Run) -> None:
    """The body of the process. Never returns."""
    without_a_trust_store()  # whoever forked it may have begun before a stand-in did
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # none outlives the tests
    log = os.open(run.folder / "operator.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    tempfile.tempdir = str(run.folder)  # whoever is killed clears nothing away
    logs.setup(json=True, stream=os.fdopen(os.dup(log), "w", buffering=1))
    passes.ADMIN_TIMEOUT = run.patience
    runtime._SWEEP_SOON = 0.2
    # Of a cloud that is at work no longer than that.
    rules.AGAIN = cache.AGAIN = caches.AGAIN = ram.AGAIN = commands.AGAIN = 0.3
    commands.PATIENCE = 1.0
    status = operate(run, Watcher(Places(run.folder)))
    sys.stdout.flush()
    os._exit(status)


def operate(run: Run, watcher: Watcher) -> int:
    """The controller, watched."""
    Caller.call = watcher.calls(Caller.call)  # type: ignore[method-assign]
    Wire.rows = watcher.statements(Wire.rows)  # type: ignore[method-assign]

    def build(platform: Platform) -> Any:
        platform.client.request = watcher.writes(platform.client.request)  # type: ignore[method-assign]
        return OnBehalf(gather.build(platform))

    return app.run(run.settings, connect(run.kubeconfig), build, watcher.hook)


class _Killer(Watcher):
    def __init__(self, places: Places, name: str, nth: int, *, tell: bool) -> None:
        super().__init__(places)
        self._name, self._left, self._tell = name, nth, tell

    async def hook(self, name: str) -> None:
        if self._tell:
            print(name, flush=True)
        self._left -= name == self._name
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        await asyncio.sleep(0)


def main() -> int:
    """For a person who looks into one kill."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--namespace", default="keyward-system", help="the operator's own")
    parser.add_argument("--kill-at", default="", metavar="POINT")
    parser.add_argument("--nth", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="print each point as it is passed")
    given = parser.parse_args()
    logs.setup()
    with tempfile.TemporaryDirectory(prefix="keyward-victim-") as folder:
        run = Run(given.kubeconfig, Path(folder), given.namespace)
        return operate(run, _Killer(Places(run.folder), given.kill_at, given.nth, tell=given.list))


if __name__ == "__main__":
    sys.exit(main())
