"""The controller as it is, but that a test may set its clock, or choose what it draws.

    RIG=FOLDER python -m tests.inputs.rigged controller --kubeconfig FILE

It looks for orders in that folder: `clock` holds seconds by which its clock is off, and as long as `weak` is there each password
is the account's name.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from keyward.cli import main
from keyward.controller import app, contents
from keyward.controller.passes import Pass
from keyward.domain.steps import Reserve
from keyward.domain.version import Origin
from keyward.sensitive import Sensitive

_draw = contents.Contents.value_of


class Rig:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def now(self) -> datetime:
        clock = self._folder / "clock"
        off = float(clock.read_text() or 0) if clock.exists() else 0.0
        return datetime.now(UTC) + timedelta(seconds=off)

    async def value_of(self, made: contents.Contents, run: Pass, step: Reserve) -> Sensitive:
        if step.origin is Origin.GENERATED and (self._folder / "weak").exists():
            return Sensitive(step.account)
        return await _draw(made, run, step)


def rig(folder: Path) -> None:
    found = Rig(folder)
    app._now = found.now

    async def value_of(made: contents.Contents, run: Pass, step: Reserve) -> Sensitive:
        return await found.value_of(made, run, step)

    contents.Contents.value_of = value_of  # type: ignore[method-assign]


if __name__ == "__main__":
    rig(Path(os.environ["RIG"]))
    main.run()
