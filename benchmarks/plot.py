"""docs/benchmarks.svg: Secrets over time, one panel for each size of the fleet."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

from benchmarks.figures import Fleet
from benchmarks.targets import LARGE, PEER, PEER_CEILING, PEER_LARGE

mpl.use("svg")
from matplotlib import pyplot as plt

_BARE, _OURS, _PEER = "#8a8f98", "#0b6e4f", "#b5651d"
_LOOK: Final[Any] = {
    "svg.hashsalt": "keyward",  # the same figures make the same file
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "svg.fonttype": "none",
}


def draw(fleets: list[Fleet], path: Path) -> None:
    """Write the plot."""
    with plt.rc_context(_LOOK):
        figure, panels = plt.subplots(1, len(fleets), figsize=(4.6 * len(fleets), 3.4), squeeze=False)
        for panel, fleet in zip(panels[0], fleets, strict=True):
            _panel(panel, fleet)
        figure.tight_layout()
        figure.savefig(path, format="svg", metadata={"Date": None}, facecolor="white")
        plt.close(figure)


def _panel(panel: Any, fleet: Fleet) -> None:
    for number, leg in enumerate(fleet.bare):
        panel.plot(*_points(leg.curve), color=_BARE, lw=1.2, label=None if number else "bare client, before and after")
    panel.plot(*_points(fleet.operator.curve), color=_OURS, lw=2.2, label="Keyward, from its start")
    end = 1.6 * max(leg.seconds for leg in (*fleet.bare, fleet.operator))
    for how, rate in _peers(fleet):
        panel.plot([0, end], [0, min(rate * end, fleet.count)], color=_PEER, lw=1.2, ls="--" if how == "tuned" else ":")
        panel.annotate(f"peer, {how}", (end, rate * end), ha="right", va="bottom", color=_PEER, fontsize=8)
    panel.set(
        title=f"{fleet.count:,} credentials",
        xlabel="seconds",
        ylabel="Secrets",
        xlim=(0, end),
        ylim=(0, fleet.count * 1.04),
    )
    panel.legend(loc="center right", bbox_to_anchor=(1.02, 0.58), frameon=False, fontsize=8)


def _peers(fleet: Fleet) -> list[tuple[str, float]]:
    """The peer's rates, on a machine as fast as this one."""
    rates = {"tuned": PEER_LARGE} if fleet.count >= LARGE else {"tuned": PEER["tuned"], "defaults": PEER["defaults"]}
    return [(how, rate / PEER_CEILING * fleet.bare_rate) for how, rate in rates.items()]


def _points(curve: list[tuple[float, int]]) -> tuple[list[float], list[int]]:
    return [at for at, _ in curve], [count for _, count in curve]
