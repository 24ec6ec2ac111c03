"""What a test or the demo holds of a cluster, whichever way it came about.

It hides no difference that matters: what a way cannot do is refused with a reason, never passed over.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.cluster.control_plane import ControlPlane

ADDRESS_VARIABLE = "KEYWARD_TARGET_ADDRESS"


class RefusedError(Exception):
    """This cluster cannot do what was asked; the text says why and what would."""


class KubectlError(Exception):
    """kubectl failed; the text is what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster that is up.

    Attributes:
        way: how it came about; `why` says why this way and no earlier one.
        kubeconfig: of an administrator.
        target_address: where its pods, and we, reach servers that a test starts; None when nobody said.
        has_pods: whether a node can run pods.
        pod_host_network: whether pods have to set `hostNetwork: true` to reach targets.
        pod_env: what a pod that speaks to the API needs in its environment.
        login_image, pause_image: images that are on the node (pull policy Never); None when they are not.
        audit_log: file with one JSON line per write request, from the API server itself.
        etcd_dir: etcd's data.
        log_dir: logs of the cluster's processes.
    """

    way: Literal["named", "kind", "plain"]
    why: str
    kubeconfig: Path
    kubectl_program: Path
    has_pods: bool
    target_address: str | None = None
    pod_host_network: bool = False
    pod_env: tuple[tuple[str, str], ...] = ()
    login_image: str | None = None
    pause_image: str | None = None
    audit_log: Path | None = None
    etcd_dir: Path | None = None
    log_dir: Path | None = None
    plane: ControlPlane | None = None

    def kubectl(self, *args: str, input: str | None = None) -> str:  # noqa: A002 - subprocess' own name for it
        """What kubectl prints.

        Raises:
            KubectlError: it failed.
        """
        answer = subprocess.run(
            [self.kubectl_program, *args],
            input=input,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"KUBECONFIG": str(self.kubeconfig)},
            # A Ctrl-C is for us: kubectl would take it, too, and fail with a word of its own.
            start_new_session=True,
        )
        if answer.returncode != 0:
            raise KubectlError(answer.stderr.strip())
        return answer.stdout

    def require_target_address(self) -> str:
        """The address for targets.

        Raises:
            RefusedError: the caller named a kubeconfig and no address.
        """
        if self.target_address is None:
            raise RefusedError(
                f"this cluster was named by its kubeconfig, and nobody said where its pods reach this machine:"
                f" set {ADDRESS_VARIABLE} to an address of this machine, or unset KEYWARD_KUBECONFIG"
            )
        return self.target_address

    def require_pods(self) -> None:
        """Do nothing when pods can run.

        Raises:
            RefusedError: they cannot.
        """
        if not self.has_pods:
            raise RefusedError(f"this cluster runs no pods: {self.why}")

    def stop_api_server(self) -> None:
        """Kill the API server; etcd keeps its data.

        Raises:
            RefusedError: it is not ours to stop.
        """
        self._own_plane().stop_api_server()

    def start_api_server(self) -> None:
        """Start the API server again, on the same port, and wait until it is ready.

        Raises:
            RefusedError: it is not ours to start.
        """
        self._own_plane().start_api_server()

    def kubeconfig_for(self, name: str, common_name: str, organization: str = "") -> Path:
        """A kubeconfig for a user of that name, with a client certificate.

        Raises:
            RefusedError: the CA is not ours.
        """
        return self._own_plane().kubeconfig_of(name, common_name, organization)

    def audited(self) -> Iterator[dict[str, Any]]:
        """Write requests so far, as the API server recorded them.

        Raises:
            RefusedError: there is no audit log that we can read.
        """
        if self.audit_log is None:
            raise RefusedError(f"the audit log of a cluster that came about as {self.way!r} is out of reach")
        with self.audit_log.open(encoding="utf-8") as lines:
            for line in lines:
                # The last line may be half written.
                if line.endswith("\n"):
                    yield json.loads(line)

    def _own_plane(self) -> ControlPlane:
        if self.plane is None:
            raise RefusedError(f"the control plane of a cluster that came about as {self.way!r} is not ours to change")
        return self.plane
