"""Fixtures that tests of more than one folder use; each lives beside what it starts."""

from __future__ import annotations

import signal

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background job ignores Ctrl-C, and so would every process that a test starts and interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = [
    "tests.cluster.fixtures",
    "tests.cluster.postgres_fixtures",
    "tests.cluster.mysql_fixtures",
    "tests.cluster.redis_fixtures",
    "tests.cluster.sshd_fixtures",
]

# Two files run at once (see the Makefile), each on one worker: what takes minutes begins first, so that none ends alone.
LONG = (
    "whole_path/test_no_failed_login",
    "kills/",
    "faults/",
    "restores/",
    "protocol/test_faults",
    "demo/test_whole",
    "whole_path/",
    "inputs/",
    "cluster_tests/test_node",
    "benchmarks/",
    "engines/",
)


def _rank(item: pytest.Item) -> int:
    return next((rank for rank, part in enumerate(LONG) if f"tests/{part}" in item.nodeid), len(LONG))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_rank)
