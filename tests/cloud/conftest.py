"""Instances of the stand-in that more than one file of tests works on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cloud.system import System, system_of


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
