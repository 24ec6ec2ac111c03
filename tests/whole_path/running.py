"""The operator as a process of its own, started as a user starts it, with the rights that it needs and no others."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from tests.cluster import Cluster, installation, owned
from tests.cluster.process import free_port
from tests.whole_path.api import Api

USER = "keyward-operator"
ROOT = Path(__file__).parents[2]
RBAC = ROOT / "examples" / "rbac.yaml"


def limited(cluster: Cluster) -> Path:
    """A kubeconfig of a user of the operator's own, who may do what the operator does and nothing else.

    Raises:
        RefusedError: the cluster's CA is not ours.
    """
    kubeconfig = cluster.kubeconfig_for(USER, USER)
    items = [item for item in yaml.safe_load_all(RBAC.read_text()) if item["kind"].startswith("ClusterRole")]
    for item in items:
        item["metadata"]["name"] = USER
        if item["kind"] == "ClusterRoleBinding":
            item["roleRef"]["name"] = USER
            item["subjects"] = [{"kind": "User", "name": USER, "apiGroup": "rbac.authorization.k8s.io"}]
    api = Api(cluster.kubeconfig)
    api.apply(*items)
    api.close()
    return kubeconfig


@dataclass(slots=True)
class Operator:
    """One run of it."""

    process: subprocess.Popen[bytes]
    log: Path
    address: str

    @property
    def pid(self) -> int:
        return self.process.pid

    def page(self, name: str) -> str | None:
        """What it serves under this name, such as metrics; None while it does not say 200."""
        try:
            with urllib.request.urlopen(f"http://{self.address}/{name}", timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            return None

    def await_ready(self, seconds: float = 30.0) -> None:
        """Wait until it knows the cluster and works. Raises AssertionError."""
        deadline = time.monotonic() + seconds
        while self.page("readyz") is None:
            assert self.process.poll() is None, "the operator has ended"
            assert time.monotonic() < deadline, "the operator is not ready"
            time.sleep(0.05)

    def stop(self) -> int:
        """Ask it to end in good order; its status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def series(self, name: str) -> float:
        """One series, by its name and labels as they are served; 0 if it is not there."""
        lines = (self.page("metrics") or "").splitlines()
        return next((float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name} ")), 0.0)

    def metric(self, name: str) -> float:
        """The sum of a metric's series."""
        lines = (self.page("metrics") or "").splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))


@contextlib.contextmanager
def running(
    kubeconfig: Path,
    log: Path,
    *options: str,
    program: str = "keyward",
    python: str = sys.executable,
    environment: Mapping[str, str] = {},
) -> Iterator[Operator]:
    """The operator for as long as the body runs; what it said goes to `log`, and its end to stderr if the body fails."""
    address = f"127.0.0.1:{free_port()}"
    command = [python, "-m", program, "controller", "--kubeconfig", str(kubeconfig)]
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*command, "--metrics-address", address, "--log-format", "json", *options],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=ROOT,
            env=installation.environment(environment),
            start_new_session=True,  # a Ctrl-C is for us: it is asked to stop in its turn
        )
    operator, record = Operator(process, log, address), owned.record(process.pid)
    try:
        yield operator
    except KeyboardInterrupt:
        raise
    except BaseException:
        sys.stderr.write(log.read_text()[-6000:])
        raise
    finally:
        operator.stop()
        record.unlink(missing_ok=True)
        owned.drop_if_empty(record.parent)
