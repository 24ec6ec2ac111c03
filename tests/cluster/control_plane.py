"""etcd, kube-apiserver and kube-controller-manager as plain processes of this user, on loopback alone.

It needs no root. Everything that it writes stays below its folder. The API server can be stopped and started
by itself, with etcd's data kept; it must never be reachable from another machine.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster import pki
from tests.cluster.process import Running, Server, ServerError, free_port, start

HOST = "127.0.0.1"
_SERVICES = "10.96.0.0/16"
_READY_SECONDS = 60.0
_AUDIT_MEGABYTES = 4000
ALL_CONTROLLERS = ("*",)
# What no pod needs: a plane without a node idles for half as much with these alone.
FEW_CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
)
# An API server keeps a cache of each kind, and each cache a clock: half of what it costs while nobody asks it anything. Kinds
# that neither Keyward nor a pod of ours is about are watched without one.
_UNCACHED = {
    "": "componentstatuses endpoints limitranges persistentvolumeclaims persistentvolumes podtemplates replicationcontrollers "
    "resourcequotas services",
    "admissionregistration.k8s.io": "mutatingadmissionpolicies mutatingadmissionpolicybindings mutatingwebhookconfigurations "
    "validatingadmissionpolicies validatingadmissionpolicybindings validatingwebhookconfigurations",
    "apps": "controllerrevisions daemonsets deployments replicasets statefulsets",
    "autoscaling": "horizontalpodautoscalers",
    "batch": "cronjobs jobs",
    "certificates.k8s.io": "certificatesigningrequests",
    "coordination.k8s.io": "leases",
    "discovery.k8s.io": "endpointslices",
    "flowcontrol.apiserver.k8s.io": "flowschemas prioritylevelconfigurations",
    "networking.k8s.io": "ingressclasses ingresses ipaddresses networkpolicies servicecidrs",
    "node.k8s.io": "runtimeclasses",
    "policy": "poddisruptionbudgets",
    "rbac.authorization.k8s.io": "clusterrolebindings clusterroles rolebindings roles",
    "resource.k8s.io": "deviceclasses resourceclaims resourceclaimtemplates resourceslices",
    "scheduling.k8s.io": "priorityclasses",
    "storage.k8s.io": "csidrivers csinodes csistoragecapacities storageclasses volumeattachments volumeattributesclasses",
}
_WRITES = ("create", "update", "patch", "delete", "deletecollection")


@dataclass(frozen=True, slots=True)
class Ports:
    api: int
    etcd: int
    peer: int


@dataclass(slots=True)
class ControlPlane:
    """A control plane below one folder; `start` and `stop` may each be called again after the other."""

    folder: Path
    programs: Path
    ports: Ports = field(default_factory=lambda: Ports(free_port(), free_port(), free_port()))
    _authority: pki.Authority | None = None
    _running: dict[str, Running] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.ports.api}"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "admin.kubeconfig"

    @property
    def audit_log(self) -> Path:
        return self.folder / "audit.log"

    @property
    def etcd_dir(self) -> Path:
        return self.folder / "etcd"

    @property
    def authority(self) -> pki.Authority:
        """The CA that signs for the API server, its clients and its kubelets."""
        if self._authority is None:
            self._authority = pki.authority(self.folder / "pki")
        return self._authority

    @property
    def pids(self) -> dict[str, int]:
        """The processes that run, by name."""
        return {name: running.pid for name, running in self._running.items()}

    def log(self, name: str) -> Path:
        return self.folder / "log" / f"{name}.log"

    def start(self, *, controllers: Iterable[str] = ALL_CONTROLLERS) -> None:
        """Start everything; `await_ready` says when it can be used.

        Args:
            controllers: which of kube-controller-manager's run; without any, it does not run itself.

        Raises:
            ServerError: one of them did not start; the others have to be stopped by the caller.
        """
        self._write_files()
        self._run(_etcd(self))
        self.start_api_server()
        if controllers:
            self._run(_controller_manager(self, controllers))

    def start_api_server(self) -> None:
        """Start the API server on the port that it had; the rest is left as it is."""
        self._run(_api_server(self))

    def stop_api_server(self) -> None:
        """Kill the API server, as a crash would; etcd keeps its data."""
        self._end("kube-apiserver")

    def stop(self) -> None:
        """End all that runs; its files stay."""
        for name in reversed(list(self._running)):
            self._end(name)

    def run(self, server: Server) -> None:
        """Start one more server that ends with this control plane."""
        self._run(server)

    def write_kubeconfig(self, path: Path, client: pki.Pair) -> Path:
        """A kubeconfig that holds its certificates, so that it can be copied elsewhere."""
        path.write_text(json.dumps(_kubeconfig(self, client), indent=1), encoding="utf-8")
        path.chmod(0o600)
        return path

    def kubeconfig_of(self, name: str, common_name: str, organization: str = "") -> Path:
        """A kubeconfig for a client of its own certificate."""
        client = self.authority.client(name, common_name=common_name, organization=organization)
        return self.write_kubeconfig(self.folder / f"{name}.kubeconfig", client)

    def get(self, path: str) -> tuple[int, bytes]:
        """One GET as the administrator.

        Raises:
            OSError: the API server cannot be reached.
        """
        pairs = self.folder / "pki"
        context = ssl.create_default_context(cafile=str(self.authority.ca_file))
        context.load_cert_chain(pairs / "admin.crt", pairs / "admin.key")
        return _get(self.ports.api, path, context)

    def _write_files(self) -> None:
        if self.kubeconfig.exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        authority = self.authority
        authority.server("kube-apiserver", (HOST, "localhost", "kubernetes.default.svc", "10.96.0.1"))
        authority.client("kubelet-client", common_name="kube-apiserver", organization="system:masters")
        pki.signing_key(self.folder / "pki", "tokens")
        etcd = pki.authority(self.folder / "pki", name="etcd-ca", common_name="keyward test etcd CA")
        etcd.server("etcd", (HOST,))
        etcd.client("etcd-client", common_name="kube-apiserver")
        _write_audit_policy(self.folder / "audit-policy.json")
        self.kubeconfig_of("kube-controller-manager", "system:kube-controller-manager")
        self.kubeconfig_of("admin", "admin", "system:masters")

    def _run(self, server: Server) -> None:
        self._end(server.name)
        self._running[server.name] = start(server)

    def _end(self, name: str) -> None:
        running = self._running.pop(name, None)
        if running is not None:
            running.kill()

    def await_ready(self) -> None:
        """Wait until a namespace has its default service account, where controllers run.

        Raises:
            ServerError: it does not come.
        """
        if "kube-controller-manager" not in self._running:
            return
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.get("/api/v1/namespaces/default/serviceaccounts/default")[0] == http.HTTPStatus.OK:
                    return
            time.sleep(0.1)
        raise ServerError(f"kube-controller-manager made no service account; see {self.log('kube-controller-manager')}")


def _etcd(plane: ControlPlane) -> Server:
    pairs = plane.folder / "pki"
    client, peer = (f"https://{HOST}:{port}" for port in (plane.ports.etcd, plane.ports.peer))
    plane.etcd_dir.mkdir(mode=0o700, exist_ok=True)
    context = ssl.create_default_context(cafile=str(pairs / "etcd-ca.crt"))
    context.load_cert_chain(pairs / "etcd-client.crt", pairs / "etcd-client.key")
    flags = {
        "name": "keyward",
        "data-dir": plane.etcd_dir,
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"keyward={peer}",
        "log-level": "warn",
        "client-cert-auth": "true",
        "peer-client-cert-auth": "true",
        "unsafe-no-fsync": "true",
    }
    for prefix in ("", "peer-"):
        flags |= {
            f"{prefix}cert-file": pairs / "etcd.crt",
            f"{prefix}key-file": pairs / "etcd.key",
            f"{prefix}trusted-ca-file": pairs / "etcd-ca.crt",
        }
    return _server(plane, "etcd", flags, lambda: b'"true"' in _get(plane.ports.etcd, "/health", context)[1])


def _api_server(plane: ControlPlane) -> Server:
    pairs = plane.folder / "pki"
    flags = {
        "etcd-servers": f"https://{HOST}:{plane.ports.etcd}",
        "etcd-cafile": pairs / "etcd-ca.crt",
        "etcd-certfile": pairs / "etcd-client.crt",
        "etcd-keyfile": pairs / "etcd-client.key",
        "bind-address": HOST,
        "advertise-address": HOST,
        "secure-port": plane.ports.api,
        "endpoint-reconciler-type": "none",
        "tls-cert-file": pairs / "kube-apiserver.crt",
        "tls-private-key-file": pairs / "kube-apiserver.key",
        "client-ca-file": pairs / "ca.crt",
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": pairs / "tokens.pub",
        "service-account-signing-key-file": pairs / "tokens.key",
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "service-cluster-ip-range": _SERVICES,
        "watch-cache-sizes": ",".join(_uncached()),
        "kubelet-client-certificate": pairs / "kubelet-client.crt",
        "kubelet-client-key": pairs / "kubelet-client.key",
        "kubelet-certificate-authority": pairs / "ca.crt",
        "audit-policy-file": plane.folder / "audit-policy.json",
        "audit-log-path": plane.audit_log,
        # The default turns the log over at 100 MB, and a test that counts writes would miss those before.
        "audit-log-maxsize": _AUDIT_MEGABYTES,
    }
    return _server(plane, "kube-apiserver", flags, lambda: plane.get("/readyz")[0] == http.HTTPStatus.OK)


def _uncached() -> Iterator[str]:
    for group, kinds in _UNCACHED.items():
        for kind in kinds.split():
            yield f"{kind}.{group}#0" if group else f"{kind}#0"


def _controller_manager(plane: ControlPlane, controllers: Iterable[str]) -> Server:
    pairs = plane.folder / "pki"
    flags = {
        "kubeconfig": plane.folder / "kube-controller-manager.kubeconfig",
        "controllers": ",".join(controllers),
        "leader-elect": "false",
        "secure-port": 0,
        "use-service-account-credentials": "true",
        # Its default of 20 requests a second is 4 of the seconds that a start would take.
        "kube-api-qps": 500,
        "kube-api-burst": 1000,
        "service-account-private-key-file": pairs / "tokens.key",
        "root-ca-file": pairs / "ca.crt",
        "cluster-signing-cert-file": pairs / "ca.crt",
        "cluster-signing-key-file": pairs / "ca.key",
    }
    return _server(plane, "kube-controller-manager", flags, lambda: True)


def _server(plane: ControlPlane, name: str, flags: dict[str, object], ready: Callable[[], bool]) -> Server:
    argv = [str(plane.programs / name), *(f"--{flag}={value}" for flag, value in flags.items())]
    return Server(name=name, argv=argv, ready=ready, log=plane.log(name), deadline_seconds=_READY_SECONDS)


def _get(port: int, path: str, context: ssl.SSLContext) -> tuple[int, bytes]:
    connection = http.client.HTTPSConnection(HOST, port, timeout=5, context=context)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from None
    finally:
        connection.close()


def _kubeconfig(plane: ControlPlane, client: pki.Pair) -> dict[str, object]:
    def inline(path: Path) -> str:
        return base64.b64encode(path.read_bytes()).decode()

    name = "keyward"
    user = {"client-certificate-data": inline(client.cert), "client-key-data": inline(client.key)}
    cluster = {"server": plane.url, "certificate-authority-data": inline(plane.authority.ca_file)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }


def _write_audit_policy(path: Path) -> None:
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata", "verbs": list(_WRITES)}, {"level": "None"}],
    }
    path.write_text(json.dumps(policy), encoding="utf-8")
