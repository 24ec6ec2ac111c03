"""The controller as it is, but that a test may hold it at a named point, set its clock, or choose what it draws.

    RIG=FOLDER python -m tests.inputs.rigged controller --kubeconfig FILE

It looks for orders in that folder: `hold <point>` has it stand still there (it says so by `held <point>`) until that file is
gone, `clock` holds seconds by which its clock is off, and as long as `weak` is there each password is the account's name.
"""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from keyward.cli import main
from keyward.controller import app, contents, passes
from keyward.controller.passes import Pass
from keyward.domain.model import Origin
from keyward.domain.steps import Reserve
from keyward.sensitive import Sensitive

_draw = contents.Contents.value_of


class Rig:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def hook(self, point: str) -> None:
        order = self._folder / f"hold {point}"
        if order.exists():
            (self._folder / f"held {point}").touch()
        while order.exists():  # noqa: ASYNC110 - another process takes it away
            await asyncio.sleep(0.02)

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
    app.run = partial(app.run, hook=found.hook)  # type: ignore[assignment]
    app._now = found.now

    async def value_of(made: contents.Contents, run: Pass, step: Reserve) -> Sensitive:
        return await found.value_of(made, run, step)

    contents.Contents.value_of = value_of  # type: ignore[method-assign]
    passes.ADMIN_TIMEOUT = 60.0  # who is held must not be timed out


if __name__ == "__main__":
    rig(Path(os.environ["RIG"]))
    main.run()
