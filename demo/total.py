"""What a play came to: its one line, and its exit status."""

from __future__ import annotations

from rich.text import Text

from demo.play import Play


def total(play: Play) -> Text:
    """“N logins, M rotations, 0 refused; first rotation after S s”; what failed without a refusal is said too."""
    line = Text(f"{_many(play.logins, 'login')}, {_many(play.rotations, 'rotation')}, ", style="bold")
    line.append(f"{play.refused:,} refused", style="bold white on red" if play.refused else "bold green")
    if play.failed:
        line.append(f", {play.failed:,} failed", style="bold red")
    if play.first is not None:
        line.append(f"; first rotation after {play.first:.0f} s")
    return line


def fault(play: Play, *, interrupted: bool) -> str:
    """Why this was no success, in a sentence; empty when it was one."""
    if play.refused or play.failed:
        return "Logins were refused or failed: that is not how it should be."
    if not play.logins:
        return "Nobody logged in."
    if not play.rotations and not interrupted:
        return "No rotation came through in this time: there was nothing to see."
    return ""


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
