"""What a backup tool keeps of Credentials, and how it brings it back: new uids, no statuses, any order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.kills.api import Api
from tests.kills.lives import Life
from tests.kills.stage import Stage

from keyward.kube.kinds import CREDENTIALS, SECRETS, TARGETS, VERSIONS

Json = dict[str, Any]
PARTS = ("credentials", "versions", "secrets")
KEYRING = ("keyward-system", "keyward-keyring")
# Owner references are kept, as tools do: they name an owner that is not there any more.
_NOT_KEPT = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "deletionTimestamp")


@dataclass(slots=True)
class Backup:
    """By part and Credential's name. `surroundings` are Targets and the Secrets of people."""

    parts: dict[str, dict[str, list[Json]]] = field(default_factory=dict)
    surroundings: list[Json] = field(default_factory=list)
    keyring: Json = field(default_factory=dict)

    @classmethod
    def of(cls, stage: Stage, lives: Iterable[Life]) -> Backup:
        names = {life.name for life in lives}
        versions: dict[str, list[Json]] = {name: [] for name in names}
        for item in stage.api.list(VERSIONS, stage.namespace):
            if item["spec"]["credential"] in names:
                versions[item["spec"]["credential"]].append(_kept(item, "CredentialVersion"))
        credentials = _by_name(stage, CREDENTIALS, names)
        projected = _by_name(stage, SECRETS, names)
        theirs = {f"{name}-{what}" for name in names for what in ("admin", "import")}
        surroundings = [*_by_name(stage, SECRETS, theirs).values(), *_by_name(stage, TARGETS, names).values()]
        parts = {"credentials": credentials, "versions": versions, "secrets": projected}
        keyring = stage.api.get(SECRETS, *KEYRING)
        assert keyring is not None
        return cls(parts, [item for group in surroundings for item in group], _kept(keyring, "Secret"))

    def into(self, api: Api, part: str, life: Life) -> None:
        """One part of one Credential is brought back."""
        api.create(*self.parts[part][life.name])


def lose(stage: Stage, lives: Iterable[Life]) -> None:
    """All that keeps them is gone at once, and no operator saw it go."""
    names = {life.name for life in lives}
    for name in names:
        stage.api.let_go(CREDENTIALS, stage.namespace, name)
        stage.api.delete(SECRETS, stage.namespace, name)
    for version in stage.api.list(VERSIONS, stage.namespace):
        if version["spec"]["credential"] in names:
            stage.api.delete(VERSIONS, stage.namespace, version["metadata"]["name"])


def _by_name(stage: Stage, kind: Any, names: set[str]) -> dict[str, list[Json]]:
    found = {item["metadata"]["name"]: item for item in stage.api.list(kind, stage.namespace)}
    return {name: [_kept(found[name], kind.name)] for name in names if name in found}


def _kept(item: Json, kind: str) -> Json:
    metadata = {key: value for key, value in item["metadata"].items() if key not in _NOT_KEPT}
    version = "v1" if kind == "Secret" else "keyward.dev/v1alpha1"
    rest = {key: value for key, value in item.items() if key not in ("metadata", "status", "apiVersion", "kind")}
    return {"apiVersion": version, "kind": kind, "metadata": metadata} | rest
