"""Shows on standard error what takes longer than two seconds, and for how long already.

On a terminal one line is rewritten; elsewhere a line is added now and then. It never shows more than the
label that it was given. As a program (`python progress.py LABEL COMMAND…`) it needs nothing but Python.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import TextIO

_SILENT_SECONDS = 2.0
_TERMINAL_SECONDS = 1.0
_LINE_SECONDS = 20.0


@contextlib.contextmanager
def progress(what: str, *, stream: TextIO | None = None) -> Iterator[None]:
    """Show the label with the seconds spent while the body runs, and the sum at its end."""
    out = sys.stderr if stream is None else stream
    ended = threading.Event()
    began = time.monotonic()
    shower = threading.Thread(target=_show, args=(out, what, began, ended), daemon=True)
    shower.start()
    outcome = "stopped after"
    try:
        yield
        outcome = "done in"
    finally:
        ended.set()
        shower.join()
        spent = time.monotonic() - began
        if spent >= _SILENT_SECONDS:
            _write(out, f"{_start(out)}{what}: {outcome} {spent:.0f} s\n")


def _show(out: TextIO, what: str, began: float, ended: threading.Event) -> None:
    pause = _SILENT_SECONDS
    while not ended.wait(pause):
        terminal = out.isatty()
        pause = _TERMINAL_SECONDS if terminal else _LINE_SECONDS
        _write(out, f"{_start(out)}{what}: {time.monotonic() - began:.0f} s{'' if terminal else chr(10)}")


def _start(out: TextIO) -> str:
    return "\r\x1b[K" if out.isatty() else ""


def _write(out: TextIO, text: str) -> None:
    # A closed terminal must not end the work that it was to be told about.
    with contextlib.suppress(OSError, ValueError):
        out.write(text)
        out.flush()


def main(label: str, command: list[str]) -> int:
    """Run the command and show the label meanwhile; its exit status."""
    try:
        with progress(label):
            return subprocess.run(command, check=False).returncode
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
