"""One node as plain processes: containerd, kubelet and kube-scheduler, on loopback, beside a control plane.

It needs root. Pods use the host's network. What it leaves in the kernel is taken away by `remains`; it must
never write below the system's own containerd or kubelet folders where it can help it.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster import debian, images, remains
from tests.cluster.control_plane import HOST, ControlPlane
from tests.cluster.process import Running, Server, ServerError, free_port, start

NAME = "localhost"
_READY_SECONDS = 60.0
# A socket's path may have 107 bytes, and the kubelet's own add up to 30.
_LONGEST_PATH = 75
_PATH = {"PATH": debian.SEARCH}


@dataclass(slots=True)
class Node:
    """A node of a control plane, below one folder whose path must be short."""

    folder: Path
    plane: ControlPlane
    clients: Path
    _running: dict[str, Running] = field(default_factory=dict)

    @property
    def socket(self) -> Path:
        return self.folder / "c.sock"

    def start_runtime(self) -> None:
        """Start containerd and import the images; the control plane need not run yet.

        Raises:
            ServerError: containerd did not start, or refuses an image; or the folder's path is too long for sockets.
        """
        if len(os.fsencode(self.folder)) > _LONGEST_PATH:
            raise ServerError(f"{self.folder} is too long a path for the sockets below it; set TMPDIR to a shorter one")
        remains.mark(self.folder, self._name())
        _write_runtime_config(self)
        containerd = shutil.which("containerd", path=debian.SEARCH) or "containerd"
        self._run(
            Server(
                name="containerd",
                argv=[containerd, "-c", str(self.folder / "containerd.toml")],
                ready=lambda: self.ctr("version") is not None,
                log=self.plane.log("containerd"),
                env=os.environ | _PATH,
            )
        )
        self.import_program(images.PAUSE, self.clients / "pause")
        self.import_program(images.LOGIN_CLIENT, self.clients / "loginclient")

    def start(self) -> None:
        """Start the scheduler and the kubelet, and wait until pods can be placed.

        Raises:
            ServerError: one did not start, or the node did not become ready.
        """
        scheduler = self.plane.kubeconfig_of("kube-scheduler", "system:kube-scheduler")
        self.plane.run(self._server("kube-scheduler", kubeconfig=scheduler, leader_elect="false", secure_port=0))
        self.plane.authority.server("kubelet", (HOST, NAME))
        config = _write_kubelet_config(self)
        self._run(
            self._server(
                "kubelet",
                config=config,
                kubeconfig=self.plane.kubeconfig_of("node", f"system:node:{NAME}", "system:nodes"),
                hostname_override=NAME,
                root_dir=self.folder / "kl",
                cert_dir=self.folder / "klcert",
            )
        )
        self._await_node()

    def stop(self) -> None:
        """End pods, kubelet and containerd, and take away what they made."""
        self._end("kubelet")
        if "containerd" in self._running:
            # While containerd lives: a shim that is told so ends by itself and removes its socket.
            for task in (self.ctr("tasks", "ls", "-q") or "").split():
                self.ctr("tasks", "rm", "-f", task)
        self._end("containerd")
        remains.clean(self.folder)

    def import_program(self, image: str, program: Path) -> None:
        """Make an image of one static program and import it.

        Raises:
            ServerError: containerd refuses it.
        """
        archive = self.folder / "image.tar"
        images.write_archive(archive, image, program)
        self.import_archive(archive)
        archive.unlink()

    def import_archive(self, archive: Path) -> None:
        """Import the images of a docker-archive.

        Raises:
            ServerError: containerd refuses it.
        """
        if self.ctr("images", "import", str(archive)) is None:
            raise ServerError(f"containerd refuses {archive.name}; see {self.plane.log('ctr')}")

    def ctr(self, *args: str) -> str | None:
        """What `ctr` answers in Kubernetes' namespace; None when it fails (its words are in the log)."""
        self.plane.log("ctr").parent.mkdir(parents=True, exist_ok=True)
        with self.plane.log("ctr").open("ab") as log:
            answer = subprocess.run(
                ["ctr", "-a", str(self.socket), "-n", "k8s.io", *args],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                check=False,
                timeout=60,
                env=os.environ | _PATH,
                start_new_session=True,
            )
        return answer.stdout if answer.returncode == 0 else None

    def _name(self) -> str:
        # Also the bridge's name, which may have 15 characters.
        return f"kw{self.plane.ports.api}"

    def _server(self, name: str, **flags: object) -> Server:
        argv = [
            str(self.plane.programs / name),
            *(f"--{flag.replace('_', '-')}={value}" for flag, value in flags.items()),
        ]
        return Server(name=name, argv=argv, ready=lambda: True, log=self.plane.log(name), env=os.environ | _PATH)

    def _run(self, server: Server) -> None:
        self._running[server.name] = start(server)

    def _end(self, name: str) -> None:
        running = self._running.pop(name, None)
        if running is not None:
            running.stop()

    def _await_node(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            if not self._running["kubelet"].alive():
                break
            with contextlib.suppress(OSError):
                status, body = self.plane.get(f"/api/v1/nodes/{NAME}")
                if status == http.HTTPStatus.OK and _schedulable(json.loads(body)):
                    return
            time.sleep(0.1)
        raise ServerError(
            f"the node did not become ready; the end of kubelet's log:\n{self._running['kubelet'].tail()}"
        )


def _schedulable(node: dict[str, dict[str, list[dict[str, str]]]]) -> bool:
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in node["status"].get("conditions", []))
    return ready and not node["spec"].get("taints")


