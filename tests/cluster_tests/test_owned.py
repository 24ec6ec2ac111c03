"""A later run ends what a killed one left, and nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from tests.cluster import owned
from tests.cluster_tests.helpers import python, until

SERVE = """
import sys, signal
from pathlib import Path
from tests.cluster import process
running = process.start(process.Server(
    name="s", argv=["/bin/sh", "-c", "exec sleep 1000"], ready=lambda: True, log=Path(sys.argv[1])))
print(running.pid, flush=True)
signal.pause()
"""


def test_what_a_killed_run_left_is_ended_by_the_next(own_runs: Path, tmp_path: Path) -> None:
    child = python(SERVE, str(tmp_path / "log"))
    assert child.stdout is not None
    server = int(child.stdout.readline())
    assert owned.sweep() == []
    assert owned.start_time(server) is not None
    child.kill()
    child.communicate()
    assert len(owned.sweep()) == 1
    assert owned.start_time(server) is None
    assert list(owned.runs_folder().iterdir()) == []


def test_what_an_interrupt_cut_off_from_its_own_clean_up_goes_when_the_run_leaves(own_runs: Path) -> None:
    cut_off = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    try:
        owned.record(cut_off.pid)
        (owned.new_folder("x") / "data").mkdir()
        owned.leave()
        assert cut_off.wait(timeout=10) == -signal.SIGTERM
        assert list(owned.runs_folder().iterdir()) == []
        owned.leave()
        assert list(owned.runs_folder().iterdir()) == []
    finally:
        cut_off.kill()


def test_a_process_that_got_a_dead_ones_number_is_left_alone(own_runs: Path) -> None:
    stranger = subprocess.Popen(["sleep", "1000"])
    try:
        born = owned.start_time(stranger.pid)
        assert born is not None
        run = owned.runs_folder() / "999999999-1"
        run.mkdir()
        (run / "a.pid").write_text(json.dumps({"pid": stranger.pid, "start": born - 1}))
        (run / "b.pid").write_text("half writ")
        assert owned.sweep() == [run]
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_run_that_lives_is_left_alone(own_runs: Path) -> None:
    folder = owned.new_folder("x")
    assert owned.sweep() == []
    assert folder.is_dir()
    owned.drop_folder(folder)
    assert not folder.parent.exists()


def test_a_folder_that_somebody_else_put_there_is_refused(own_runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (own_runs / "elsewhere").mkdir()
    (own_runs / f"kw-{os.getuid()}").symlink_to(own_runs / "elsewhere")
    with pytest.raises(PermissionError, match="somebody else"):
        owned.sweep()


def test_a_zombie_counts_as_gone() -> None:
    child = subprocess.Popen(["sleep", "1000"])
    child.send_signal(signal.SIGKILL)
    until(lambda: owned.start_time(child.pid) is None)
    child.wait()
