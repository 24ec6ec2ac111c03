"""Our CRDs in a cluster that several tests share: whoever comes first installs them, and nobody minds who it was."""

from __future__ import annotations

from pathlib import Path

from tests.cluster.model import Cluster

CRDS = Path(__file__).parents[2] / "crds"
_installed: set[Path] = set()  # by the kubeconfig of the cluster


def install(cluster: Cluster) -> None:
    """Apply the CRDs as they are in this tree, unless this process has, and wait until they are served."""
    if cluster.kubeconfig not in _installed:
        apply(cluster)
        _installed.add(cluster.kubeconfig)


def apply(cluster: Cluster) -> None:
    """The same wherever others may have changed them since."""
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
    cluster.kubectl("wait", "--for=condition=Established", "--all", "crd", "--timeout=30s")
