"""An engine whose driver is not there says what to install, and stops nobody else."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from keyward.engines import registry
from keyward.errors import Blocked, Reason

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
DRIVERS = {
    "MySQL": ("pymysql", "mysql"),
    "MariaDB": ("pymysql", "mysql"),
    "Redis": ("redis", "redis"),
    "AlibabaCloud": ("alibabacloud_ram20150501", "alibaba"),
    "Linux": ("asyncssh", "ssh"),
}
WITHOUT = """
import importlib.abc, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition('.')[0] in {absent!r}:
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)
sys.meta_path.insert(0, Absent())
"""


def without(absent: set[str], program: str) -> str:
    """What a program prints in a process that lacks these packages."""
    code = WITHOUT.format(absent=sorted(absent)) + program
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.mark.parametrize("engine", DRIVERS)
def test_a_missing_driver_is_named_with_the_extra_that_brings_it(engine):
    driver, extra = DRIVERS[engine]
    said = without(
        {driver},
        f"""
from keyward.engines import registry
from keyward.errors import Blocked
try:
    registry.get({engine!r})
except Blocked as error:
    print(error.reason, error.message)
print(registry.get('PostgreSQL').name)
""",
    )
    assert f"EngineUnsupported the driver of {engine} is not installed" in said
    assert f"no Python package {driver}): install keyward[{extra}]" in said
    assert said.endswith("PostgreSQL\n")


def test_the_operator_starts_without_any_heavy_driver():
    heavy = {driver for driver, _ in DRIVERS.values()} | {"nacl", "alibabacloud_sts20150401", "darabonba"}
    assert without(heavy, "import keyward.controller.app, keyward.cli.main; print('there')") == "there\n"


def test_every_extra_that_is_named_is_one_of_the_project_and_every_driver_is_one_of_its_dependencies():
    for engine, (_, _, install) in registry.ENGINES.items():
        name, _, extra = install.partition("[")
        if name == "keyward":
            assert set(extra.rstrip("]").split(",")) <= set(EXTRAS), engine
        elif install:
            assert any(one.startswith(install) for one in PROJECT["project"]["dependencies"]), engine


def test_a_mistake_of_ours_is_not_taken_for_a_missing_driver(monkeypatch):
    entry = ("keyward.engines.nowhere", "Nothing", "keyward[nothing]")
    monkeypatch.setitem(registry.ENGINES, "Nothing", entry)
    with pytest.raises(ModuleNotFoundError, match=r"keyward\.engines\.nowhere"):
        registry.get("Nothing")


def test_an_engine_that_is_not_there_is_answered_with_those_that_are():
    with pytest.raises(Blocked, match=r"there is .*MariaDB, MySQL") as caught:
        registry.get("Oracle")
    assert caught.value.reason is Reason.ENGINE_UNSUPPORTED


@pytest.mark.parametrize("engine", registry.ENGINES)
def test_every_engine_has_the_name_that_it_is_asked_for_by(engine):
    assert registry.get(engine).name == engine
