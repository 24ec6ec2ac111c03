from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.main import get_command

from keyward.cli import main
from keyward.cli.later import Later

ROOT = Path(__file__).parents[2]
COMMANDS = [
    [],
    ["controller"],
    ["keyring"],
    ["keyring", "init"],
    ["keyring", "rotate"],
    ["keyring", "destroy"],
    ["takeover"],
    ["target"],
    ["target", "approve"],
    ["version"],
]


@dataclass(frozen=True)
class Answer:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def keyward(capsys, monkeypatch):
    """The entry point as it is called, without the price of a process."""
    for name in [n for n in os.environ if n.startswith(("KUBE", "KEYWARD"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "120")

    def call(*args: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["keyward", *args])
        with pytest.raises(SystemExit) as ended:
            main.run()
        said = capsys.readouterr()
        return Answer(int(ended.value.code or 0), said.out, said.err)

    return call


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself(keyward, command):
    answer = keyward(*command, "--help")
    assert answer.returncode == 0
    assert answer.stderr == ""
    assert len(answer.stdout.splitlines()) > 5
    assert "Usage: keyward" in answer.stdout


def test_help_of_the_controller_names_what_an_operator_looks_for(keyward):
    text = keyward("controller", "--help").stdout
    for option in ("--kubeconfig", "--context", "--namespace", "--metrics-address", "--freeze", "--keyring-file"):
        assert option in text


def test_the_version_is_printed_for_people_and_for_programs(keyward):
    assert keyward("version").stdout.startswith("keyward ")
    assert set(json.loads(keyward("version", "--json").stdout)) == {"version", "python", "platform"}


@pytest.mark.parametrize(
    "command",
    [
        ["nonsense"],
        ["controller", "--metrics-address", "8080"],
        ["target", "approve"],
        ["controller", "--workers", "0"],
    ],
    ids=" ".join,
)
def test_wrong_use_ends_with_2_and_names_what_is_wrong(keyward, command):
    answer = keyward(*command)
    assert answer.returncode == 2
    assert "Traceback" not in answer.stderr
    assert answer.stdout == ""
    assert "Error: " in answer.stderr
    assert any(word in answer.stderr for word in (*command[-2:], "Missing argument"))


@pytest.mark.parametrize("command", [["controller"], ["keyring", "init"], ["target", "approve", "pg"]], ids=" ".join)
def test_a_kubeconfig_that_is_not_there_is_one_clear_line(keyward, command):
    answer = keyward(*command, "--kubeconfig", "/nonexistent/config")
    assert answer.returncode == 1
    assert answer.stdout == ""
    (line,) = answer.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert "/nonexistent/config" in line


# --- what a command loads ---

HEAVY = {"aiohttp", "cryptography", "jinja2", "kopf", "orjson", "prometheus_client", "psycopg", "uvloop", "yaml"}
CLIENT = {"aiohttp", "orjson", "yaml"}
LOADED = (
    "import atexit, sys; from keyward.cli import main; "
    "atexit.register(lambda: print('loaded', *sys.modules, file=sys.stderr)); main.run()"
)


def loaded_by(*words: str) -> set[str]:
    """The modules that a run of the command line has loaded when it ends."""
    run = subprocess.run(
        [sys.executable, "-c", LOADED, *words],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "operator")},
    )
    word, *modules = run.stderr.splitlines()[-1].split()
    assert word == "loaded", run.stderr
    return set(modules)


@pytest.mark.parametrize("word", ["version", "--help"])
def test_what_asks_nobody_loads_the_command_line_alone(word):
    modules = loaded_by(word)
    assert not HEAVY & modules
    assert {m for m in modules if m.startswith("keyward.")} == {
        "keyward.cli",
        "keyward.cli.later",
        "keyward.cli.main",
        "keyward.errors",
    }


@pytest.mark.parametrize(
    ("command", "libraries", "parts"),
    [
        ("target approve pg", CLIENT, {"api.names", "api.places", "controller.settings", "controller.targets"}),
        ("takeover", CLIENT, {"api.names", "controller.settings"}),
        ("keyring init", CLIENT | {"cryptography"}, {"api.names", "controller.keyring", "controller.settings"}),
    ],
)
def test_a_command_loads_of_the_operator_what_it_uses(command, libraries, parts):
    modules = loaded_by(*command.split(), "--kubeconfig", "/nonexistent/config")
    assert HEAVY & modules == libraries
    ours = {m.removeprefix("keyward.") for m in modules if m.startswith(("keyward.api.", "keyward.controller."))}
    assert ours == parts
    assert not any(m.startswith("keyward.engines") for m in modules)


def test_the_list_of_commands_says_of_each_what_its_own_help_begins_with():
    later = [command for command in get_command(main.app).commands.values() if isinstance(command, Later)]
    assert len(later) == 4
    for command in later:
        assert command.get_short_help_str(200) == command.loaded().get_short_help_str(200)
