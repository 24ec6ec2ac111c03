"""A cluster by kind, through pytest-kind, where a container engine runs it. Not run in our CI: it has no engine.

A thin adapter: it gives pytest-kind its programs, so that it downloads none, and deletes the cluster at the end.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import ipaddress
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.cluster import binaries, images, owned
from tests.cluster.model import Cluster
from tests.cluster.named import kubectl
from tests.cluster.plain import uninterrupted
from tests.cluster.progress import progress

_CONFIG: dict[str, Any] = {
    "kind": "Cluster",
    "apiVersion": "kind.x-k8s.io/v1alpha4",
    "nodes": [
        {
            "role": "control-plane",
            "kubeadmConfigPatches": ["kind: KubeletConfiguration\nsyncFrequency: 2s\nfailCgroupV1: false\n"],
        }
    ],
}


def obstacle() -> str | None:
    """Why kind cannot be used here; None when it can be tried."""
    if shutil.which("kind") is None:
        return "there is no program kind"
    if importlib.util.find_spec("pytest_kind") is None:
        return "pytest-kind is not installed"
    if shutil.which("docker") is None:
        return "there is no container engine"
    try:
        answer = subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=20, cwd="/")
    except (OSError, subprocess.TimeoutExpired):
        return "the container engine does not answer"
    return None if answer.returncode == 0 else "the container engine does not answer"


@contextlib.contextmanager
def serving(why: str) -> Iterator[Cluster]:
    """A kind cluster for as long as the body runs.

    Raises:
        subprocess.CalledProcessError: kind or docker failed; what was made is deleted.
    """
    clients = binaries.ensure(binaries.CLIENT)
    folder = owned.new_folder("kind")
    kind = Path(shutil.which("kind") or "kind")
    with contextlib.chdir(folder):
        # pytest-kind makes a folder where it stands, even when it is told where to put everything.
        cluster = importlib.import_module("pytest_kind.cluster").KindCluster(
            f"keyward-{os.getpid()}", kubeconfig=folder / "kubeconfig", kind_path=kind, kubectl_path=kubectl()
        )
    config = folder / "kind.json"
    config.write_text(json.dumps(_CONFIG), encoding="utf-8")
    try:
        with progress("starting a cluster by kind"):
            cluster.create(str(config))
            _load(folder, kind, cluster.name, clients / "loginclient")
        yield Cluster(
            way="kind",
            why=why,
            kubeconfig=cluster.kubeconfig_path,
            kubectl_program=cluster.kubectl_path,
            has_pods=True,
            target_address=_gateway(),
            login_image=images.LOGIN_CLIENT,
        )
    finally:
        with uninterrupted():
            try:
                cluster.delete()
            finally:
                owned.drop_folder(folder)


def _load(folder: Path, kind: Path, name: str, program: Path) -> None:
    archive = folder / "image.tar"
    images.write_archive(archive, images.LOGIN_CLIENT, program)
    subprocess.run([kind, "load", "image-archive", str(archive), f"--name={name}"], check=True, capture_output=True)


def _gateway() -> str:
    """The bridge's own IPv4 address, where its containers reach this machine."""
    answer = subprocess.run(["docker", "network", "inspect", "kind"], check=True, capture_output=True, text=True)
    for network in json.loads(answer.stdout):
        for pool in network["IPAM"]["Config"]:
            if "Gateway" in pool and ipaddress.ip_address(pool["Gateway"]).version == 4:
                return str(pool["Gateway"])
    raise LookupError("kind's network has no IPv4 gateway")
