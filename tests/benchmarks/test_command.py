"""The command as a whole, on real servers, with so few credentials that its figures say nothing but that it works."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import figures

ROOT = Path(__file__).parents[2]
COUNT = 20


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    answer = subprocess.run(
        [sys.executable, "-m", "benchmarks", "-n", str(COUNT), "--quick", "--out", str(folder)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return answer, folder


def test_it_prints_the_page_that_it_writes(run):
    answer, folder = run
    assert answer.stdout.strip() == (folder / "benchmarks.md").read_text().strip()
    assert (folder / "benchmarks.svg").stat().st_size > 1000


def test_bare_client_and_operator_write_the_same_objects(run):
    (found,) = figures.read(run[1] / "benchmarks.json").fleets
    three = {"create credentialversions": COUNT, "create secrets": COUNT, "patch credentials/status": COUNT}
    assert [leg.writes for leg in found.bare] == [three, three]
    once = {"patch encryptionkeys": 1, "patch encryptionkeys/status": 1}
    assert (
        found.operator.writes == three | {"create secrets": COUNT + 1} | once
    )  # the keyring, and the key's own upkeep


def test_the_operator_sends_three_requests_for_each_credential(run):
    (found,) = figures.read(run[1] / "benchmarks.json").fleets
    each = {name: count for name, count in found.requests.items() if count >= COUNT}
    assert each == {
        "create credentialversions.keyward.dev": COUNT,
        "create secrets": COUNT + 1,
        "patch credentials.keyward.dev": COUNT,
    }


def test_a_restart_with_nothing_due_writes_and_opens_nothing(run):
    (found,) = figures.read(run[1] / "benchmarks.json").fleets
    assert (found.restart.writes, found.restart.key_calls) == (0, 0)
    assert found.restart.requests > 0


def test_figures_hold_no_value_and_no_path_of_this_machine(run):
    text = json.dumps(json.loads((run[1] / "benchmarks.json").read_text()))
    assert str(ROOT) not in text
    assert "password" not in text


def test_a_fleet_of_none_is_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        command.options(["-n", "0"])
    assert ended.value.code == 2
    assert "at least one" in capsys.readouterr().err
