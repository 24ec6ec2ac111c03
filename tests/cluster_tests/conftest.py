"""Fixtures of the cluster's own tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def own_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A temporary folder of this test's own, for other Pythons too, so that sweeps see no other run.

    Its path is short, unlike tmp_path's, because sockets are made below it. It comes after tmp_path, because pytest
    asks for the temporary folder once and would take ours for the whole session.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("KEYWARD_CACHE", str(folder))
    return folder
