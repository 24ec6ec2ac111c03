"""`python -m demo [--seconds N | --keep] [--no-pods] [--record FILE]`."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import FrameType

from rich.console import Console
from tests.cluster import KubectlError, RefusedError, binaries, debian, golang, owned
from tests.cluster.plain import uninterrupted
from tests.cluster.process import ServerError

from demo import picture, world
from demo.notes import CLOSING, about, commands
from demo.screen import HEIGHT, Footing
from demo.show import Show
from demo.total import fault, total

SECONDS, SLOW_SECONDS = 60.0, 300.0
_KNOWN = (
    RefusedError,
    KubectlError,
    ServerError,
    binaries.BuildError,
    golang.NoGoError,
    debian.MissingProgramsError,
)


def main(argv: list[str] | None = None) -> int:
    """The exit status: 0 when nothing was refused, 1 when something was or did not start, 130 before the first login."""
    chosen = _parse(argv)
    for one in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, _interrupt)
    try:
        try:
            return _run(chosen)
        finally:
            with uninterrupted():
                owned.leave()
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped before the first login; nothing is left behind\n")
        return 130
    except _KNOWN as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo", description="Keyward, whole, on this machine for a minute.")
    parser.add_argument("--seconds", type=float, default=None, metavar="N", help="how long it plays (60)")
    parser.add_argument("--keep", action="store_true", help="play until Ctrl-C, and say how to look with kubectl")
    parser.add_argument("--no-pods", action="store_true", help="log in from processes; needs no root")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write the last screen as an SVG picture")
    chosen = parser.parse_args(argv)
    if chosen.seconds is not None and chosen.seconds <= 0:
        parser.error("--seconds: give more than 0")
    if chosen.record is not None and not chosen.record.absolute().parent.is_dir():
        parser.error(f"--record: there is no folder {chosen.record.absolute().parent}")
    return chosen


def _run(chosen: argparse.Namespace) -> int:
    opened, console = time.time(), Console(soft_wrap=True, highlight=False)
    with world.running(pods=not chosen.no_pods) as there:
        seconds = None if chosen.keep else chosen.seconds or (SLOW_SECONDS if there.slow else SECONDS)
        footing = Footing("processes" if there.why_no_pods else "pods", about(there), seconds)
        show = Show(console, there, footing, opened)
        if chosen.keep:
            show.footing = replace(show.footing, notes=[*about(there), *commands(there)])
        if not console.is_terminal:
            console.print("\n".join(show.footing.notes))
        show.perform()
        # What was started is ended now, and quickly: another Ctrl-C could only leave something behind.
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(one, signal.SIG_IGN)
        show.footing = replace(show.footing, notes=about(there))
        console.print(show.frame(HEIGHT) if console.is_terminal else total(show.play))
        wrong = fault(show.play, interrupted=show.interrupted)
        if wrong or not chosen.keep:
            console.print(f"\n{wrong or CLOSING}", style="red" if wrong else None)
        if chosen.record is not None:
            picture.write(chosen.record, show.frame(HEIGHT))
    return 1 if wrong else 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
