"""The world of the demo: a cluster, servers with TLS, the operator, and who logs in. It leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster import Cluster, KubectlError, acquire, installation, owned
from tests.cluster.plain import uninterrupted
from tests.cluster.process import Running, Server, ServerError, free_port, serving
from tests.cluster.progress import progress

from demo import feeds, guest, objects
from demo.clients import Client, Pod, Process
from demo.feeds import Feed
from demo.seen import Seen, Written
from demo.servers import LOOPBACK, here

# A cluster that is not ours has kubelets that look at a Secret every minute or so.
SLOW_GRACE = "3m"
_NEW_KINDS_SECONDS = 15.0


@dataclass(slots=True)
class World:
    """What runs.

    Attributes:
        clients: by the name of their Credential.
        why_no_pods: why the clients are processes; empty when they are pods.
        missing: why a kind of server is not played with, by its name.
    """

    cluster: Cluster
    credentials: list[objects.Json]
    clients: dict[str, Client]
    watches: list[Feed]
    why_no_pods: str
    missing: dict[str, str]
    operator: Running
    _begun: set[str] = field(default_factory=set)

    @property
    def slow(self) -> bool:
        """Whether files follow Secrets in a minute or two rather than in seconds."""
        return self.cluster.way == "named" and not self.why_no_pods

    def secrets(self) -> dict[str, str]:
        """The Secret of each Credential."""
        return {one["metadata"]["name"]: objects.secret_of(one) for one in self.credentials}

    def servers(self) -> dict[str, str]:
        """What kind of server each Credential's account is on."""
        return {one["metadata"]["name"]: objects.server_of(one) for one in self.credentials}

    def apply_credentials(self) -> None:
        """What somebody who needs database accounts does."""
        _apply(self.cluster, self.credentials)

    def rotate(self, credential: str, token: str) -> None:
        """What a person would type.

        Raises:
            KubectlError: the API server refused it.
        """
        command = ["annotate", "credential", credential, "-n", objects.NAMESPACE, "--overwrite"]
        self.cluster.kubectl(*command, f"keyward.dev/rotate={token}")

    def check(self) -> None:
        """Do nothing while the operator runs. Raises ServerError otherwise."""
        if not self.operator.alive():
            raise ServerError(f"the operator ended; the end of its log:\n{self.operator.tail()}")

    def poll(self) -> Iterator[Seen]:
        """What was seen since the last time. A client begins when its Secret is there."""
        for watch in self.watches:
            for seen in watch.poll():
                if isinstance(seen, Written):
                    self._pass_on(seen)
                yield seen
        for client in self.clients.values():
            yield from client.poll()

    def _pass_on(self, seen: Written) -> None:
        for name, secret in self.secrets().items():
            if secret != seen.secret:
                continue
            if name in self._begun:
                self.clients[name].secret_written()
            else:
                self._begun.add(name)
                self.clients[name].begin()


@contextlib.contextmanager
def running(*, pods: bool) -> Iterator[World]:
    """A world for as long as the body runs; nothing of it is left afterwards, in whichever way the body ends.

    Raises:
        RefusedError, ServerError, BuildError, NoGoError, MissingProgramsError: as their texts say.
    """
    stack = contextlib.ExitStack()
    try:
        yield _start(stack, pods=pods)
    finally:
        with uninterrupted(), progress("stopping"):
            stack.close()


