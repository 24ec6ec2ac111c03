"""The node runs pods that see their Secrets change, and its end leaves nothing, however it comes."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster import Cluster, owned, plain, remains
from tests.cluster_tests.helpers import finish, python, until

RUN = """
import json, signal, sys
from tests.cluster import plain
from tests.cluster_tests.test_node import login_pod
with plain.serving(need_pods=True) as cluster:
    for name, host in (("a", True), ("b", False)):
        cluster.kubectl("apply", "-f", "-", input=login_pod(cluster, name, host_network=host))
    cluster.kubectl("wait", "--for=condition=Ready", "pod/a", "pod/b", "--timeout=30s")
    print(json.dumps([str(cluster.plane.folder), cluster.plane.ports.api]), flush=True)
    signal.pause()
"""
_WHERE = {"host": "127.0.0.1", "port": "1", "database": "d", "password": "p"}


def login_pod(cluster: Cluster, name: str, *, host_network: bool) -> str:
    """A Secret and a pod that reads it before each of its logins."""
    container = {
        "name": "client",
        "image": cluster.login_image,
        "imagePullPolicy": "Never",
        "args": ["-interval", "100ms", "-ca", "/credential/ca.crt"],
        "volumeMounts": [{"name": "credential", "mountPath": "/credential", "readOnly": True}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    spec = {
        "hostNetwork": host_network,
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
        "volumes": [{"name": "credential", "secret": {"secretName": name}}],
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [secret(cluster, name, "first"), pod]})


def secret(cluster: Cluster, name: str, user: str) -> dict[str, object]:
    assert cluster.plane is not None
    data = {
        "credential.json": json.dumps(_WHERE | {"username": user}),
        "ca.crt": cluster.plane.authority.ca_file.read_text(),
    }
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}


def traces(folder: Path, name: str) -> list[str]:
    """What of a node is to be seen in the kernel and outside of its folder."""
    found = [f"mount {point}" for point in remains.mounts(folder)]
    found += [f"group {group}" for group in remains._groups(name) if group.exists()]
    found += [f"link {path}" for path in Path("/sys/class/net").glob(name)]
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and owned.start_time(int(process.name)) is not None:
            words = (process / "cmdline").read_bytes()
            if os.fsencode(folder) in words:
                found.append(f"process {words!r}")
    return found + [f"folder {path}" for path in (folder,) if path.exists()]


@pytest.fixture(scope="module")
def running() -> Iterator[Cluster]:
    with plain.serving(need_pods=True) as cluster:
        cluster.require_pods()
        yield cluster


def test_a_pod_sees_its_mounted_secret_change(running: Cluster) -> None:
    running.kubectl("apply", "-f", "-", input=login_pod(running, "reader", host_network=running.pod_host_network))
    running.kubectl("wait", "--for=condition=Ready", "pod/reader", "--timeout=30s")

    def users() -> list[str]:
        return [json.loads(line).get("user", "") for line in running.kubectl("logs", "reader").splitlines()]

    until(lambda: "first" in users())
    running.kubectl("apply", "-f", "-", input=json.dumps(secret(running, "reader", "second")))
    until(lambda: "second" in users(), seconds=10)
    last = json.loads(running.kubectl("logs", "reader").splitlines()[-1])
    assert (last["ok"], last["refused"], last["code"]) == (False, False, "connect")
    running.kubectl("delete", "pod", "reader", "--timeout=30s")


def test_a_deployment_rolls_out(running: Cluster) -> None:
    running.kubectl("create", "deployment", "pause", f"--image={running.pause_image}", "--replicas=2")
    running.kubectl("rollout", "status", "deployment/pause", "--timeout=60s")
    running.kubectl("delete", "deployment", "pause")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_nothing_is_left_after(how: signal.Signals, own_runs: Path) -> None:
    child = python(RUN)
    assert child.stdout is not None
    line = child.stdout.readline()
    assert line, finish(child)
    folder, port = json.loads(line)
    seen = traces(Path(folder), f"kw{port}")
    for what in ("mount", "group", "link", "process"):
        assert any(trace.startswith(what) for trace in seen), what
    child.send_signal(how)
    finish(child)
    if how != signal.SIGINT:
        assert len(owned.sweep()) == 1
    assert traces(Path(folder), f"kw{port}") == []


def test_folders_that_the_system_did_not_have_go_with_the_last_node(
    own_runs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stray, others = tmp_path / "kubelet", tmp_path / "other"
    others.mkdir()
    monkeypatch.setattr(remains, "_STRAYS", (stray, others))
    nodes = [owned.new_folder("c") for _ in range(2)]
    for number, node in enumerate(nodes):
        remains.mark(node, f"kwtest{number}")
        (stray / "device-plugins").mkdir(parents=True, exist_ok=True)
    remains.clean(nodes[0])
    assert stray.exists()
    remains.clean(nodes[1])
    assert not stray.exists()
    assert others.exists()
    for node in nodes:
        owned.drop_folder(node)


def test_where_groups_are_of_one_hierarchy_the_node_is_handed_its_controllers(
    own_runs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for file, text in (("cgroup.procs", ""), ("cgroup.controllers", "memory\n"), ("cgroup.subtree_control", "")):
        (tmp_path / file).write_text(text)
    monkeypatch.setattr(remains, "_CGROUPS", tmp_path)
    node = owned.new_folder("c")
    remains.mark(node, "kwtest")
    assert (tmp_path / "kwtest").is_dir()
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory"
    remains.clean(node)
    assert not (tmp_path / "kwtest").exists()
    owned.drop_folder(node)
