"""The kind adapter, against a program that writes down how it was called in kind's place."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path

import pytest
from tests.cluster import binaries, kind
from tests.cluster_tests.helpers import first_on_path, program

KIND = """
echo "$*" >> "$MARKS/kind"
case "$1 $2" in
  "create cluster")
    [ -e "$MARKS/fail" ] && exit 1
    for word in "$@"; do case "$word" in --kubeconfig=*) cp "$MARKS/template" "${word#--kubeconfig=}";; esac; done
    while [ "$1" != --config ]; do shift; done
    cp "$2" "$MARKS/config";;
  "load image-archive") cp "$3" "$MARKS/image";;
esac
"""
DOCKER = """
[ -e "$MARKS/down" ] && exit 1
cat <<END
[{"IPAM": {"Config": [{"Subnet": "fc00::/64", "Gateway": "fc00::1"}, {"Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1"}]}}]
END
"""
TEMPLATE = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "k", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "k", "user": {}}],
    "contexts": [{"name": "k", "context": {"cluster": "k", "user": "k"}}],
    "current-context": "k",
}


@pytest.fixture
def marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_runs: Path) -> Path:
    programs = tmp_path / "bin"
    for name, script in (("kind", KIND), ("docker", DOCKER), ("kubectl", "echo $KUBECONFIG")):
        program(programs, name, script)
    first_on_path(monkeypatch, programs)
    monkeypatch.setenv("MARKS", str(tmp_path))
    (tmp_path / "template").write_text(json.dumps(TEMPLATE))
    program(tmp_path / "client", "loginclient", "exit 0")
    monkeypatch.setattr(binaries, "ensure", lambda _: tmp_path / "client")
    return tmp_path


def calls(marks: Path) -> list[str]:
    return [" ".join(line.split()[:2]) for line in (marks / "kind").read_text().splitlines()]


def test_a_cluster_is_made_used_and_deleted(marks: Path, own_runs: Path) -> None:
    assert kind.obstacle() is None
    with kind.serving("asked for") as cluster:
        assert cluster.way == "kind"
        assert cluster.has_pods
        assert not cluster.pod_host_network
        assert cluster.kubectl("version").strip() == str(cluster.kubeconfig)
    assert calls(marks) == ["get clusters", "create cluster", "load image-archive", "delete cluster"]
    assert not list(own_runs.glob("*/*"))
    assert not Path(".pytest-kind").exists()


def test_the_kubelet_looks_for_changes_every_two_seconds(marks: Path) -> None:
    with kind.serving("asked for"):
        patch = json.loads((marks / "config").read_text())["nodes"][0]["kubeadmConfigPatches"][0]
    assert "kind: KubeletConfiguration\nsyncFrequency: 2s\n" in patch


def test_targets_are_on_the_bridges_ipv4_address(marks: Path) -> None:
    with kind.serving("asked for") as cluster:
        assert cluster.require_target_address() == "172.18.0.1"


def test_a_cluster_that_half_came_about_is_deleted(marks: Path, own_runs: Path) -> None:
    (marks / "fail").touch()
    with pytest.raises(subprocess.CalledProcessError), kind.serving("asked for"):
        pass
    assert calls(marks)[-1] == "delete cluster"
    assert not list(own_runs.glob("*/*"))


def test_an_engine_that_does_not_answer_is_the_obstacle(marks: Path) -> None:
    (marks / "down").touch()
    assert kind.obstacle() == "the container engine does not answer"


def test_without_the_program_kind_that_is_the_obstacle(marks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(marks))
    assert kind.obstacle() == "there is no program kind"


def test_without_pytest_kind_that_is_the_obstacle(marks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert kind.obstacle() == "pytest-kind is not installed"