def _start(stack: contextlib.ExitStack, *, pods: bool) -> World:
    cluster = stack.enter_context(acquire(need_pods=pods))
    folder = owned.new_folder("demo")
    stack.callback(owned.drop_folder, folder)
    stack.enter_context(_kubectl_caches_in(folder / "kubectl"))
    why_no_pods = _why_no_pods(cluster, asked=pods)
    address = LOOPBACK if why_no_pods else cluster.require_target_address()
    hosts = () if address == LOOPBACK else (address,)
    if cluster.way == "named":
        guest.arrive(stack, cluster)
    with progress("applying the CRDs"):
        _apply_kinds(cluster)
    kinds, missing = here()
    described = [objects.key()]
    for kind in kinds:
        kind.install()  # Before anything is shown as starting.
        with progress(f"starting {kind.name}"):
            described += objects.target(kind, address, kind.start(stack, hosts))
    with progress("describing them to Keyward"):
        _apply(cluster, described)
        _approve_targets(cluster, [kind.target for kind in kinds])
    with progress("starting the operator"):
        operator = stack.enter_context(serving(_operator(cluster, folder)))
    if cluster.way == "named":
        guest.depart_first(stack, cluster)
    slow = cluster.way == "named" and not why_no_pods
    found = objects.credentials(kinds, grace=SLOW_GRACE if slow else None)
    world = World(
        cluster=cluster,
        credentials=found,
        clients=_clients(cluster, folder, found, Process if why_no_pods else Pod),
        watches=feeds.watches(cluster, folder),
        why_no_pods=why_no_pods,
        missing=missing,
        operator=operator,
    )
    for one in (*world.watches, *world.clients.values()):
        stack.callback(one.stop)
    return world


@contextlib.contextmanager
def _kubectl_caches_in(folder: Path) -> Iterator[None]:
    """Else kubectl leaves a folder in the user's home for every API server that it has spoken to."""
    before = os.environ.get("KUBECACHEDIR")
    os.environ["KUBECACHEDIR"] = str(folder)
    try:
        yield
    finally:
        os.environ.pop("KUBECACHEDIR")
        if before is not None:
            os.environ["KUBECACHEDIR"] = before


def _clients(
    cluster: Cluster, folder: Path, credentials: list[objects.Json], kind: type[Process | Pod]
) -> dict[str, Client]:
    names = {one["metadata"]["name"]: objects.secret_of(one) for one in credentials}
    return {name: kind(cluster, folder, name, secret) for name, secret in names.items()}


def _why_no_pods(cluster: Cluster, *, asked: bool) -> str:
    """Why the clients cannot be pods; empty when they can."""
    if not asked:
        return "none were asked for"
    if not cluster.has_pods:
        return "a node needs root"
    if cluster.login_image is None:
        return "KEYWARD_LOGIN_IMAGE names no image"
    if cluster.target_address is None:
        return "KEYWARD_TARGET_ADDRESS names no address"
    return ""


def _apply_kinds(cluster: Cluster) -> None:
    _apply(cluster, [*objects.kinds(), *objects.namespaces()])


def _apply(cluster: Cluster, items: list[objects.Json]) -> None:
    # A kind is established some seconds before it is in the list of kinds that kubectl asks for.
    deadline = time.monotonic() + _NEW_KINDS_SECONDS
    while True:
        try:
            # By itself kubectl would have the API server describe all kinds anew, and wait for that.
            cluster.kubectl("apply", "--server-side", "-f", "-", input=objects.listed(items))
        except KubectlError as error:
            if "no matches for kind" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def _approve_targets(cluster: Cluster, names: list[str]) -> None:
    """Vouch for the servers, as somebody who may write their admins' Secrets: an admin's password is sent nowhere else."""
    argv = [sys.executable, "-m", "keyward", "target", "approve", *names, "-n", objects.NAMESPACE]
    answer = subprocess.run(
        [*argv, "--kubeconfig", str(cluster.kubeconfig)], capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        raise ServerError(f"the Targets could not be approved:\n{answer.stderr}")


def _operator(cluster: Cluster, folder: Path) -> Server:
    address = f"{LOOPBACK}:{free_port()}"
    options = {
        "--kubeconfig": str(cluster.kubeconfig),
        "--namespace": objects.SYSTEM,
        "--metrics-address": address,
        "--log-format": "json",
    }

    def ready() -> bool:
        with urllib.request.urlopen(f"http://{address}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)

    return Server(
        name="the operator",
        argv=[sys.executable, "-m", "keyward", "controller", *(word for pair in options.items() for word in pair)],
        ready=ready,
        log=folder / "operator.log",
        env=installation.environment(),
        deadline_seconds=60.0,
        stop_seconds=20.0,
    )
