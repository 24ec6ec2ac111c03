"""A measurement that is interrupted leaves nothing, as the demo does."""

from __future__ import annotations

import pytest
from tests.demo import run
from tests.demo.run import left

MOMENTS = {
    "the operator works": (("--only", "fleet", "-n", "1"), "c-*/log/operator.log"),
    "PostgreSQL is made": (("--only", "rotation", "--quick"), "pg-*/data"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_interrupt_leaves_nothing(moment):
    arguments, sight = MOMENTS[moment]
    bench = run.start(*arguments, module="benchmarks")
    try:
        folder = bench.folder
        bench.await_sight(sight)
        assert left(folder) != []
        bench.interrupt()
        assert bench.end() == 130, bench.err
        assert "Traceback" not in bench.err
        assert left(folder) == []
    finally:
        bench.close()
