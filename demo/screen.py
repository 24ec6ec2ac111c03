"""One screen of 80 columns and 24 lines: the credentials, the way of each version, and what the logins say."""

from __future__ import annotations

import time
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from demo.play import STEPS, Play, Rotation, Row
from demo.total import total

WIDTH, HEIGHT = 80, 24
_FEED_LINES = 5


@dataclass(frozen=True, slots=True)
class Footing:
    """What the screen says beside the play.

    Attributes:
        how: in what the clients run.
        seconds: how long it plays; None until it is interrupted.
        kubeconfig: for one who wants to look; empty when the cluster goes with the demo.
    """

    how: str
    seconds: float | None
    kubeconfig: str = ""


def screen(play: Play, footing: Footing, *, now: float, began: float) -> RenderableType:
    """The whole screen at this moment."""
    return Group(
        _head(footing, now - began),
        _table(play, now),
        _ways(play),
        Text(),
        _figures(play, now),
        *_feed(play),
        *_foot(play, footing),
    )


def _head(footing: Footing, spent: float) -> Text:
    clock = _clock(spent) + ("" if footing.seconds is None else f" of {_clock(footing.seconds)}")
    line = Text("Keyward rotates database passwords while pods log in with them", style="bold")
    line.append(clock.rjust(WIDTH - line.cell_len), style="dim")
    return line


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0, int(seconds)), 60)
    return f"{minutes}:{rest:02d}"


def _table(play: Play, now: float) -> Table:
    table = Table(box=SIMPLE_HEAD, width=WIDTH, padding=(0, 1, 0, 0), show_edge=False)
    for name, justify in (
        ("CREDENTIAL", "left"),
        ("STATE", "left"),
        ("CURRENT", "left"),
        ("LOGS IN AS", "left"),
        ("NEXT ROTATION", "left"),
        ("LOGINS", "right"),
        ("REFUSED", "right"),
    ):
        table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for row in play.rows.values():
        table.add_row(
            Text(row.name, style="bold"),
            Text(row.state or "…", style="green" if row.state == "Enabled" else "yellow"),
            row.version or "…",
            Text(row.account or "…", style="magenta" if row.account.endswith("_clone") else "cyan"),
            _next(play, row, now),
            f"{row.logins:,}",
            Text(str(row.refused), style="bold white on red" if row.refused else "green"),
        )
    return table


def _next(play: Play, row: Row, now: float) -> Text:
    at = play.next_at(row)
    if at is not None:
        return Text(f"in {max(0.0, at - now):.0f} s")
    if not row.version:
        return Text("is created" if row.latest else "…", style="yellow")
    late = now - row.asked_at if row.waiting and row.asked_at is not None else 0.0
    return Text("now" if late < 2 * play.interval else f"asked {late:.0f} s ago", style="yellow")


def _ways(play: Play) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=11, no_wrap=True)
    table.add_column(width=5, no_wrap=True)
    table.add_column(no_wrap=True)
    for row in play.rows.values():
        latest = row.latest
        table.add_row(
            row.name, latest.version if latest else "", _way(latest) if latest else Text("applied", style="dim")
        )
    return table


def _way(rotation: Rotation) -> Text:
    reached = rotation.reached()
    line = Text()
    for place, step in enumerate(STEPS):
        if place:
            line.append(" → ", style="dim")
        line.append(step, style="green" if place < reached else "bold yellow" if place == reached else "dim")
    return line


def _figures(play: Play, now: float) -> Text:
    last = next((one.to_file for one in reversed(play.done) if one.to_file is not None), None)
    line = Text.assemble(("Logins per second ", "dim"), f"{play.rate(now):.1f}", ("   Secret to file ", "dim"))
    line.append("…" if last is None else f"{last:.1f} s")
    line.append("   longest ", style="dim")
    line.append("…" if last is None else f"{play.longest:.1f} s")
    line.append("   every ", style="dim")
    line.append(f"{play.pause():.0f} s")
    return line


def _feed(play: Play) -> list[Text]:
    lines = [told(one) for one in list(play.done)[-_FEED_LINES:]][::-1]
    return [*lines, *(Text() for _ in range(_FEED_LINES - len(lines)))]


def told(rotation: Rotation) -> Text:
    """One rotation as a line of the feed."""
    at = time.strftime("%H:%M:%S", time.localtime(rotation.read_at))
    line = Text.assemble((at, "dim"), f"  {rotation.credential:<11} {rotation.before} → {rotation.version}".ljust(28))
    line.append(f"logs in as {rotation.account}".ljust(28))
    if rotation.to_file is not None:
        line.append(f"{rotation.to_file:.1f} s to its file", style="dim")
    return line


def _foot(play: Play, footing: Footing) -> list[Text]:
    problems = [f"{row.name}: {row.problem}" for row in play.rows.values() if row.problem and row.version]
    problems += [f"{row.name}: the last login failed ({row.code})" for row in play.rows.values() if row.code]
    said = Text(problems[0] if problems else "", style="red", no_wrap=True, overflow="ellipsis")
    lines = [said, total(play), Text(f"The clients are {footing.how}.", style="dim", no_wrap=True, overflow="ellipsis")]
    if footing.kubeconfig:
        lines.append(Text(f"export KUBECONFIG={footing.kubeconfig}", no_wrap=True, overflow="ellipsis"))
        lines.append(Text("kubectl get credentials -n keyward-demo --watch", no_wrap=True))
    return lines
