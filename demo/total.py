"""What a play came to: its one line, and its exit status."""

from __future__ import annotations

from rich.text import Text

from demo.play import Play


def total(play: Play) -> Text:
    """“N logins, M rotations, 0 refused”; what failed without a refusal is said too."""
    line = Text(f"{_many(play.logins, 'login')}, {_many(play.rotations, 'rotation')}, ", style="bold")
    line.append(f"{play.refused:,} refused", style="bold white on red" if play.refused else "bold green")
    if play.failed:
        line.append(f", {play.failed:,} failed", style="bold red")
    return line


def status(play: Play, *, interrupted: bool) -> int:
    """0 only when logins were made and none was refused or failed; unless it was cut short, one rotation is needed too."""
    clean = play.logins > 0 and not play.refused and not play.failed
    return 0 if clean and (interrupted or play.rotations > 0) else 1


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
