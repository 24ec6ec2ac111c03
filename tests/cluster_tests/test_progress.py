"""What takes long is shown with the time spent; what is quick is not."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from tests.cluster import progress
from tests.cluster_tests.helpers import ROOT, until


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("kind", [io.StringIO, Terminal])
def test_quick_work_is_silent(kind: type[io.StringIO]) -> None:
    out = kind()
    with progress.progress("work", stream=out):
        pass
    assert out.getvalue() == ""


def test_a_terminal_gets_one_line_that_is_rewritten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_SILENT_SECONDS", 0.0)
    monkeypatch.setattr(progress, "_TERMINAL_SECONDS", 0.01)
    out = Terminal()
    with progress.progress("work", stream=out):
        until(lambda: out.getvalue().count("\r") > 3)
    assert out.getvalue().count("\n") == 1
    assert out.getvalue().endswith("work: done in 0 s\n")


def test_a_file_gets_a_line_now_and_then_and_the_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_SILENT_SECONDS", 0.0)
    out = io.StringIO()
    with progress.progress("work", stream=out):
        until(lambda: "work: 0 s\n" in out.getvalue())
    assert out.getvalue() == "work: 0 s\nwork: done in 0 s\n"


def test_work_that_failed_is_not_called_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_SILENT_SECONDS", 0.0)
    out = io.StringIO()
    with pytest.raises(ValueError, match="x"), progress.progress("work", stream=out):
        raise ValueError("x")
    assert out.getvalue().endswith("work: stopped after 0 s\n")


def test_whatever_make_runs_shows_its_progress():
    lines = [line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("\t@")]
    work = [line for line in lines if "$(RUN)/" in line or "$(PYTHON) -m" in line]
    assert len(work) > 15
    shows_it_itself = ("-m demo", "-m benchmarks", "-m pytest", "-m tests.cluster")
    assert [line for line in work if "$(SHOWN)" not in line and not any(own in line for own in shows_it_itself)] == []


def test_as_a_program_it_runs_a_command_and_hands_back_its_status():
    program = [sys.executable, progress.__file__, "work", "/bin/sh", "-c", "echo done; exit 3"]
    answer = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout, answer.stderr) == (3, "done\n", "")
