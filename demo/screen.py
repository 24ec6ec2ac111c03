"""One screen of 80 columns and 24 lines: the credentials, the way of each version, and what the logins say."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from demo.play import STEPS, Play, Rotation, Row
from demo.total import total

WIDTH, HEIGHT = 80, 24
_FRESH_SECONDS = 3.0
_LEAST_FEED, _MOST_FEED = 2, 12
_FIXED, _BETWEEN = 4, 5  # lines of head, table's head and figures; empty ones, which go first where there is no room
_COLUMNS = (
    ("CREDENTIAL", "left"),
    ("SERVER", "left"),
    ("STATE", "left"),
    ("CURRENT", "left"),
    ("LOGS IN AS", "left"),
    ("ROTATES", "left"),
    ("LOGINS", "right"),
    ("REFUSED", "right"),
)


@dataclass(frozen=True, slots=True)
class Footing:
    """What the screen says beside the play.

    Attributes:
        who: who logs in, in one word.
        notes: lines that stand below all else, such as commands to type elsewhere.
        seconds: how long it plays; None until it is interrupted.
        height: lines of the screen.
    """

    who: str
    notes: Sequence[str]
    seconds: float | None = None
    height: int = HEIGHT


def screen(play: Play, footing: Footing, *, now: float, began: float) -> RenderableType:
    """The whole screen at this moment: `height` lines or fewer."""
    foot = _foot(play, footing)
    left = footing.height - len(play.rows) * 2 - _FIXED - len(foot)
    between = [Text()] if left - _BETWEEN >= _LEAST_FEED else []
    room = min(_MOST_FEED, max(_LEAST_FEED, left - _BETWEEN * len(between)))
    return Group(
        _head(footing, now - began),
        *between,
        _table(play, now),
        *between,
        _ways(play, now),
        *between,
        _figures(play, now),
        *between,
        _feed(play, room),
        *between,
        *foot,
    )


def _head(footing: Footing, spent: float) -> Text:
    clock = _clock(spent) + ("" if footing.seconds is None else f" of {_clock(footing.seconds)}")
    line = Text(f"Keyward rotates credentials while {footing.who} log in with them", style="bold")
    line.append(clock.rjust(WIDTH - line.cell_len), style="dim")
    return line


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0, int(seconds)), 60)
    return f"{minutes}:{rest:02d}"


def _table(play: Play, now: float) -> Table:
    table = Table(box=SIMPLE_HEAD, width=WIDTH, padding=0, show_edge=False)
    for name, justify in _COLUMNS:
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for row in play.rows.values():
        fresh = "bold reverse" if _is_fresh(row, now) else ""
        table.add_row(
            Text(row.name, style="bold"),
            Text(row.server),
            Text(row.state or "…", style="green" if row.state == "Enabled" else "yellow"),
            Text(row.version or "…", style=fresh),
            Text(row.account or "…", style=f"{fresh} {'magenta' if row.account.endswith('_clone') else 'cyan'}"),
            _next(play, row, now),
            f"{row.logins:,}",
            Text(str(row.refused), style="bold white on red" if row.refused else "green"),
        )
    return table


def _is_fresh(row: Row, now: float) -> bool:
    found = row.rotations.get(row.version)
    return found is not None and bool(found.before) and now - (found.read_at or 0.0) < _FRESH_SECONDS


def _next(play: Play, row: Row, now: float) -> Text:
    at = play.next_at(row)
    if at is not None:
        return Text(f"in {max(0.0, at - now):.0f} s")
    if not row.version:
        return Text("is made" if row.latest else "…", style="yellow")
    late = now - row.asked_at if row.waiting and row.asked_at is not None else 0.0
    return Text("now" if late < 2 * play.interval else f"since {late:.0f} s", style="yellow")


def _ways(play: Play, now: float) -> Table:
    table = Table.grid(padding=(0, 1, 0, 0))
    for width in (11, 5, 53):
        table.add_column(width=width, no_wrap=True)
    table.add_column(width=7, justify="right", no_wrap=True)
    for row in play.rows.values():
        latest = row.latest
        if latest is None:
            table.add_row(row.name, "", Text("applied", style="dim"), "")
            continue
        took = "" if latest.to_file is None else f"{latest.to_file:.1f} s"
        table.add_row(
            row.name, latest.version, _way(latest, done="green" if _is_fresh(row, now) else "dim green"), took
        )
    return table


def _way(rotation: Rotation, *, done: str) -> Text:
    reached = rotation.reached()
    passed = done if reached == len(STEPS) else "green"
    line = Text()
    for place, step in enumerate(STEPS):
        if place:
            line.append(" → ", style="dim")
        line.append(step, style=passed if place < reached else "bold yellow" if place == reached else "dim")
    return line


def _figures(play: Play, now: float) -> Text:
    last = next((one.to_file for one in reversed(play.done) if one.to_file is not None), None)
    line = Text.assemble(("Logins per second ", "dim"), f"{play.rate(now):.1f}", ("     From Secret to file ", "dim"))
    if last is None:
        line.append("…")
    else:
        line.append_text(Text.assemble(f"{last:.1f} s", (", at most ", "dim"), f"{play.longest:.1f} s"))
    return line


def _feed(play: Play, room: int) -> RenderableType:
    lines = [told(one) for one in list(play.done)[-room:]][::-1]
    return Group(*lines, *(Text() for _ in range(room - len(lines))))


def told(rotation: Rotation) -> Text:
    """One rotation as a line of the feed."""
    at = time.strftime("%H:%M:%S", time.localtime(rotation.read_at))
    versions = f"{rotation.before} → {rotation.version}"
    line = Text.assemble((at, "dim"), f"  {rotation.credential:<11} {versions:<13}")
    line.append(f"{rotation.account_before} → {rotation.account}".ljust(30))
    if rotation.to_file is not None:
        line.append(f"{rotation.to_file:.1f} s".rjust(WIDTH - 1 - line.cell_len), style="dim")
    return line


def _foot(play: Play, footing: Footing) -> list[Text]:
    found = [f"{row.name}: {row.problem}" for row in play.rows.values() if row.problem and row.version]
    found += [f"{row.name}: the last login failed ({row.code})" for row in play.rows.values() if row.code]
    notes = [Text(note, style="dim", no_wrap=True, overflow="ellipsis") for note in footing.notes]
    if found:
        notes[:1] = [Text(found[0], style="red", no_wrap=True, overflow="ellipsis")]
    return [total(play), *notes]
