"""A cluster of plain processes on this machine: a control plane, and as root a node.

It starts nothing that it does not end. An interrupt during the end is put off until the end is done.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

from tests.cluster import binaries, debian, images, owned, remains
from tests.cluster.control_plane import ALL_CONTROLLERS, FEW_CONTROLLERS, HOST, ControlPlane
from tests.cluster.model import Cluster
from tests.cluster.node import Node
from tests.cluster.progress import progress


@contextlib.contextmanager
def serving(*, need_pods: bool, why: str = "asked for", controllers: bool = True) -> Iterator[Cluster]:
    """A cluster for as long as the body runs; without root it has no node, and says so.

    Args:
        need_pods: whether a node is wanted.
        why: why plain processes were chosen.
        controllers: whether kube-controller-manager runs (garbage collection, namespaces, service accounts).

    Raises:
        ServerError, BuildError, NoGoError, MissingProgramsError: as their texts say.
    """
    pods = need_pods and os.geteuid() == 0
    if need_pods and not pods:
        why += "; control plane only, because a node needs root"
    programs = binaries.ensure(binaries.KUBERNETES)
    clients = binaries.ensure(binaries.CLIENT)
    if pods:
        debian.ensure()
    folder = owned.new_folder("c")
    plane = ControlPlane(folder, programs)
    node = Node(folder, plane, clients) if pods else None
    try:
        with progress("starting a cluster of plain processes"):
            _start(plane, node, _controllers(controllers, pods))
        yield _described(plane, node, why)
    finally:
        with uninterrupted():
            _stop(plane, node)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Put off Ctrl-C and SIGTERM until the body is done; in the main thread only, where they arrive."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    late: list[int] = []
    before = {one: signal.signal(one, lambda number, _: late.append(number)) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
        if late:
            signal.raise_signal(late[0])


def _controllers(wanted: bool, pods: bool) -> tuple[str, ...]:
    if pods:
        return ALL_CONTROLLERS
    return FEW_CONTROLLERS if wanted else ()


def _start(plane: ControlPlane, node: Node | None, controllers: tuple[str, ...]) -> None:
    if node is not None:
        node.start_runtime()
    plane.start(controllers=controllers)
    if node is not None:
        node.start()
    plane.await_ready()


def _stop(plane: ControlPlane, node: Node | None) -> None:
    with contextlib.ExitStack() as stack:
        stack.callback(owned.drop_folder, plane.folder)
        stack.callback(plane.stop)
        if node is not None:
            stack.callback(remains.clean, node.folder)
            stack.callback(node.stop)


def _described(plane: ControlPlane, node: Node | None, why: str) -> Cluster:
    return Cluster(
        way="plain",
        why=why,
        kubeconfig=plane.kubeconfig,
        kubectl_program=plane.programs / "kubectl",
        has_pods=node is not None,
        target_address=HOST,
        pod_host_network=True,
        # No kube-proxy and no DNS: a pod on the host's network reaches the API where everyone else does.
        pod_env=(("KUBERNETES_SERVICE_HOST", HOST), ("KUBERNETES_SERVICE_PORT", str(plane.ports.api))),
        login_image=images.LOGIN_CLIENT if node else None,
        pause_image=images.PAUSE if node else None,
        audit_log=plane.audit_log,
        etcd_dir=plane.etcd_dir,
        log_dir=plane.folder / "log",
        plane=plane,
    )
