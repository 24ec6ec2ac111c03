"""Gives a test or the demo a real cluster, from the first way that works, and says which and why.

The ways: a kubeconfig that the caller names; kind; plain processes on this machine.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator

from tests.cluster import kind, plain
from tests.cluster.model import Cluster, KubectlError, RefusedError
from tests.cluster.named import named

__all__ = ["Cluster", "KubectlError", "RefusedError", "acquire"]


@contextlib.contextmanager
def acquire(need_pods: bool) -> Iterator[Cluster]:
    """A cluster for as long as the body runs.

    Without `need_pods` kind is passed over: a control plane alone starts faster as plain processes.

    Raises:
        RefusedError: a kubeconfig is named and there is none.
        ServerError, BuildError, NoGoError, MissingProgramsError: plain processes cannot be had.
    """
    with contextlib.ExitStack() as stack:
        cluster = named() or _own(stack, need_pods=need_pods)
        sys.stderr.write(f"cluster: {cluster.way} ({cluster.why}), kubeconfig {cluster.kubeconfig}\n")
        yield cluster


def _own(stack: contextlib.ExitStack, *, need_pods: bool) -> Cluster:
    if not need_pods:
        return stack.enter_context(plain.serving(need_pods=False, why="no pods are needed"))
    obstacle = kind.obstacle()
    if obstacle is None:
        try:
            return stack.enter_context(kind.serving("a container engine can run kind"))
        except (subprocess.CalledProcessError, LookupError, OSError) as error:
            obstacle = f"kind failed ({error})"
    return stack.enter_context(plain.serving(need_pods=True, why=f"no kubeconfig is named; no kind: {obstacle}"))
