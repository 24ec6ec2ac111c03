"""The control plane alone: usable, its API server stoppable by itself, nothing left."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster import Cluster, RefusedError, binaries, owned, plain
from tests.cluster.control_plane import ControlPlane


@pytest.fixture(scope="module")
def alone() -> Iterator[Cluster]:
    with plain.serving(need_pods=False) as cluster:
        yield cluster


def namespace(cluster: Cluster, name: str) -> str:
    cluster.kubectl("create", "namespace", name)
    return name


def test_a_service_account_token_is_accepted(alone: Cluster, tmp_path: Path) -> None:
    token = alone.kubectl("create", "token", "default").strip()
    config = tmp_path / "kubeconfig"
    stripped = json.loads(alone.kubeconfig.read_text())
    stripped["users"] = [{"name": "keyward", "user": {"token": token}}]
    config.write_text(json.dumps(stripped))
    who = alone.kubectl("--kubeconfig", str(config), "auth", "whoami", "-o", "json")
    assert json.loads(who)["status"]["userInfo"]["username"] == "system:serviceaccount:default:default"


def test_a_user_of_its_own_certificate_is_known_by_its_name(alone: Cluster) -> None:
    config = alone.kubeconfig_for("operator", "keyward-operator", "operators")
    who = json.loads(alone.kubectl("--kubeconfig", str(config), "auth", "whoami", "-o", "json"))["status"]["userInfo"]
    assert (who["username"], "operators" in who["groups"]) == ("keyward-operator", True)


def test_the_audit_log_has_each_write_and_no_read(alone: Cluster) -> None:
    where = namespace(alone, "audit")
    before = sum(1 for _ in alone.audited())
    alone.kubectl("get", "secrets", "-n", where)
    alone.kubectl("create", "secret", "generic", "one", "-n", where, "--from-literal=canary=dont-log-me")
    alone.kubectl("delete", "secret", "one", "-n", where)
    seen = [
        line["verb"]
        for line in list(alone.audited())[before:]
        if line["user"]["username"] == "admin" and line["objectRef"].get("namespace") == where
    ]
    assert seen == ["create", "delete"]
    assert alone.audit_log is not None
    assert "dont-log-me" not in alone.audit_log.read_text()


def test_the_files_of_etcd_can_be_searched(alone: Cluster) -> None:
    alone.kubectl("create", "configmap", "searched", "--from-literal=canary=swan-4711")
    assert alone.etcd_dir is not None
    files = [path for path in alone.etcd_dir.rglob("*") if path.is_file()]
    assert any(b"swan-4711" in path.read_bytes() for path in files)


def test_the_api_server_comes_back_with_what_it_had(alone: Cluster) -> None:
    alone.kubectl("create", "configmap", "kept", "--from-literal=a=b")
    alone.stop_api_server()
    assert alone.plane is not None
    with pytest.raises(OSError, match=r"[Rr]efused"):
        alone.plane.get("/readyz")
    alone.start_api_server()
    assert alone.kubectl("get", "configmap", "kept", "-o", "jsonpath={.data.a}") == "b"


def test_a_deleted_namespace_goes(alone: Cluster) -> None:
    alone.kubectl("delete", "namespace", namespace(alone, "gone"), "--wait", "--timeout=30s")
    assert "gone" not in alone.kubectl("get", "namespaces")


def test_it_offers_no_pods_and_says_why(alone: Cluster) -> None:
    with pytest.raises(RefusedError, match="runs no pods: asked for"):
        alone.require_pods()


def test_without_root_a_node_is_not_tried_and_the_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(ControlPlane, "start", lambda _, controllers: None)
    with plain.serving(need_pods=True, why="no kind") as cluster:
        assert cluster.why == "no kind; control plane only, because a node needs root"
        with pytest.raises(RefusedError, match="because a node needs root"):
            cluster.require_pods()


def test_a_start_that_fails_leaves_no_process_and_no_folder(monkeypatch: pytest.MonkeyPatch, own_runs: Path) -> None:
    started: list[int] = []

    def fail(plane: ControlPlane) -> None:
        started.extend(one.pid for one in plane._running.values())
        raise KeyboardInterrupt

    monkeypatch.setattr(ControlPlane, "start_api_server", fail)
    with pytest.raises(KeyboardInterrupt), plain.serving(need_pods=False):
        pass
    assert [owned.start_time(pid) for pid in started] == [None]
    assert not list(own_runs.glob("*/*"))


def test_it_listens_on_loopback_alone(alone: Cluster) -> None:
    assert alone.plane is not None
    pids = {running.pid for running in alone.plane._running.values()}
    sockets = {inode for pid in pids for inode in _sockets(pid)}
    listening = {address for address, inode in _listening() if inode in sockets}
    assert listening == {"0100007F"}


def test_the_programs_are_those_of_the_lock(alone: Cluster) -> None:
    told = json.loads(alone.kubectl("version", "-o", "json"))
    assert told["serverVersion"]["gitVersion"] == told["clientVersion"]["gitVersion"] == binaries.KUBERNETES.version()


def _sockets(pid: int) -> set[str]:
    found = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(str(descriptor.readlink()).removeprefix("socket:[").removesuffix("]"))
    return found


def _listening() -> list[tuple[str, str]]:
    rows = [line.split() for table in ("tcp", "tcp6") for line in Path("/proc/net", table).read_text().splitlines()[1:]]
    return [(row[1].partition(":")[0], row[9]) for row in rows if row[3] == "0A"]
