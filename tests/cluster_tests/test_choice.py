"""Which cluster is taken, why, and what is refused with which reason."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import tests.cluster as chosen
from tests.cluster import Cluster, KubectlError, RefusedError, acquire, debian, kind, plain
from tests.cluster_tests.helpers import first_on_path, program


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "kubeconfig"
    path.touch()
    monkeypatch.setenv("KEYWARD_KUBECONFIG", str(path))
    monkeypatch.delenv("KEYWARD_TARGET_ADDRESS", raising=False)
    program(tmp_path / "bin", "kubectl", 'echo "$KUBECONFIG $*"; [ "$1" != fail ] || { echo no >&2; exit 1; }')
    first_on_path(monkeypatch, tmp_path / "bin")
    return path


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ways that were tried, none of which is real."""
    tried: list[str] = []

    @contextlib.contextmanager
    def stand_in(way: str, why: str) -> Iterator[Cluster]:
        tried.append(way)
        yield Cluster(way=way, why=why, kubeconfig=Path("k"), kubectl_program=Path("kubectl"), has_pods=True)  # type: ignore[arg-type]

    monkeypatch.delenv("KEYWARD_KUBECONFIG", raising=False)
    monkeypatch.setattr(plain, "serving", lambda *, need_pods, why: stand_in("plain", why))
    monkeypatch.setattr(kind, "serving", lambda why: stand_in("kind", why))
    return tried


def test_a_named_kubeconfig_comes_first_and_is_said(kubeconfig: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with acquire(need_pods=True) as cluster:
        assert (cluster.way, cluster.kubeconfig) == ("named", kubeconfig)
        assert cluster.kubectl("get", "pods") == f"{kubeconfig} get pods\n"
    assert "cluster: named (KEYWARD_KUBECONFIG names its kubeconfig)" in capsys.readouterr().err


def test_targets_are_refused_when_nobody_said_where_pods_reach_them(kubeconfig: Path) -> None:
    with acquire(need_pods=True) as cluster, pytest.raises(RefusedError, match="set KEYWARD_TARGET_ADDRESS"):
        cluster.require_target_address()


def test_the_address_that_the_caller_gives_is_taken(kubeconfig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYWARD_TARGET_ADDRESS", "192.0.2.7")
    with acquire(need_pods=True) as cluster:
        assert cluster.require_target_address() == "192.0.2.7"


def test_a_kubeconfig_that_is_not_there_is_refused(kubeconfig: Path) -> None:
    kubeconfig.unlink()
    with pytest.raises(RefusedError, match="no such file"), acquire(need_pods=False):
        pass


def test_what_is_not_ours_is_never_stopped(kubeconfig: Path) -> None:
    with acquire(need_pods=True) as cluster:
        for refused in (cluster.stop_api_server, cluster.start_api_server, lambda: list(cluster.audited())):
            with pytest.raises(RefusedError, match="'named'"):
                refused()


def test_a_failure_of_kubectl_says_what_kubectl_said(kubeconfig: Path) -> None:
    with acquire(need_pods=True) as cluster, pytest.raises(KubectlError, match=r"^no$"):
        cluster.kubectl("fail")


def test_kind_is_taken_where_it_can_run(ways: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind, "obstacle", lambda: None)
    with acquire(need_pods=True) as cluster:
        assert cluster.way == "kind"


def test_without_an_engine_plain_processes_are_taken_and_the_reason_is_said(
    ways: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(kind, "obstacle", lambda: "the container engine does not answer")
    with acquire(need_pods=True) as cluster:
        assert cluster.way == "plain"
    assert "no kubeconfig is named; no kind: the container engine does not answer" in capsys.readouterr().err


def test_a_kind_that_fails_gives_way_to_plain_processes(ways: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> contextlib.AbstractContextManager[Cluster]:
        raise subprocess.CalledProcessError(1, ["kind", "create"])

    monkeypatch.setattr(kind, "obstacle", lambda: None)
    monkeypatch.setattr(kind, "serving", fail)
    with acquire(need_pods=True) as cluster:
        assert cluster.way == "plain"
        assert "kind failed" in cluster.why


def test_where_no_pods_are_needed_kind_is_not_asked(ways: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind, "obstacle", lambda: pytest.fail("asked"))
    with acquire(need_pods=False) as cluster:
        assert cluster.way == "plain"
    assert chosen.kind is kind


def test_missing_packages_are_named_to_one_who_cannot_install_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "missing", lambda: ["containerd", "runc"])
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(debian.MissingProgramsError, match="containerd runc missing, and only root"):
        debian.ensure()


def test_packages_on_no_debian_are_left_to_its_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(debian, "missing", lambda: ["runc"])
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(debian.MissingProgramsError, match="no Debian"):
        debian.ensure()


def test_lists_that_are_missing_are_fetched_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = f'echo "$2" >> {tmp_path}/calls; [ "$2" != install ] || [ -e {tmp_path}/listed ]; s=$?\n'
    program(tmp_path, "apt-get", f'{script}[ "$2" != update ] || touch {tmp_path}/listed; exit $s')
    first_on_path(monkeypatch, tmp_path)
    monkeypatch.setattr(debian, "missing", lambda: ["runc"])
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    debian.ensure()
    assert (tmp_path / "calls").read_text().split() == ["install", "update", "install"]
