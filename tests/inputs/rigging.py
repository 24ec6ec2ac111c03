"""Gives orders to the operator of `rigged`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tests.inputs.desk import Desk
from tests.whole_path.running import Operator, limited, running


@dataclass(slots=True)
class Rigging:
    operator: Operator
    folder: Path

    def set_clock(self, off: timedelta) -> None:
        """How far its clock is off from now on."""
        draft = self.folder / "clock.new"
        draft.write_text(str(off.total_seconds()))
        draft.replace(self.folder / "clock")

    def draw_weak_ones(self) -> None:
        (self.folder / "weak").touch()

    def draw_strong_ones(self) -> None:
        (self.folder / "weak").unlink()

    def refusals(self) -> int:
        """Candidates that were refused and given up."""
        lines = (self.operator.page("metrics") or "").splitlines()
        found = [line for line in lines if line.startswith("keyward_rotations_total") and 'result="refused"' in line]
        return int(sum(float(line.rsplit(" ", 1)[1]) for line in found))


@contextmanager
def rigged(desk: Desk, folder: Path) -> Iterator[Rigging]:
    """The operator, rigged, for as long as the body runs."""
    rig = {"RIG": str(folder)}
    with running(limited(desk.cluster), desk.log, program="tests.inputs.rigged", environment=rig) as operator:
        operator.await_ready()
        yield Rigging(operator, folder)
