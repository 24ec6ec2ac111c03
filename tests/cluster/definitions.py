"""Our CRDs in a cluster that several tests share: whoever comes first installs them, and nobody minds who it was."""

from __future__ import annotations

from pathlib import Path

from tests.cluster.model import Cluster

CRDS = Path(__file__).parents[2] / "crds"


def install(cluster: Cluster) -> None:
    """Apply the CRDs as they are in this tree, and wait until they are served."""
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
    cluster.kubectl("wait", "--for=condition=Established", "--all", "crd", "--timeout=30s")
