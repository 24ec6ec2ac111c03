"""Instances of the stand-in that more than one file of tests works on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cloud.hosts import Cloud, cloud_of
from tests.cloud.system import System, system_of
from tests.cloud.windows import WindowsHost
from tests.cloud.windows_desk import Desk


@pytest.fixture
def mariadb_in_rds(mariadb, tmp_path) -> Iterator[System]:
    with system_of("RDS", mariadb, tmp_path) as found:
        yield found


@pytest.fixture
def postgres_in_rds(postgres, tmp_path) -> Iterator[System]:
    with system_of("RDS", postgres, tmp_path) as found:
        yield found


@pytest.fixture
def polar(postgres, tmp_path) -> Iterator[System]:
    with system_of("PolarDB", postgres, tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def windows_instance(tmp_path_factory) -> Iterator[Cloud]:
    with cloud_of(WindowsHost(), tmp_path_factory.mktemp("windows")) as cloud:
        yield cloud


@pytest.fixture
def desk(windows_instance) -> Iterator[Desk]:
    yield Desk(windows_instance)
    windows_instance.ecs.release()
    windows_instance.ecs.next_ran, windows_instance.ecs.assistant = [], "true"
    windows_instance.ecs.host.people.clear()
    windows_instance.ecs.host.refused.clear()
    windows_instance.standin.faults.clear()
    windows_instance.standin.before = lambda _call: None
    windows_instance.standin.ram.users["keyward"].admin = True
    windows_instance.oos.secrets.clear()
