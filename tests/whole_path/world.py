"""A control plane, a PostgreSQL and the operator as its own process: what the whole path is walked on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from psycopg.errors import DuplicateDatabase, DuplicateObject
from tests.cluster import Cluster, definitions, process
from tests.cluster.postgres import PostgresServer
from tests.whole_path.api import MERGE, Api, Json, decoded, place
from tests.whole_path.running import Operator, running

NAMESPACE = "whole-path"
OPERATOR_NAMESPACE = "keyward-system"


def until(what: str, holds: Callable[[], Any], seconds: float = 120.0, pause: float = 0.1) -> Any:
    """What `holds` answers once that is true; polling, because other processes are waited for."""
    began = time.monotonic()
    while (spent := time.monotonic() - began) < seconds:
        found = holds()
        if found:
            return found
        time.sleep(process.pause(spent, least=pause, most=max(pause, 1.0)))
    raise AssertionError(f"{what} did not happen within {seconds:g} s")


class Shop:
    """One namespace with a Target, and what a platform engineer does in it.

    Accounts are global to a PostgreSQL that several tests share: each gives them names of its own.
    """

    host = "127.0.0.1"  # where consumers, and the operator, reach the server

    def __init__(self, cluster: Cluster, postgres: PostgresServer, namespace: str = NAMESPACE) -> None:
        self.cluster, self.postgres, self.namespace = cluster, postgres, namespace
        self.api = Api(cluster.kubeconfig)
        self.kubeconfig = cluster.kubeconfig
        self.log = postgres.folder / "operator.log"

    # --- the cluster ---

    def apply(self, *items: Json) -> None:
        self.api.apply(*items)

    def get(self, kind: str, name: str) -> Json | None:
        return self.api.get(kind, name, self.namespace)

    def annotate(self, name: str, command: str, text: str | None) -> None:
        """Write one of the commands rotate, promote and takeover on a Credential."""
        annotations = {f"keyward.dev/{command}": text}
        self.api.merge("credential", name, self.namespace, {"metadata": {"annotations": annotations}})

    def secret(self, name: str) -> dict[str, str]:
        return decoded(self.get("secret", name))

    def published(self, name: str) -> dict[str, str]:
        """The first Secret of a Credential that projects to its own name."""
        found: dict[str, str] = until(f"the first Secret of {name}", lambda: self.secret(name))
        return found

    def rotated(self, name: str, token: str) -> tuple[dict[str, str], dict[str, str]]:
        """Ask for a rotation; the Secret before and after it."""
        before = self.secret(name)
        self.annotate(name, "rotate", token)
        after = until(f"a rotation of {name}", lambda: (found := self.secret(name)) != before and found)
        return before, after

    def condition(self, name: str, kind: str) -> Json:
        """A condition of a Credential; empty if it has none of that kind."""
        found = ((self.get("credential", name) or {}).get("status") or {}).get("conditions", [])
        return next((c for c in found if c["type"] == kind), {})

    def told(self, name: str, kind: str, reason: str) -> str:
        """What a condition says for this reason; empty while it has another one."""
        found = self.condition(name, kind)
        return str(found["message"]) if found.get("reason") == reason else ""

    def versions(self, name: str) -> list[Json]:
        """The versions of a Credential, the oldest first."""
        found = [v for v in self.api.items("credentialversion", self.namespace) if v["spec"]["credential"] == name]
        return sorted(found, key=lambda v: v["spec"]["sequence"])

    def install(self) -> None:
        """The CRDs; and room for the operator's first keyring, which is refused while anybody's versions exist."""
        definitions.install(self.cluster)
        keyring = ("secret", "keyward-keyring", OPERATOR_NAMESPACE)
        until(
            "the end of other tests' versions",
            lambda: self.api.get(*keyring) or not self.api.items("credentialversion", query="?limit=1"),
        )

    def prepare(self) -> None:
        """CRDs, namespaces, key, admin login and Target; what is there already stays."""
        self.install()
        self._prepare_server()
        spaces = [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            for name in (OPERATOR_NAMESPACE, self.namespace)
        ]
        key = keyward("EncryptionKey", "default", {"provider": {"local": {}}, "allowedNamespaces": ["*"]})
        del key["metadata"]["namespace"]
        self.apply(*spaces)
        login = {"username": "rotator", "password": "rotators-password"}
        self.apply(key, self.plain_secret("pg-admin", login), self.made("Target", "pg", self.target()))

    def close(self) -> None:
        """Take everything out of the namespace, as nobody will look after it any more; accounts stay as they are."""
        for item in self.api.items("credential", self.namespace):
            name = item["metadata"]["name"]
            self.api.delete("credential", name, self.namespace)
            self.api.ask("PATCH", place("credential", self.namespace, name), {"metadata": {"finalizers": None}}, MERGE)
        for kind in ("credentialsets", "credentialversions", "secrets", "targets"):
            self.api.ask("DELETE", place(kind, self.namespace))
        self.api.close()

    # --- the server ---

    def _prepare_server(self) -> None:
        try:
            self.postgres.database("orders")
            self.postgres.admin("rotator", password="rotators-password", database="orders")
        except (DuplicateDatabase, DuplicateObject):
            return  # by another test of the same session

    def target(self) -> Json:
        return {
            "rds": {
                "engine": "PostgreSQL",
                "endpoints": [{"host": self.host, "port": self.postgres.port}],
                "tls": {"ca": self.postgres.ca_pem},
            },
            "admin": {"secretRef": {"name": "pg-admin"}},
            "allowedAccounts": ["orders*"],
        }

    def logs_in(self, secret: dict[str, str]) -> str:
        """Who the session acts as after a login with what a Secret holds."""
        with self.postgres.connect("orders", secret["username"], secret["password"]) as session:
            row = session.execute("select current_user").fetchone()
        assert row is not None
        return str(row[0])

    # --- objects ---

    def made(self, kind: str, name: str, spec: Json) -> Json:
        """An object of ours in this namespace."""
        return keyward(kind, name, spec, self.namespace)

    def plain_secret(self, name: str, data: dict[str, str], **metadata: Any) -> Json:
        """A Secret that somebody else writes."""
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": self.namespace} | metadata,
            "stringData": data,
        }

    # --- the operator ---

    @contextmanager
    def operator(self, *options: str) -> Iterator[Operator]:
        with running(self.kubeconfig, self.log, *options) as operator:
            yield operator


def keyward(kind: str, name: str, spec: Json, namespace: str = NAMESPACE) -> Json:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "keyward.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
