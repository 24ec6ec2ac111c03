"""The type `generic`: values that somebody gives, or that are generated here, and that nobody else has to be told."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from keyward.api.base import Model, Rule
from keyward.api.values import ObjectName, SecretKey, VersionId

_SET = {"x-kubernetes-list-type": "set"}
CLASSES = {
    "Lowercase": "abcdefghijklmnopqrstuvwxyz",
    "Uppercase": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "Digits": "0123456789",
}
ClassName = Literal["Lowercase", "Uppercase", "Digits", "Symbols"]


class LocalReference(Model):
    """An object in the same namespace."""

    name: ObjectName
    """Name of the object."""


class Source(Model):
    """A Secret from which the value is read. Its owner agrees by the label keyward.dev/source-for: <name of the Credential>."""

    secret_ref: LocalReference
    """The Secret, in the namespace of the Credential."""
    keys: Annotated[tuple[SecretKey, ...], Field(max_length=64, json_schema_extra=_SET)] = ()
    """Keys of the Secret that are read; none means all. A PlainText value needs exactly one key."""


class Generate(Model):
    """A random value that is made here. Every value that the policy allows is equally likely."""

    length: Annotated[int, Field(ge=1, le=1024)] = 32
    """Number of characters, 1 to 1024."""
    classes: Annotated[tuple[ClassName, ...], Field(min_length=1, max_length=4, json_schema_extra=_SET)] = (
        "Lowercase",
        "Uppercase",
        "Digits",
        "Symbols",
    )
    """Kinds of characters that are used; the value has at least one of each."""
    symbols: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[!-~]+$")] = "_-"
    """Characters of the class Symbols: printable ASCII but the space."""
    exclude: Annotated[str, StringConstraints(max_length=128)] = ""
    """Characters that are never used, such as those that are easily confused."""
    key: SecretKey = "password"
    """Key of the value in a KeyValue document."""
    allow_weak: bool = False
    """Whether a value of less than 128 bits may be made."""

    @property
    def alphabets(self) -> tuple[str, ...]:
        """The characters of each class that is asked for."""
        return tuple(CLASSES.get(name, self.symbols) for name in self.classes)


class Generic(Model):
    """A value that opens nothing that we manage: API tokens, licence keys, anything of at most 30,720 bytes."""

    type: Literal["KeyValue", "PlainText"] = "KeyValue"
    """KeyValue keeps several keys as one document, PlainText one text."""
    version_id: VersionId = "v1"
    """Name of the first version; those that follow are named v<number>."""
    source: Source | None = None
    """The Secret from which the value is read; each change of it makes a new version."""
    generate: Generate | None = None
    """Have the value made here."""
    max_versions: Annotated[int, Field(ge=1, le=10)] = 10
    """How many versions are kept, 1 to 10."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.source) != has(self.generate)",
            "spec.generic: set exactly one of source and generate",
            lambda g: (g.source is None) != (g.generate is None),
        ),
        Rule(
            "self.type != 'PlainText' || !has(self.source) || (has(self.source.keys) && size(self.source.keys) == 1)",
            "spec.generic.source.keys: PlainText needs exactly one key: name the one that holds the text",
            lambda g: g.type != "PlainText" or g.source is None or len(g.source.keys) == 1,
        ),
    )