def _write_runtime_config(node: Node) -> None:
    folder = node.folder
    network = folder / "cni"
    network.mkdir()
    bridge = {
        "type": "bridge",
        "bridge": node._name(),
        "ipam": {"type": "host-local", "dataDir": str(folder / "ipam"), "ranges": [[{"subnet": "10.213.0.0/24"}]]},
    }
    # A node is ready only with a network, though its pods use the host's.
    conflist = {"cniVersion": "0.4.0", "name": "keyward", "plugins": [bridge]}
    (network / "10-keyward.conflist").write_text(json.dumps(conflist), encoding="utf-8")
    text = _config_v3(folder) if _containerd_major() >= 2 else _config_v2(folder)
    (folder / "containerd.toml").write_text(text, encoding="utf-8")


def _containerd_major() -> int:
    answer = subprocess.run(
        ["containerd", "--version"], capture_output=True, text=True, check=False, env=os.environ | _PATH
    )
    found = re.search(r"\bv?(\d+)\.\d+\.\d+", answer.stdout)
    return int(found[1]) if found else 1


def _config_v2(folder: Path) -> str:
    return f"""version = 2
root = "{folder}/root"
state = "{folder}/run"
oom_score = 0
disabled_plugins = ["io.containerd.nri.v1.nri"]
[grpc]
  address = "{folder}/c.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{images.PAUSE}"
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{debian.cni_folder()}"
    conf_dir = "{folder}/cni"
"""


def _config_v3(folder: Path) -> str:
    return f"""version = 3
root = "{folder}/root"
state = "{folder}/run"
oom_score = 0
[grpc]
  address = "{folder}/c.sock"
[plugins.'io.containerd.internal.v1.opt']
  path = "{folder}/opt"
[plugins.'io.containerd.nri.v1.nri']
  disable = true
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{images.PAUSE}"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["{debian.cni_folder()}"]
    conf_dir = "{folder}/cni"
"""


def _write_kubelet_config(node: Node) -> Path:
    pairs = node.plane.folder / "pki"
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": HOST,
        "port": free_port(),
        "readOnlyPort": 0,
        "healthzPort": free_port(),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pairs / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(pairs / "kubelet.crt"),
        "tlsPrivateKeyFile": str(pairs / "kubelet.key"),
        "containerRuntimeEndpoint": f"unix://{node.socket}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{node._name()}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "makeIPTablesUtilChains": False,
        "localStorageCapacityIsolation": False,
        "oomScoreAdj": 0,
        # The default is a minute; a changed Secret is then in its file within 3 s.
        "syncFrequency": "2s",
        "evictionHard": {
            "nodefs.available": "0%",
            "imagefs.available": "0%",
            "nodefs.inodesFree": "0%",
            "imagefs.inodesFree": "0%",
            "memory.available": "1Mi",
        },
        "imageGCHighThresholdPercent": 100,
        "podLogsDir": str(node.folder / "podlogs"),
        "volumePluginDir": str(node.folder / "flex"),
        "resolvConf": "",
    }
    path = node.folder / "kubelet.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path
