"""Which points are one and the same: a kill after an effect is one before the next, and no gap between two is left out."""

from __future__ import annotations

from tests.kills.chronicle import _agreed
from tests.kills.lives import Kin, Life
from tests.kills.points import Passed


class Traced:
    """An operator that passed the same for everybody."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def passed(self, whose: str, _since: int) -> list[Passed]:
        return [Passed(0.0, whose, name, stands=False) for name in self._names]


def kept(*names: str, but: str = "") -> list[str]:
    life = Life(Kin("generic"), "k-1", "kills", "none", 0, 0)
    record = _agreed(Traced(*names), [life, life], 0, {life.name: {}}, lambda point: point.step != but)
    return [str(point) for point in record.points]


def test_after_one_effect_and_before_the_next_is_one_point():
    found = kept("reserve:before", "reserve:send", "reserve:after", "apply:before", "apply:send", "apply:after")
    assert found == ["reserve:before", "reserve:send", "reserve:after", "apply:send", "apply:after"]


def test_where_an_effect_is_left_out_the_gap_after_it_keeps_a_point():
    write = "patch secrets"
    found = kept(f"{write}:before", f"{write}:after", "apply:before", "apply:send", "apply:after", but=write)
    assert found == ["apply:before", "apply:send", "apply:after"]
