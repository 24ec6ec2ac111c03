"""Reading a kubeconfig: which server, which CA, which login. Reads files, starts nothing, and prints no secret."""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from keyward.errors import Blocked, Reason
from keyward.kube.tokens import Command
from keyward.sensitive import Sensitive

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Facts:
    server: str
    namespace: str
    ca_pem: str | None
    insecure: bool
    server_name: str | None
    client_cert: tuple[str, Sensitive] | None = field(repr=False)
    token: Sensitive | None = field(repr=False)
    token_file: Path | None
    command: Command | None = field(repr=False)


def _refuse(message: str) -> Blocked:
    return Blocked(Reason.API_REFUSED, message)


def read(path: str | None = None, context: str | None = None) -> Facts:
    """The facts of one context of a kubeconfig; several files as in KUBECONFIG are merged, the first one wins.

    Raises:
        Blocked: a file or entry is missing or damaged, or a feature is not supported.
    """
    names = path or os.environ.get("KUBECONFIG") or str(Path("~/.kube/config").expanduser())
    files = [Path(name).expanduser() for name in names.split(os.pathsep) if name]
    docs = [_load(file) for file in files if file.exists()]
    if not docs:
        raise _refuse(f"no kubeconfig at {names}, and we do not run in a pod: name one by KUBECONFIG or --kubeconfig")
    chosen = context or next((str(d["current-context"]) for d in docs if d.get("current-context")), "")
    entry = _named(docs, "contexts", chosen, "context")
    cluster = _named(docs, "clusters", str(entry.get("cluster", "")), "cluster")
    user = _named(docs, "users", str(entry["user"]), "user") if entry.get("user") else {}
    if cluster.get("proxy-url"):
        raise _refuse("the kubeconfig's proxy-url is not supported")
    if user.get("username") or user.get("auth-provider"):
        raise _refuse(
            "the kubeconfig's user has a password or an auth-provider: both are not supported, use a token or exec"
        )
    ca = _pem(cluster, "certificate-authority")
    return Facts(
        server=str(cluster.get("server") or "http://localhost:8080").rstrip("/"),
        namespace=str(entry.get("namespace") or "default"),
        ca_pem=ca.reveal_text() if ca else None,
        insecure=bool(cluster.get("insecure-skip-tls-verify", False)),
        server_name=cluster.get("tls-server-name"),
        client_cert=_client_cert(user),
        token=Sensitive(str(user["token"])) if user.get("token") else None,
        token_file=Path(user["tokenFile"]) if user.get("tokenFile") and not user.get("token") else None,
        command=_command(user.get("exec")),
    )


def _load(file: Path) -> Json:
    try:
        doc = yaml.safe_load(file.read_text())
    except (OSError, yaml.YAMLError, UnicodeDecodeError):
        raise _refuse(f"the kubeconfig {file} cannot be read as YAML") from None
    if not isinstance(doc, dict):
        raise _refuse(f"the kubeconfig {file} is not a mapping")
    _resolve_paths(doc, file.parent)
    return doc


def _resolve_paths(doc: Json, folder: Path) -> None:
    """Relative paths are meant from the file that they stand in."""
    for section, kind in (("clusters", "cluster"), ("users", "user")):
        for item in doc.get(section) or []:
            entry = item.get(kind) or {}
            for key in ("certificate-authority", "client-certificate", "client-key", "tokenFile"):
                if entry.get(key):
                    entry[key] = str(folder / Path(entry[key]).expanduser())
            command = entry.get("exec") or {}
            if os.sep in str(command.get("command", "")):
                command["command"] = str(folder / command["command"])


def _named(docs: list[Json], section: str, name: str, kind: str) -> Json:
    for doc in docs:
        for item in doc.get(section) or []:
            if item.get("name") == name:
                found = item.get(kind)
                return found if isinstance(found, dict) else {}
    raise _refuse(f"the kubeconfig has no {kind} named {name!r}")


def _pem(entry: Json, key: str) -> Sensitive | None:
    data = entry.get(f"{key}-data")
    try:
        if data:
            return Sensitive(base64.b64decode("".join(str(data).split()), validate=True))
        return Sensitive(Path(entry[key]).read_bytes()) if entry.get(key) else None
    except (OSError, binascii.Error, TypeError, ValueError):
        raise _refuse(f"the kubeconfig's {key} cannot be read") from None


def _client_cert(user: Json) -> tuple[str, Sensitive] | None:
    certificate, key = _pem(user, "client-certificate"), _pem(user, "client-key")
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise _refuse(
            "the kubeconfig's user has a client certificate without its key, or a key without its certificate"
        )
    return certificate.reveal_text(), key


def _command(entry: Json | None) -> Command | None:
    if not entry:
        return None
    argv = (str(entry.get("command", "")), *(str(a) for a in entry.get("args") or []))
    env = tuple((str(e["name"]), str(e["value"])) for e in entry.get("env") or [])
    return Command(str(entry.get("apiVersion", "client.authentication.k8s.io/v1")), argv, env)
