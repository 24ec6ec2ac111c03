"""One clock for all that is recorded: the API server's, as far as its answers tell it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from keyward.kube.client import Client
from keyward.kube.connection import from_kubeconfig
from keyward.kube.kinds import NAMESPACES
from keyward.kube.server_time import ServerTime

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAYS = timedelta(days=2).total_seconds()


class Machine:
    """A machine whose clock is off; the server's says what time it is."""

    def __init__(self, off: float) -> None:
        self.real, self.off = NOON.timestamp() + 0.4, off
        self.time = ServerTime(lambda: self.real + self.off)

    def ask(self, takes: float = 0.0) -> None:
        self.real += takes / 2
        date = format_datetime(datetime.fromtimestamp(int(self.real), UTC), usegmt=True)
        self.real += takes / 2
        self.time.heard(date, takes)

    @property
    def error(self) -> float:
        return self.time().timestamp() - self.real


@pytest.mark.parametrize("takes", [0.0, 0.3, 20.0])
def test_a_clock_that_is_right_is_left_alone(takes):
    machine = Machine(0.0)
    for _ in range(40):
        machine.ask(takes)
        machine.real += 0.13
    assert machine.time.offset == 0.0


@pytest.mark.parametrize("off", [DAYS, -DAYS, 5.0, -5.0])
def test_a_clock_that_is_off_counts_as_the_servers_after_one_answer(off):
    machine = Machine(off)
    machine.ask()
    assert abs(machine.error) <= 1.0


@pytest.mark.parametrize("off", [DAYS, -DAYS])
def test_more_answers_tell_it_better_and_a_slow_one_no_worse(off):
    machine = Machine(off)
    for _ in range(50):
        machine.ask(0.01)
        machine.real += 0.21
    machine.ask(20.0)
    assert abs(machine.error) < 0.25


def test_a_clock_that_is_set_while_it_runs_is_followed_with_the_next_answer():
    machine = Machine(0.0)
    machine.ask()
    machine.off = -DAYS
    machine.real += 2
    machine.ask()
    assert abs(machine.error) <= 1.0


@pytest.mark.parametrize("date", ["", "yesterday", "Sun, 01 Mar 2026 25:61:00 GMT", "\u2028"])
def test_a_header_that_is_no_date_says_nothing(date):
    machine = Machine(DAYS)
    machine.time.heard(date, 0.0)
    assert machine.time.offset == 0.0


async def test_a_real_server_tells_the_time(kubeconfig):
    clock = ServerTime(lambda: time.time() - DAYS)
    async with Client(from_kubeconfig(kubeconfig), heard=clock.heard) as client:
        await client.get(NAMESPACES, "", "default")
        await client.get(NAMESPACES, "", "not-there")
    assert abs(clock() - datetime.now(UTC)) < timedelta(seconds=2)
