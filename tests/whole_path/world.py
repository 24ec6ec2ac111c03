"""A control plane, a PostgreSQL and the operator as its own process: what the whole path is walked on."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cluster import Cluster
from tests.cluster.postgres import PostgresServer
from tests.cluster.process import free_port

ROOT = Path(__file__).parents[2]
NAMESPACE = "whole-path"


def until(what: str, holds: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What `holds` answers once that is true; polling, because other processes are waited for."""
    deadline = time.monotonic() + seconds
    pause = 0.1
    while time.monotonic() < deadline:
        found = holds()
        if found:
            return found
        time.sleep(pause)
    raise AssertionError(f"{what} did not happen within {seconds:g} s")


class Shop:
    """One namespace with a Target, and what a platform engineer does in it."""

    def __init__(self, cluster: Cluster, postgres: PostgresServer) -> None:
        self.cluster, self.postgres = cluster, postgres

    def apply(self, *items: dict[str, Any]) -> None:
        self.cluster.kubectl(
            "apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(items)})
        )

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        text = self.cluster.kubectl("get", kind, name, "-n", NAMESPACE, "--ignore-not-found", "-o", "json")
        return json.loads(text) if text.strip() else None

    def prepare(self) -> None:
        self.cluster.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
        self.cluster.kubectl("wait", "--for=condition=Established", "--all", "crd", "--timeout=30s")
        database = self.postgres.database("orders")
        self.postgres.admin("rotator", password="rotators-password", database=database)
        spaces = [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            for name in ("keyward-system", NAMESPACE)
        ]
        key = keyward("EncryptionKey", "default", {"provider": {"local": {}}, "allowedNamespaces": ["*"]})
        del key["metadata"]["namespace"]
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "pg-admin", "namespace": NAMESPACE},
            "stringData": {"username": "rotator", "password": "rotators-password"},
        }
        self.apply(*spaces)
        self.apply(key, secret, keyward("Target", "pg", self.target()))

    def target(self) -> dict[str, Any]:
        return {
            "rds": {
                "engine": "PostgreSQL",
                "endpoints": [{"host": "127.0.0.1", "port": self.postgres.port}],
                "tls": {"ca": self.postgres.ca_pem},
            },
            "admin": {"secretRef": {"name": "pg-admin"}},
            "allowedAccounts": ["orders*"],
        }

    def secret(self, name: str) -> dict[str, str]:
        found = self.get("secret", name)
        return {k: base64.b64decode(v).decode() for k, v in (found or {}).get("data", {}).items()}

    def logs_in(self, secret: dict[str, str]) -> str:
        """Who the session acts as after a login with what a Secret holds."""
        with self.postgres.connect("orders", secret["username"], secret["password"]) as session:
            row = session.execute("select current_user").fetchone()
        assert row is not None
        return str(row[0])

    @contextmanager
    def operator(self) -> Iterator[subprocess.Popen[bytes]]:
        port, log = free_port(), self.postgres.folder / "operator.log"
        address = f"127.0.0.1:{port}"
        command = [sys.executable, "-m", "keyward", "controller", "--kubeconfig", str(self.cluster.kubeconfig)]
        with log.open("ab") as out:
            process = subprocess.Popen(
                [*command, "--metrics-address", address, "--log-format", "json"],
                stdout=out,
                stderr=out,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
            try:
                yield process
            except BaseException:
                sys.stderr.write(log.read_text()[-6000:])
                raise
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                process.wait(30)


def keyward(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "keyward.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
