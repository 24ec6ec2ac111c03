"""Performs the play in a world: sees, asks for rotations, and shows it, live on a terminal and line by line elsewhere."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from rich.console import Console, RenderableType
from rich.live import Live
from tests.cluster import KubectlError
from tests.cluster.process import ServerError

from demo.play import Play, Row
from demo.screen import Footing, screen, told
from demo.world import World

_TICK = 0.05
_FRAME = 0.25
_PATIENCE = 90.0
_OVERTURE = 2.0
_AGAIN = 5.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(slots=True)
class Show:
    """One performance.

    Attributes:
        opened: when the world was begun.
        began: when the first login was seen.
        interrupted: whether somebody ended it.
    """

    console: Console
    world: World
    footing: Footing
    opened: float
    play: Play = field(init=False)
    began: float | None = None
    interrupted: bool = False

    def __post_init__(self) -> None:
        servers = self.world.servers()
        rows = {name: Row(name, secret, servers[name]) for name, secret in self.world.secrets().items()}
        self.play = Play(rows, self.opened)

    def perform(self) -> None:
        """Play until the time is over or somebody interrupts.

        Raises:
            KeyboardInterrupt: before there was a login to speak of.
            ServerError: nobody logged in, or the operator ended.
        """
        with self._shown() as show, _noted() as signals:
            self.world.apply_credentials()
            self._loop(show, signals)
            # What the clients have said is counted to the last line.
            self._see(time.time())
        self.interrupted = bool(signals)
        if self.interrupted and self.began is None:
            raise KeyboardInterrupt

    def frame(self, height: int) -> RenderableType:
        """The screen as it stands, in so many lines or fewer."""
        now = time.time()
        return screen(self.play, replace(self.footing, height=height), now=now, began=self.began or now)

    def _loop(self, show: Callable[[], None], signals: list[int]) -> None:
        opened, shown = time.time(), 0.0
        while not signals:
            now = time.time()
            self._see(now)
            self._ask(now)
            if now > shown + _FRAME:
                show()
                shown = now
            if self.began is None:
                if now > opened + _PATIENCE:
                    raise ServerError(f"nobody logged in within {_PATIENCE:.0f} s{self._why()}")
            elif self.footing.seconds is not None and now >= self.began + self.footing.seconds:
                return
            self.world.check()
            time.sleep(_TICK)

    def _see(self, now: float) -> None:
        for seen in self.world.poll():
            self.play.see(seen, now)
        if self.began is None and self.play.logins:
            self.began = now
            # One after the other, so that something is to be seen all the time.
            for place, row in enumerate(self.play.rows.values()):
                row.not_before = now + _OVERTURE + place * self.play.interval / len(self.play.rows)

    def _ask(self, now: float) -> None:
        row = self.play.due(now) if self.began is not None else None
        if row is None:
            return
        try:
            self.world.rotate(row.name, f"demo-{now:.3f}")
        except KubectlError as error:
            row.problem, row.not_before = str(error).partition("\n")[0], now + _AGAIN
        else:
            self.play.asked(row, now)

    def _why(self) -> str:
        problems = [f"\n{row.name}: {row.problem or row.code}" for row in self.play.rows.values()]
        return "".join(problems)

    @contextlib.contextmanager
    def _shown(self) -> Iterator[Callable[[], None]]:
        if not self.console.is_terminal:
            yield self._lines()
            return
        with Live(console=self.console, screen=True, auto_refresh=False) as live:
            yield lambda: live.update(self.frame(self.console.height), refresh=True)

    def _lines(self) -> Callable[[], None]:
        told_of = 0
        met: set[str] = set()

        def show() -> None:
            nonlocal told_of
            for row in self.play.rows.values():
                if row.version and row.name not in met:
                    met.add(row.name)
                    self.console.print(
                        f"{row.name} logs in to {row.server} as {row.account} ({row.version})",
                        highlight=False,
                        soft_wrap=True,
                    )
            for rotation in list(self.play.done)[len(self.play.done) - (self.play.rotations - told_of) :]:
                self.console.print(told(rotation))
            told_of = self.play.rotations

        return show


@contextlib.contextmanager
def _noted() -> Iterator[list[int]]:
    """Signals that would end us are noted: one that comes between a line and its count must not lose the line."""
    found: list[int] = []
    before = {one: signal.signal(one, lambda number, _: found.append(number)) for one in _SIGNALS}
    try:
        yield found
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
