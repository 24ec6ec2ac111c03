"""The operator's clock is set back by two days, and set right again: it goes on to rotate when asked, and storms nobody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.inputs.desk import Desk
from tests.inputs.rigging import rigged
from tests.whole_path.accounts import created, rds, refused, rotated
from tests.whole_path.world import until

BACK, RIGHT = timedelta(days=-2), timedelta(0)


@pytest.fixture(scope="module")
def desk(control_plane, server) -> Iterator[Desk]:
    desk = Desk(control_plane, server, "inputs-clock")
    desk.prepare()
    yield desk
    desk.close()


def test_a_clock_that_is_set_back_and_right_again_costs_nobody_a_value(desk, tmp_path: Path):
    with rigged(desk, tmp_path) as rigging:
        desk.apply(rds(desk, "clock", created("orders_clock")))
        until("Ready", lambda: desk.ready("clock"))
        writes = desk.writes()
        for number, off in enumerate((BACK, RIGHT, BACK, RIGHT)):
            rigging.set_clock(off)
            _, after = rotated(desk, "clock", f"t{number}")
            assert not refused(desk, after)
        until("Ready", lambda: desk.ready("clock"))
        until("the latest", lambda: _sequence(desk) == 5)
        writes.read()
        assert len(writes.writes) <= 4 * 10
        status = desk.get("credential", "clock")["status"]
        assert "failures" not in status
        assert status["nextRotation"] > status["lastRotated"]
        assert rigging.operator.process.poll() is None


def _sequence(desk: Desk) -> int:
    return int(desk.versions("clock")[-1]["spec"]["sequence"])
