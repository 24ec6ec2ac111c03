"""What the demo applies: namespaces, key, Targets, Credentials, and the Deployments that log in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import starmap
from pathlib import Path
from typing import Any

import yaml

from demo.servers import ADMIN, USER, Described, Kind
from keyward.api import places

Json = dict[str, Any]
NAMESPACE = "keyward-demo"
SYSTEM = "keyward-demo-system"
_KEY, _VALUE = "app.kubernetes.io/part-of", "keyward-demo"
OURS = {_KEY: _VALUE}
SELECT_OURS, SELECT_OTHERS = f"{_KEY}={_VALUE}", f"{_KEY}!={_VALUE}"
CRDS = Path(__file__).parents[1] / "crds"
CREDENTIALS_FILE = Path(__file__).with_name("credentials.yaml")


def key() -> Json:
    """Where keys come from, as a platform's team says."""
    found = _keyward("EncryptionKey", "default", {"provider": {"local": {}}, "allowedNamespaces": [NAMESPACE]})
    del found["metadata"]["namespace"]
    return found


def target(kind: Kind, host: str, found: Described) -> list[Json]:
    """A server and the login that manages its accounts, as a platform's team describes them once."""
    name = f"{kind.target}-admin"
    admin = _named("v1", "Secret", name) | {"stringData": {"username": ADMIN} | found.admin}
    spec = found.target | {
        "admin": {"secretRef": {"name": name}},
        "allowedAccounts": ["orders*", "billing*", "reports*", "sessions*", USER],
    }
    for block in found.target.values():
        for endpoint in block["endpoints"]:
            endpoint["host"] = host
    return [admin, _keyward("Target", kind.target, spec), *starmap(_given, found.given.items())]


def _given(credential: str, data: dict[str, str]) -> Json:
    """What an imported user has now."""
    found = _named("v1", "Secret", f"{credential}-given") | {"stringData": data}
    found["metadata"]["labels"]["keyward.dev/source-for"] = credential
    return found


def kinds() -> list[Json]:
    """The CRDs, labelled, so that what a killed demo left in a cluster that is not ours is known for what it is."""
    found = [yaml.load(file.read_bytes(), yaml.CSafeLoader) for file in sorted(CRDS.glob("*.yaml"))]
    for one in found:
        one["metadata"]["labels"] = one["metadata"].get("labels", {}) | OURS
    return found


def namespaces() -> list[Json]:
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": OURS}}
        for name in (NAMESPACE, SYSTEM)
    ]


def credentials(kinds: Sequence[Kind], *, grace: str | None = None) -> list[Json]:
    """The example Credentials of `credentials.yaml` on servers of these kinds; `grace` takes the place of their gracePeriod."""
    listed: list[Json] = list(yaml.safe_load_all(CREDENTIALS_FILE.read_text(encoding="utf-8")))
    targets = {kind.target for kind in kinds}
    found = [one for one in listed if one["spec"][_block(one)]["targetRef"]["name"] in targets]
    for one in found:
        one["metadata"]["namespace"] = NAMESPACE
        if grace is not None:
            one["spec"]["rotation"]["gracePeriod"] = grace
    return found


def server_of(credential: Json) -> str:
    """What kind of server its account is on."""
    name = _block(credential)
    return str(credential["spec"][name].get("engine", {"redis": "Redis", "ecs": "Linux"}.get(name, "PostgreSQL")))


def secret_of(credential: Json) -> str:
    """The Secret that its consumers mount."""
    return str(credential["spec"]["projections"][0]["secretName"])


def deployment(name: str, secret: str, image: str, *, host_network: bool, preloaded: bool) -> Json:
    """One pod that rereads its mounted Secret before each login."""
    container = {
        "name": "client",
        "image": image,
        "imagePullPolicy": "Never" if preloaded else "IfNotPresent",
        "args": client_args("/credential"),
        "volumeMounts": [{"name": "credential", "mountPath": "/credential", "readOnly": True}],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    pod = {
        "hostNetwork": host_network,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
        "volumes": [{"name": "credential", "secret": {"secretName": secret}}],
    }
    labels = {"app": name} | OURS
    return _named("apps/v1", "Deployment", name) | {
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        }
    }


def client_args(folder: str) -> list[str]:
    """How the login client is called, in a pod and out of one: four logins a second."""
    return ["-credential", folder, "-ca", f"{folder}/ca.crt", "-interval", "250ms"]


def _block(credential: Json) -> str:
    return next(name for name in places.BLOCKS if name in credential["spec"])


def listed(items: list[Json]) -> str:
    """For `kubectl apply -f -`."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def _named(api: str, kind: str, name: str) -> Json:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE, "labels": dict(OURS)}}


def _keyward(kind: str, name: str, spec: Json) -> Json:
    return _named("keyward.dev/v1alpha1", kind, name) | {"spec": spec}
