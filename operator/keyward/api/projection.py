"""Which Secrets hold the current value, and under which keys."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StringConstraints

from keyward.api.base import Model, Rule
from keyward.api.values import ObjectName, SecretKey

SecretType = Literal[
    "Opaque",
    "kubernetes.io/basic-auth",
    "kubernetes.io/ssh-auth",
    "kubernetes.io/tls",
    "kubernetes.io/dockerconfigjson",
]
_FOREIGN = r"^([^/]*[.])?(kubernetes[.]io|k8s[.]io|keyward[.]dev|argocd[.]argoproj[.]io|helm[.]sh)/"
_FOREIGN_KEY = re.compile(_FOREIGN)
_KEY = r"^[-._a-zA-Z0-9]{1,253}$"
_METADATA_KEY = r"^([a-z0-9][-a-z0-9.]{0,252}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"


def _no_foreign(field: str) -> Rule:
    def check(projection: Any) -> bool:
        return not any(_FOREIGN_KEY.match(key) for key in getattr(projection, field))

    return Rule(
        f"!has(self.{field}) || !self.{field}.exists(k, k.matches('{_FOREIGN}'))",
        f"spec.projections[].{field}: keys under kubernetes.io, k8s.io, argocd.argoproj.io, helm.sh and keyward.dev are obeyed "
        "by other controllers: remove them",
        check,
    )


def _keys(field: str, pattern: str, what: str) -> Rule:
    form = re.compile(pattern)
    return Rule(
        f"!has(self.{field}) || self.{field}.all(k, k.matches('{pattern}'))",
        f"spec.projections[].{field}: {what}",
        lambda projection: all(form.fullmatch(key) for key in getattr(projection, field)),
    )


class Projection(Model):
    """One Secret that holds the current value."""

    secret_name: ObjectName
    """Name of the Secret, in the namespace of the Credential. A Secret of somebody else is never taken over."""
    type: SecretType = "Opaque"
    """Type of the Secret. It cannot be changed, as that of a Secret cannot: use another secretName."""
    keys: Annotated[dict[str, SecretKey], Field(max_length=64)] = Field(default_factory=dict)
    """Which field goes under which key of the Secret, such as password: PGPASSWORD. Empty: every field under its own name."""
    templates: Annotated[
        dict[str, Annotated[str, StringConstraints(min_length=1, max_length=16_384)]], Field(max_length=32)
    ] = Field(default_factory=dict)
    """Further keys of the Secret, each made by a Jinja2 template that reads the fields, such as 'user={{ username }}'."""
    composite: bool = True
    """Whether the key credential.json holds all fields in one document: a reader of several files may see two versions."""
    include_previous: bool = False
    """Whether the previous value is held too, under keys that begin with 'previous.', while it is valid."""
    labels: Annotated[
        dict[
            str,
            Annotated[str, StringConstraints(max_length=63, pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$")],
        ],
        Field(max_length=32),
    ] = Field(default_factory=dict)
    """Labels of the Secret."""
    annotations: Annotated[dict[str, Annotated[str, StringConstraints(max_length=4_096)]], Field(max_length=32)] = (
        Field(default_factory=dict)
    )
    """Annotations of the Secret."""

    rules: ClassVar[tuple[Rule, ...]] = (
        _no_foreign("labels"),
        _no_foreign("annotations"),
        _keys("labels", _METADATA_KEY, "a key is not one that a label may have"),
        _keys("annotations", _METADATA_KEY, "a key is not one that an annotation may have"),
        _keys("templates", _KEY, "a key is not one that a Secret may have: use letters, digits, '-', '_' and '.'"),
    )
