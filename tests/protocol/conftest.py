"""Thousands of lives are led here: nobody reads what they log, and to write it down is a sixth of their cost."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def _silence() -> Iterator[None]:
    logger = logging.getLogger("keyward")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)
