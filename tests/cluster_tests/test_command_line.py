"""`up` leaves one cluster running, twice gives the same, `down` ends it and may be said again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster_tests.helpers import ROOT


def cluster(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.cluster", *args], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.fixture
def taken_down(own_runs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.delenv("KEYWARD_KUBECONFIG", raising=False)
    yield own_runs
    cluster("down")


def test_a_cluster_is_left_running_found_again_and_taken_down(taken_down: Path) -> None:
    first = cluster("up", "--control-plane")
    assert first.returncode == 0, first.stderr
    kubeconfig = Path(first.stdout.splitlines()[0].removeprefix("export KUBECONFIG="))
    assert kubeconfig.is_file()
    assert "stop it: make clean-cluster" in first.stdout
    assert cluster("up", "--control-plane").stdout == first.stdout
    asked = cluster("up")
    assert (asked.returncode, "stop it first" in asked.stderr) == (1, True)
    assert cluster("down").stdout == "stopped\n"
    assert not kubeconfig.exists()
    assert cluster("down").stdout == "no cluster is running\n"


def test_a_cluster_that_does_not_come_up_says_why(taken_down: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYWARD_KUBECONFIG", "/nowhere/kubeconfig")
    failed = cluster("up")
    assert failed.returncode == 1
    assert "KEYWARD_KUBECONFIG names /nowhere/kubeconfig, and there is no such file" in failed.stderr
