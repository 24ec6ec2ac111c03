"""Demos that end with the test that started them, whatever became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.demo import run
from tests.demo.run import Demo


@pytest.fixture
def start() -> Iterator[Callable[..., Demo]]:
    """Starts one, with these arguments and `env`."""
    started: list[Demo] = []

    def one(*args: str, env: dict[str, str] | None = None) -> Demo:
        started.append(run.start(*args, env=env))
        return started[-1]

    yield one
    for demo in started:
        demo.close()
