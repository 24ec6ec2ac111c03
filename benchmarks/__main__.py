"""`python -m benchmarks`: measures, prints, and after a whole run writes docs/benchmarks.{md,svg,json}."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.cluster.progress import progress

from benchmarks import envelope, environment, figures, machine, projection, report, rotation
from benchmarks.figures import Figures
from benchmarks.targets import verdicts

DOCS = Path(__file__).parents[1] / "docs"
SIZES = (2_000, 10_000)
QUICK = (200,)
BENCHES = ("fleet", "rotation", "envelope")


def options(arguments: list[str]) -> argparse.Namespace:
    """The command line. Ends the process with 2 if it is used wrongly."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("-n", type=int, action="append", metavar="N", help=f"size of a fleet; default {SIZES}")
    parser.add_argument("--only", action="append", choices=BENCHES, help="this bench alone, and print only")
    parser.add_argument("--quick", action="store_true", help=f"a fleet of {QUICK[0]} and few rotations, and print only")
    parser.add_argument("--out", type=Path, help="write the page, plot and figures into this folder, whatever was run")
    parser.add_argument("--render", action="store_true", help="write page and plot anew from benchmarks.json")
    found = parser.parse_args(arguments)
    if any(n < 1 for n in found.n or ()):
        parser.error("-n: a fleet has at least one credential")
    return found


def measure(chosen: argparse.Namespace) -> Figures:
    """What was asked for."""
    wanted = chosen.only or BENCHES
    sizes = sorted(chosen.n or (QUICK if chosen.quick else SIZES)) if "fleet" in wanted else []
    facts = machine.facts()
    sealed = None
    if "envelope" in wanted:
        with progress("sealing and opening"):
            sealed = envelope.measure()
    rotated = rotation.measure(10 if chosen.quick else 60) if "rotation" in wanted else None
    return Figures(facts, [projection.measure(size) for size in sizes], rotated, sealed)


def write(found: Figures, folder: Path) -> None:
    """The page, and its plot where there is one."""
    from benchmarks import plot

    folder.mkdir(parents=True, exist_ok=True)
    if found.fleets:
        plot.draw(found.fleets, folder / "benchmarks.svg")
    (folder / "benchmarks.md").write_text(report.render(found), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """0 when everything was measured, whether the aims were met or not."""
    chosen = options(arguments)
    if chosen.render:
        write(figures.read(DOCS / "benchmarks.json"), DOCS)
        return 0
    found = measure(chosen)
    print(report.render(found))
    partial = chosen.only or chosen.quick or chosen.n
    folder = chosen.out or (None if partial else DOCS)
    if folder is not None:
        write(found, folder)
        figures.write(found, folder / "benchmarks.json")
        print(f"written to {folder}", file=sys.stderr)
    missed = sum(not v.met for v in verdicts(found))
    print(f"{missed} of {len(verdicts(found))} aims were not met" if missed else "all aims were met", file=sys.stderr)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (projection.UnfinishedError, environment.InstallError) as error:
        sys.exit(f"no figures: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
