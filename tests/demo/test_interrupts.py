"""The demo, interrupted: in its start it leaves nothing, in its play it sums up first."""

from __future__ import annotations

import pytest
from tests.cluster_tests.helpers import until
from tests.demo.run import left

MOMENTS = {
    "the cluster starts": "c-*/pki",
    "PostgreSQL is made": "pg-*/data",
    "MariaDB is made": "mariadb-*/data",
    "Redis is made": "redis-*/data",
    "a host is made": "sshd-*/host",
    "the operator starts": "demo-*/operator.log",
    "the clients begin": "demo-*/client-*.log",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_interrupt_during_the_start_leaves_nothing(start, moment):
    demo = start("--no-pods")
    folder = demo.folder
    demo.await_sight(MOMENTS[moment])
    assert left(folder) != []
    demo.interrupt()
    assert demo.end() in (130, 0), demo.out + demo.err
    assert "Traceback" not in demo.err
    assert left(folder) == []


def test_an_interrupt_in_the_play_sums_up_and_a_second_one_does_not_hinder_the_end(start):
    demo = start("--keep", "--no-pods")
    folder = demo.folder
    demo.await_line("v1 → v2")
    demo.interrupt()
    demo.await_line(" refused")
    demo.interrupt()
    assert demo.end() == 0, demo.err
    assert demo.counted()[1:] >= (1, 0)
    assert left(folder) == []


def test_a_refused_login_is_counted_and_makes_the_status_1(start):
    demo = start("--keep", "--no-pods")
    folder = demo.folder
    demo.await_line("orders-db logs in")
    file = next(folder.glob("demo-*/file-orders-db/credential.json"))
    log = next(folder.glob("demo-*/client-orders-db.log"))
    file.write_text(file.read_text().replace('"password":"', '"password":"x'))
    until(lambda: '"28P01"' in log.read_text())
    demo.interrupt()
    assert demo.end() == 1, demo.out + demo.err
    assert demo.counted()[2] >= 1
