"""EncryptionKeys: the keys that protect the data keys of versions. Written by the platform's team."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from keyward.api.base import Model, Rule
from keyward.api.metadata import Conditions, Metadata
from keyward.api.values import Namespace, Text

_SET = {"x-kubernetes-list-type": "set"}


class LocalProvider(Model):
    """The operator's own keyring, a Secret in its namespace."""


class Provider(Model):
    """Who keeps the key."""

    local: LocalProvider | None = None
    """The operator's own keyring."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.local)", "spec.provider: set exactly one provider: local", lambda p: p.local is not None),
    )


class EncryptionKeySpec(Model):
    """Who keeps the key, and who may use it."""

    provider: Provider
    """Who keeps the key."""
    allowed_namespaces: Annotated[tuple[Namespace, ...], Field(max_length=256, json_schema_extra=_SET)] = ()
    """Namespaces whose Credentials may use it. Absent or empty: none. All: ["*"]."""


class EncryptionKeyStatus(Model):
    """What is known of the key."""

    state: Text = ""
    """Enabled, Unavailable (the keyring lacks it), or PendingDeletion: versions are still wrapped by it."""
    current_version: Text = ""
    """Version of the key that protects new values."""
    observed_generation: int = 0
    """Generation of the spec that this status speaks of."""
    conditions: Conditions = ()
    """KeyAvailable: values can be sealed and opened."""


class EncryptionKey(Model):
    """A key that protects values of Credentials."""

    metadata: Metadata
    spec: EncryptionKeySpec
    """Who keeps the key, and who may use it."""
    status: EncryptionKeyStatus = EncryptionKeyStatus()
    """What is known of the key."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.spec.provider.local) == has(oldSelf.spec.provider.local)",
            "spec.provider cannot be changed: make another EncryptionKey",
        ),
    )


def allows(names: tuple[str, ...], namespace: str) -> bool:
    """Whether a list of allowed namespaces covers this one. An empty list covers none."""
    return "*" in names or namespace in names
