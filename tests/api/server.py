"""A real API server with our CRDs, asked in a way that leaves nothing behind: dry runs, and objects of a test's own name."""

from __future__ import annotations

import copy
import json
import uuid
from pathlib import Path
from typing import Any

import yaml
from kubernetes import client as k8s
from kubernetes import config

Json = dict[str, Any]
GROUP = "/apis/keyward.dev/v1alpha1"
KINDS = {
    "Credential": ("credentials", True),
    "CredentialVersion": ("credentialversions", True),
    "CredentialSet": ("credentialsets", True),
    "Target": ("targets", True),
    "ClusterTarget": ("clustertargets", False),
    "EncryptionKey": ("encryptionkeys", False),
}


class RefusedError(Exception):
    """The API server refused; the text is its message, `fields` are those that it names as the causes."""

    def __init__(self, answer: Json) -> None:
        super().__init__(answer["message"])
        self.fields = {cause.get("field") for cause in (answer.get("details") or {}).get("causes") or ()}


class Server:
    """Our kinds on a real API server, in one namespace."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._client = config.new_client_from_config(str(kubeconfig))
        self.namespace = namespace

    def close(self) -> None:
        self._client.close()

    def ask(self, method: str, path: str, body: Json | None = None, query: str = "") -> Json:
        """One request; the object that is answered. Raises RefusedError."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        try:
            answer = self._client.call_api(
                method,
                self._client.configuration.host + path + query,
                header_params={"Content-Type": kind, "Accept": "application/json"},
                body=body,
            )
            answer.read()
        except k8s.ApiException as error:
            raise RefusedError(json.loads(error.body)) from None
        if answer.status >= 400:
            raise RefusedError(json.loads(answer.data))
        return json.loads(answer.data)

    def path(self, item: Json, name: str = "") -> str:
        plural, namespaced = KINDS[item["kind"]]
        middle = f"/namespaces/{self.namespace}" if namespaced else ""
        return f"{GROUP}{middle}/{plural}" + (f"/{name}" if name else "")

    def try_create(self, item: Json) -> Json:
        """The object as it would be stored. Raises RefusedError."""
        return self.ask("POST", self.path(item), item, "?dryRun=All")

    def create(self, item: Json) -> Json:
        return self.ask("POST", self.path(item), item)

    def try_status(self, live: Json, status: Json) -> Json:
        """The stored object with this status, as it would be. Raises RefusedError."""
        path = self.path(live, live["metadata"]["name"])
        return self.ask("PATCH", f"{path}/status", {"status": status}, "?dryRun=All")

    def replace(self, item: Json, *, dry: bool = True) -> Json:
        return self.ask("PUT", self.path(item, item["metadata"]["name"]), item, "?dryRun=All" if dry else "")

    def delete(self, item: Json) -> None:
        self.ask("DELETE", self.path(item, item["metadata"]["name"]))


def install(kubeconfig: Path, files: list[Path]) -> None:
    """Apply the CRDs and wait until all are served."""
    client = config.new_client_from_config(str(kubeconfig))
    api = k8s.ApiextensionsV1Api(client)
    for file in files:
        body = yaml.safe_load(file.read_text())
        try:
            api.create_custom_resource_definition(body)
        except k8s.ApiException as error:
            if error.status != 409:
                raise
    client.close()


def wait_until_served(cluster: Any) -> None:
    """kubectl waits for the CRDs to be established."""
    names = [f"crd/{plural}.keyward.dev" for plural, _ in KINDS.values()]
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *names)


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def changed(item: Json, path: str, value: Any) -> Json:
    """A copy with the value at a dotted path set; `...` removes it."""
    found = copy.deepcopy(item)
    parts: list[Any] = [int(p) if p.isdigit() else p for p in path.split(".")]
    node: Any = found
    for part in parts[:-1]:
        node = node.setdefault(part, {}) if isinstance(node, dict) else node[part]
    if value is ...:
        del node[parts[-1]]
    else:
        node[parts[-1]] = value
    return found
