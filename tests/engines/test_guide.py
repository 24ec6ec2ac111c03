"""docs/engines.md is true: an engine is added in a copy of the repository by its three steps, and passes the suite unchanged."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.pages import ROOT, page

GUIDE = page("docs/engines.md")
COPIED = ("operator", "tests", "docs", "crds", "pyproject.toml")
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*_cache")


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """The repository, with the engine added as the guide says."""
    folder = tmp_path_factory.mktemp("repository")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=IGNORED)
        else:
            shutil.copy(ROOT / name, folder / name)
    for line in GUIDE.commands:
        if line.startswith("cp "):
            subprocess.run(line, shell=True, cwd=folder, check=True)
    registry = folder / "operator/keyward/engines/registry.py"
    text = registry.read_text(encoding="utf-8")
    (entry,) = GUIDE.fences("python")
    table, end, rest = text.partition("\n}\n")
    assert "ENGINES: Final" in table
    registry.write_text(f"{table}\n{entry.rstrip()}{end}{rest}", encoding="utf-8")
    return folder


def _run(copy: Path, *command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(copy / "operator"), "PYTHONDONTWRITEBYTECODE": "1"}
    for name in [name for name in environment if name.startswith(("PYTEST_", "COV_"))]:
        del environment[name]
    answer = subprocess.run(
        [sys.executable, "-m", *command], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout[-6000:] + answer.stderr[-2000:]
    return answer.stdout


def _files(folder: Path) -> dict[str, bytes]:
    found = (
        file
        for name in COPIED
        for file in ([folder / name] if (folder / name).is_file() else (folder / name).rglob("*"))
    )
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in found
        if file.is_file() and "__pycache__" not in file.parts and not re.search(r"/\.\w+_cache/", str(file))
    }


def test_it_takes_one_file_one_entry_and_one_fixture(copy):
    before, after = _files(ROOT), _files(copy)
    assert after.keys() - before.keys() == {
        "operator/keyward/engines/lockbox.py",
        "tests/engines/conformance/lockbox.py",
    }
    changed = [name for name in before if after[name] != before[name]]
    assert changed == ["operator/keyward/engines/registry.py"]
    added = len(after[changed[0]].splitlines()) - len(before[changed[0]].splitlines())
    assert added == 1


def test_the_suite_passes_on_it_unchanged(copy):
    (command,) = [line for line in GUIDE.commands if line.startswith("python -m pytest")]
    said = _run(copy, *command.split()[2:], "-q", "-p", "no:cacheprovider", "-p", "no:randomly")
    counted = re.search(r"(\d+) passed", said)
    assert counted is not None
    assert int(counted[1]) > 100
    assert not re.search(r"\d+ (failed|skipped|error)", said)


def test_the_suite_fails_on_it_where_the_engine_is_careless(copy):
    """One guard of the engine taken out: the suite is what notices."""
    engine = copy / "operator/keyward/engines/lockbox.py"
    whole = engine.read_text(encoding="utf-8")
    careless = whole.replace("        await before_send()\n", "", 1)
    assert careless != whole
    engine.write_text(careless, encoding="utf-8")
    try:
        with pytest.raises(AssertionError, match="test_nothing_is_sent_if_the_last_question_is_answered_with_no"):
            _run(copy, "pytest", "tests/engines/conformance/test_apply.py", "-k", "Lockbox and last_question", "-q")
    finally:
        engine.write_text(whole, encoding="utf-8")


def test_it_keeps_to_the_layers(copy):
    said = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy / "operator")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout
