"""Manners in a cluster that the caller named: refuse one that has a Keyward, and take away what the demo brought."""

from __future__ import annotations

import contextlib

from tests.cluster import Cluster, KubectlError, RefusedError
from tests.cluster.progress import progress

from demo import objects

_SECONDS = 60


def arrive(stack: contextlib.ExitStack, cluster: Cluster) -> None:
    """Clear what a killed demo left, and have everything taken away at the end.

    Raises:
        RefusedError: there is a Keyward, or a namespace of the demo's name, that the demo did not bring.
    """
    others = [name for name in _names(cluster, "crd", objects.SELECT_OTHERS) if name.endswith(".keyward.dev")]
    spaces = {objects.NAMESPACE, objects.SYSTEM}
    others += [name for name in _names(cluster, "namespace", objects.SELECT_OTHERS) if name in spaces]
    if others:
        raise RefusedError(
            f"this cluster has {', '.join(others)} already, and the demo would remove it at its end:"
            " name another cluster, or unset KEYWARD_KUBECONFIG to have one made"
        )
    _clear(cluster)
    stack.callback(_clear, cluster)


def depart_first(stack: contextlib.ExitStack, cluster: Cluster) -> None:
    """Have the Credentials deleted while the operator still runs: it takes their finalizers away."""
    stack.callback(_delete_credentials, cluster)


def _delete_credentials(cluster: Cluster) -> None:
    with contextlib.suppress(KubectlError):
        cluster.kubectl(
            "delete", "credentials", "--all", "-n", objects.NAMESPACE, "--ignore-not-found", f"--timeout={_SECONDS}s"
        )


def _clear(cluster: Cluster) -> None:
    if not _names(cluster, "crd", objects.SELECT_OURS) and not _names(cluster, "namespace", objects.SELECT_OURS):
        return
    with progress("taking away what the demo applied"):
        _let_go(cluster)
        cluster.kubectl(
            "delete", "namespace,crd", "-l", objects.SELECT_OURS, "--ignore-not-found", f"--timeout={2 * _SECONDS}s"
        )


def _let_go(cluster: Cluster) -> None:
    # Without the operator nobody takes a finalizer away; the accounts that it stands for went with their server.
    for kind in ("credentials", "targets", "encryptionkeys"):
        with contextlib.suppress(KubectlError):
            for name in _names(cluster, kind, "", "-n", objects.NAMESPACE):
                patch = '{"metadata":{"finalizers":null}}'
                cluster.kubectl("patch", kind, name, "-n", objects.NAMESPACE, "--type=merge", "-p", patch)


def _names(cluster: Cluster, kind: str, selector: str, *more: str) -> list[str]:
    found = cluster.kubectl("get", kind, "-l", selector, *more, "-o", "jsonpath={.items[*].metadata.name}")
    return found.split()
