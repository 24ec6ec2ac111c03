"""Fixtures that tests of more than one folder use; each lives beside what it starts."""

from __future__ import annotations

import gc
import os
import signal
import ssl

import pytest
from hypothesis import HealthCheck, settings
from tests import order, spent
from tests.cluster import owned

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background job ignores Ctrl-C, and so would every process that a test starts and interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The cycles of a test are few and its objects many: to look for the former again and again is a seventh of what lives cost.
gc.set_threshold(50_000, 20, 50)
# Kubernetes' programs collect garbage seldom while they are small: a sixth of what the API server costs. And each keeps to one
# processor, as there are more of them than processors: a tenth, and a quarter of etcd, is what their threads cost each other.
os.environ.setdefault("GOGC", "400")
os.environ.setdefault("GOMAXPROCS", "1")
os.environ.setdefault("GOMEMLIMIT", "512MiB")

# Redis' client reads all that the machine trusts for each connection, beside the CA that it is told: two fifths of what such
# tests cost. No certificate that they meet is signed by one of those.
ssl.SSLContext.load_default_certs = lambda context, purpose=ssl.Purpose.SERVER_AUTH: None  # type: ignore[method-assign]

# How long an example takes tells of the machine alone.
settings.register_profile("keyward", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("keyward")

pytest_plugins = [
    "tests.cluster.fixtures",
    "tests.cluster.postgres_fixtures",
    "tests.cluster.mysql_fixtures",
    "tests.cluster.redis_fixtures",
    "tests.cluster.sshd_fixtures",
]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: -order.seconds(item.path))


def pytest_collection_finish() -> None:
    """What was loaded stays to the end: no search for garbage goes through it again, and pytest ends with five whole ones."""
    gc.freeze()


@pytest.hookimpl(trylast=True)  # the reporter is there by then
def pytest_configure(config: pytest.Config) -> None:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(spent.Spent(reporter))


def pytest_unconfigure(config: pytest.Config) -> None:
    """An interrupt gives workers some seconds for their end; what they left then ends with the run, not with the next one."""
    if not hasattr(config, "workerinput"):
        owned.sweep()
