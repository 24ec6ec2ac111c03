"""The operator as a process of its own that can be stood still at a point, killed and started again.

It is forked from a server that has imported everything and done nothing, so that a start costs a tenth of a second.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from tests.cluster.process import pause
from tests.kills.points import Passed, Places, Point
from tests.kills.victim import Run, serve

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(
    [
        "tests.kills.victim",
        "keyward.engines.postgresql.engine",
        "keyward.engines.mysql.engine",
        "keyward.engines.redis.engine",
        "keyward.engines.alibaba.caches.engine",
        "keyward.engines.alibaba.databases.engine",
        "keyward.engines.alibaba.hosts.engine",
        "keyward.engines.alibaba.ram.engine",
        "keyward.engines.ssh.engine",
        "kopf._cogs.clients.api",
    ]
)


def until(what: str, holds: Callable[[], Any], seconds: float = 120.0) -> Any:
    """What `holds` answers once that is true; polling, because other processes are waited for."""
    began = time.monotonic()
    while True:
        found = holds()
        if found:
            return found
        spent = time.monotonic() - began
        if spent > seconds:
            raise AssertionError(f"{what} did not happen within {seconds:g} s")
        time.sleep(pause(spent))


def until_nothing_is_left(what: str, left: Callable[[], Any], seconds: float = 150.0) -> None:
    """Wait until `left` finds nothing any more; what it finds last is told."""
    deadline = time.monotonic() + seconds
    while True:
        began = time.monotonic()
        found = left()
        if not found:
            return
        now = time.monotonic()
        if now > deadline:
            raise AssertionError(f"{what} did not happen within {seconds:g} s; left: {found}")
        # To look costs as much as to work: whoever waits takes a third of the time at most.
        time.sleep(max(0.2, 2 * (now - began)))


class Operator:
    """One operator and what is left of it between two starts: orders, trace, log."""

    def __init__(self, kubeconfig: Path, folder: Path, namespace: str = "keyward-system") -> None:
        self._run = Run(str(kubeconfig), folder, namespace)
        self.places = Places(folder)
        self._process: ForkServerProcess | None = None
        self._log_began = 0
        self.ordered: dict[str, Point] = {}
        self.ordered_at = 0  # a moment of the trace

    @property
    def log(self) -> Path:
        return self._run.folder / "operator.log"

    def start(self) -> None:
        """Start it; it is on its way, and not ready yet."""
        assert not self.alive
        self._log_began = self.log.stat().st_size if self.log.exists() else 0
        self._process = _forks.Process(target=serve, args=(self._run,), daemon=True)
        self._process.start()

    @property
    def ready(self) -> bool:
        """Whether all its streams are open and it has begun to work."""
        return self.said('"message":"ready: ')

    def said(self, words: str) -> bool:
        """Whether it has logged this since its start."""
        if not self.log.exists():
            return False
        with self.log.open("rb") as file:
            file.seek(self._log_began)
            return words.encode() in file.read()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.is_alive()

    def kill(self) -> None:
        """SIGKILL, and wait until nothing of it is left."""
        assert self._process is not None
        self._process.kill()
        self._process.join()
        assert self._process.exitcode == -9, f"it had ended by itself with {self._process.exitcode}: see {self.log}"

    def ask_to_stop(self) -> None:
        """SIGTERM; it is on its way to its end."""
        assert self._process is not None
        self._process.terminate()

    def ended(self) -> int | None:
        """Its exit status once it has ended by itself; None if it does not."""
        assert self._process is not None
        self._process.join(60.0)
        return self._process.exitcode

    def end(self) -> None:
        """End it if it runs, for the end of a test."""
        if self._process is not None and self._process.is_alive():
            self._process.kill()
            self._process.join()

    @contextmanager
    def running(self) -> Iterator[None]:
        """It runs within, whatever was killed and started again there."""
        self.start()
        try:
            yield
        finally:
            self.end()

    # --- points ---

    def stand_at(self, orders: dict[str, Point]) -> None:
        """From now on each of these Credentials stands still at its point; all others, and all before, go on."""
        self.ordered_at, self.ordered = self.now(), orders
        self.places.order(orders)

    def go_on(self) -> None:
        """Nobody stands any more."""
        self.stand_at({})

    def standing(self, since: int) -> set[str]:
        """Who came to stand since then."""
        return {p.whose for p in self.places.passed(since) if p.stands}

    def now(self) -> int:
        """A moment of the trace, for `since`."""
        return self.places.size()

    def passed(self, whose: str, since: int) -> list[Passed]:
        return [p for p in self.places.passed(since) if p.whose == whose]

    def restless(self, whose: Iterable[str], since: int, seconds: float) -> list[str]:
        """Who of these passed a point less than so long ago."""
        names, ago = set(whose), time.monotonic() - seconds
        return sorted({p.whose for p in self.places.passed(since) if p.whose in names and p.at > ago})

    def amid(self, whose: Iterable[str], since: int) -> list[str]:
        """For whom of these an effect has begun and not ended, in a run that nobody kills: it may be slow and say nothing."""
        last = {p.whose: p.name for p in self.places.passed(since)}
        return sorted(name for name in whose if last.get(name, "").endswith((":before", ":send", ":store")))

    def tail(self, lines: int = 30) -> str:
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


def environment() -> None:
    """The fork server imports what we import."""
    root = Path(__file__).parents[2]
    paths = [str(root), str(root / "operator"), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(os.pathsep.join(paths).split(os.pathsep)))
