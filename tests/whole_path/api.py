"""The API server as a test asks it: objects as JSON, by paths, with an administrator's rights."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

from kubernetes import client as k8s
from kubernetes import config

Json = dict[str, Any]
_CORE = ("secrets", "pods", "events", "configmaps", "namespaces")
_PLURALS = {
    "secret": "secrets",
    "pod": "pods",
    "namespace": "namespaces",
    "credential": "credentials",
    "credentialversion": "credentialversions",
    "target": "targets",
    "clustertarget": "clustertargets",
    "encryptionkey": "encryptionkeys",
}
_CLUSTER_SCOPED = ("namespaces", "clustertargets", "encryptionkeys", "clusterroles", "clusterrolebindings")
MERGE = "application/merge-patch+json"
_APPLY = "application/apply-patch+yaml"
_NEW_KIND_SECONDS = 10.0


class Api:
    """Much cheaper than a kubectl for each look, where many looks are taken."""

    def __init__(self, kubeconfig: Path) -> None:
        self._client = config.new_client_from_config(str(kubeconfig))

    def close(self) -> None:
        self._client.close()

    def ask(self, method: str, path: str, body: Json | None = None, content: str = "application/json") -> Json | None:
        """The object that is answered; None if there is none. Raises AssertionError with what the server said."""
        data = self._asked(method, path, body, content)
        return None if data is None else json.loads(data)

    def log(self, pod: str, namespace: str, query: str = "") -> list[str]:
        """The lines of a pod's one container."""
        data = self._asked("GET", f"{place('pod', namespace, pod)}/log{query}")
        assert data is not None, f"there is no pod {pod}"
        return data.decode().splitlines()

    def _asked(
        self, method: str, path: str, body: Json | None = None, content: str = "application/json"
    ) -> bytes | None:
        try:
            answer = self._client.call_api(
                method,
                self._client.configuration.host + path,
                header_params={"Content-Type": content, "Accept": "application/json, */*"},
                body=body,
            )
            answer.read()
        except k8s.ApiException as error:
            status, data = error.status, error.body
        else:
            status, data = answer.status, answer.data
        if status == 404:
            return None
        assert status < 400, f"{method} {path}: {json.loads(data)['message']}"
        return data

    def get(self, kind: str, name: str, namespace: str) -> Json | None:
        return self.ask("GET", place(kind, namespace, name))

    def items(self, kind: str, namespace: str = "", query: str = "") -> list[Json]:
        """The objects of a kind, everywhere if no namespace is named; without the fields that lists leave out."""
        return (self.ask("GET", place(kind, namespace) + query) or {})["items"]

    def create(self, item: Json) -> Json:
        metadata = item["metadata"]
        created = self.ask("POST", place(item["kind"], metadata.get("namespace", "")), item)
        assert created is not None
        return created

    def merge(self, kind: str, name: str, namespace: str, patch: Json) -> None:
        assert self.ask("PATCH", place(kind, namespace, name), patch, MERGE) is not None

    def apply(self, *items: Json) -> None:
        """As `kubectl apply --server-side` does it: in their order, and a field that no kind has is refused."""
        for item in items:
            metadata = item["metadata"]
            path = _collection(item["apiVersion"], f"{item['kind'].lower()}s", metadata.get("namespace", ""))
            self._apply(f"{path}/{metadata['name']}?fieldManager=engineer&force=true&fieldValidation=Strict", item)

    def _apply(self, path: str, item: Json) -> None:
        deadline = time.monotonic() + _NEW_KIND_SECONDS
        while self.ask("PATCH", path, item, _APPLY) is None:
            # A kind is established a moment before it is served.
            assert time.monotonic() < deadline, f"there is no namespace or kind for {path}"
            time.sleep(0.1)

    def delete(self, kind: str, name: str, namespace: str) -> None:
        self.ask("DELETE", place(kind, namespace, name))


def place(kind: str, namespace: str = "", name: str = "") -> str:
    """The path of a collection or an object."""
    plural = _PLURALS.get(kind.lower(), kind.lower())
    path = _collection("v1" if plural in _CORE else "keyward.dev/v1alpha1", plural, namespace)
    return f"{path}/{name}" if name else path


def _collection(version: str, plural: str, namespace: str) -> str:
    root = "apis" if "/" in version else "api"
    middle = f"/namespaces/{namespace}" if namespace and plural not in _CLUSTER_SCOPED else ""
    return f"/{root}/{version}{middle}/{plural}"


def decoded(secret: Json | None) -> dict[str, str]:
    """The data of a Secret as text; empty if there is none."""
    return {k: base64.b64decode(v).decode() for k, v in ((secret or {}).get("data") or {}).items()}
