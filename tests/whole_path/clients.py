"""Consumers of a projected Secret that count each of their logins: a pod with the Secret mounted, and processes outside.

Both are the same program. It reads its file right before each login and prints one line per login; what it prints is
counted here and nowhere else.
"""

from __future__ import annotations

import base64
import contextlib
import json
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tests.cluster import Cluster, binaries, process
from tests.whole_path.api import Json

INTERVAL = "700ms"
_ROW = '{{index .metadata.annotations "keyward.dev/written-at"}} {{index .data "credential.json"}}{{"\\n"}}'


@dataclass(frozen=True, slots=True)
class Login:
    """One line of a client. `at` in seconds since the epoch."""

    client: str
    at: float
    ok: bool
    refused: bool
    user: str
    version: str
    code: str


def logins(client: str, lines: Iterable[str]) -> list[Login]:
    """What a client printed. A line that its end cut off is no login."""
    found = []
    for line in lines:
        with contextlib.suppress(json.JSONDecodeError):
            one = json.loads(line)
            user, version, code = (str(one.get(key, "")) for key in ("user", "version", "code"))
            found.append(Login(client, one["t"] / 1e9, one["ok"], one["refused"], user, version, code))
    return found


@dataclass(slots=True)
class Tally:
    """All logins of all clients of one Credential."""

    logins: list[Login]

    @property
    def refused(self) -> list[Login]:
        return [one for one in self.logins if one.refused]

    @property
    def failed(self) -> Counter[str]:
        """Failures that were no refusals, by their code."""
        return Counter(one.code for one in self.logins if not one.ok and not one.refused)

    def of(self, client: str) -> Tally:
        return Tally([one for one in self.logins if one.client == client])

    @property
    def clients(self) -> set[str]:
        return {one.client for one in self.logins}

    @property
    def versions(self) -> set[str]:
        return {one.version for one in self.logins if one.ok}

    @property
    def first_seen(self) -> dict[str, float]:
        """When each version was first used."""
        found: dict[str, float] = {}
        for one in self.logins:
            if one.version:
                found[one.version] = min(one.at, found.get(one.version, one.at))
        return found


# --- the Secret, followed ---


@dataclass(frozen=True, slots=True)
class Edition:
    """A Secret as it was at one moment."""

    written_at: float
    document: Json

    @property
    def version(self) -> str:
        return str(self.document["version"])


@dataclass(slots=True)
class Follower:
    """Keeps files as a Secret is, by a watch: each some seconds behind it, as a kubelet's are.

    A file is replaced as a whole, never rewritten, so that no reader sees half of it.
    """

    kubectl: Path
    kubeconfig: Path
    files: dict[Path, float]  # file → seconds that it is behind
    editions: list[Edition] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)
    _watch: subprocess.Popen[str] | None = None

    @contextlib.contextmanager
    def following(self, namespace: str, name: str) -> Iterator[Follower]:
        command = [str(self.kubectl), "--kubeconfig", str(self.kubeconfig), "-n", namespace]
        command += ["get", "secret", name, "--watch", "-o", f"go-template={_ROW}"]
        self._watch = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        reader = threading.Thread(target=self._read, daemon=True)
        reader.start()
        try:
            yield self
        finally:
            self._watch.terminate()
            self._watch.wait(10)
            reader.join(10)

    def _read(self) -> None:
        assert self._watch is not None
        assert self._watch.stdout is not None
        with self._watch.stdout as rows:
            for row in rows:
                written, text = row.split()
                document = base64.b64decode(text)
                for path, behind in self.files.items():
                    threading.Timer(behind, _replace, (path, document)).start()
                with self._news:
                    moment = datetime.fromisoformat(written).timestamp()
                    self.editions.append(Edition(moment, json.loads(document)))
                    self._news.notify_all()

    def after(self, version: str, seconds: float) -> Edition:
        """The newest edition once it holds another version than this one. Raises AssertionError."""
        deadline = time.monotonic() + seconds
        with self._news:
            while not self.editions or self.editions[-1].version == version:
                assert self._news.wait(deadline - time.monotonic()), f"nothing came after {version or 'the start'}"
            return self.editions[-1]


def _replace(path: Path, document: bytes) -> None:
    draft = path.with_suffix(f".{threading.get_ident()}")
    draft.write_bytes(document)
    draft.replace(path)


# --- clients ---


@contextlib.contextmanager
def outside(name: str, file: Path, ca: Path) -> Iterator[Path]:
    """A client on this machine; its output."""
    program = binaries.ensure(binaries.CLIENT) / "loginclient"
    log = file.with_name(f"{name}.log")
    argv = [str(program), "-credential", str(file), "-ca", str(ca), "-interval", INTERVAL, "-timeout", "20s"]
    running = process.start(process.Server(name=name, argv=argv, ready=lambda: log.stat().st_size > 0, log=log))
    try:
        yield log
    finally:
        running.stop()


def pod(cluster: Cluster, namespace: str, name: str) -> Json:
    """A pod that mounts the Secret of its own name, as an application does."""
    container = {
        "name": "client",
        "image": cluster.login_image,
        "imagePullPolicy": "Never",
        "args": ["-interval", INTERVAL, "-timeout", "20s", "-ca", "/credential/ca.crt"],
        "volumeMounts": [{"name": "credential", "mountPath": "/credential", "readOnly": True}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    spec = {
        "hostNetwork": cluster.pod_host_network,
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
        "volumes": [{"name": "credential", "secret": {"secretName": name}}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": spec}
