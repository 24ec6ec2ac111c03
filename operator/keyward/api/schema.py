"""Writes the CustomResourceDefinitions from the models: `python -m keyward.api.schema [--check] [directory]`.

Structural schemas know no references, no null and no constants; everything here rewrites pydantic's into that form.
The same models give the same bytes.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import TypeAdapter

from keyward.api.base import Model
from keyward.api.credential import Credential
from keyward.api.credential_set import CredentialSet
from keyward.api.described import Described
from keyward.api.encryption_key import EncryptionKey
from keyward.api.names import GROUP, VERSION
from keyward.api.shape import shape
from keyward.api.target import ClusterTarget, Target
from keyward.api.values import DURATION, duration_text
from keyward.api.version import CredentialVersion

Json = dict[str, Any]
Column = tuple[str, str, str]  # heading, type, JSON path; a heading in lower case is shown with -o wide
_SPAN: Final = TypeAdapter(timedelta)
_READY = '.status.conditions[?(@.type=="{}")].{}'
_AGE: Column = ("AGE", "date", ".metadata.creationTimestamp")
_DROPPED: Final = (
    "title",
    "$defs",
    "discriminator",
    "additionalProperties",
    "const",
    "anyOf",
    "allOf",
    "$ref",
    "properties",
    "items",
)


_TARGET_COLUMNS: Final[tuple[Column, ...]] = (
    ("ENGINE", "string", ".spec.*.engine"),
    ("HOST", "string", ".spec.*.endpoints[0].host"),
    ("READY", "string", _READY.format("Ready", "status")),
    ("SUSPENDED", "boolean", ".spec.suspend"),
    ("accounts", "string", ".spec.allowedAccounts"),
    ("secret", "string", ".spec.admin.secretRef.name"),
    ("message", "string", _READY.format("Ready", "message")),
    _AGE,
)


@dataclass(frozen=True, slots=True)
class Definition:
    """One kind, as people ask for it."""

    model: type[Model]
    plural: str
    short: tuple[str, ...]
    columns: tuple[Column, ...]
    namespaced: bool = True
    status: bool = True

    @property
    def kind(self) -> str:
        return self.model.__name__

    @property
    def file(self) -> str:
        return f"{GROUP}_{self.plural}.yaml"


DEFINITIONS: Final = (
    Definition(
        Credential,
        "credentials",
        ("cred", "creds"),
        (
            ("TYPE", "string", ".status.type"),
            ("STATE", "string", ".status.state"),
            ("CURRENT", "string", ".status.currentVersion"),
            ("LAST ROTATED", "date", ".status.lastRotated"),
            ("NEXT ROTATION", "string", ".status.nextRotation"),
            ("READY", "string", _READY.format("Ready", "status")),
            ("reason", "string", _READY.format("Ready", "reason")),
            ("rotated", "string", _READY.format("Rotated", "reason")),
            ("secrets", "string", ".status.secrets"),
            ("key", "string", ".spec.encryptionKeyName"),
            ("message", "string", _READY.format("Ready", "message")),
            _AGE,
        ),
    ),
    Definition(
        CredentialVersion,
        "credentialversions",
        ("credv", "credvs"),
        (
            ("CREDENTIAL", "string", ".spec.credential"),
            ("VERSION", "string", ".spec.versionId"),
            ("SEQUENCE", "integer", ".spec.sequence"),
            ("PROMOTED", "integer", ".record.promoted.number"),
            ("RETIRED", "string", ".record.retired.as"),
            ("cause", "string", ".spec.cause.kind"),
            ("account", "string", ".spec.account"),
            ("key", "string", ".wraps[*].key"),
            _AGE,
        ),
        status=False,
    ),
    Definition(
        CredentialSet,
        "credentialsets",
        ("credset", "credsets"),
        (
            ("DESIRED", "integer", ".status.desired"),
            ("CREATED", "integer", ".status.created"),
            ("READY", "integer", ".status.ready"),
            ("FAILED", "integer", ".status.failed"),
            ("removal", "string", ".spec.removalPolicy"),
            ("message", "string", _READY.format("Ready", "message")),
            _AGE,
        ),
    ),
    Definition(Target, "targets", ("ktgt",), _TARGET_COLUMNS),
    Definition(ClusterTarget, "clustertargets", ("kctgt",), _TARGET_COLUMNS, namespaced=False),
    Definition(
        EncryptionKey,
        "encryptionkeys",
        ("ekey", "ekeys"),
        (
            ("STATE", "string", ".status.state"),
            ("CURRENT", "string", ".status.currentVersion"),
            ("AVAILABLE", "string", _READY.format("KeyAvailable", "status")),
            ("message", "string", _READY.format("KeyAvailable", "message")),
            _AGE,
        ),
        namespaced=False,
    ),
)


def schema(model: type[Model]) -> Json:
    """The structural schema of a kind."""
    raw = model.model_json_schema(by_alias=True, schema_generator=Described)
    found = _structural(raw, raw.get("$defs", {}))
    found["properties"] = {
        "apiVersion": {"type": "string", "description": f"Version of this object's schema: {GROUP}/{VERSION}."},
        "kind": {"type": "string", "description": f"Kind of this object: {model.__name__}."},
        **found["properties"],
        # The API server takes nothing else here, a description neither.
        "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 253}}},
    }
    found["required"] = ["metadata", "spec"]
    if "status" in found["properties"]:
        found["properties"]["status"] = _without_defaults(found["properties"]["status"])
    return found


def _without_defaults(node: Any) -> Any:
    """What we write is stored as we wrote it: a default added to it would look like a change after a restart."""
    if isinstance(node, list):
        return [_without_defaults(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {key: _without_defaults(value) for key, value in node.items() if key != "default"}


def _structural(node: Json, definitions: Json) -> Json:
    node = _resolved(node, definitions)
    found = {key: value for key, value in node.items() if key not in _DROPPED}
    if "const" in node:
        found["enum"] = [node["const"]]
    if "properties" in node:
        found["properties"] = {name: _structural(sub, definitions) for name, sub in node["properties"].items()}
    if isinstance(node.get("items"), dict):
        found["items"] = _structural(node["items"], definitions)
    extra = node.get("additionalProperties")
    if isinstance(extra, dict):
        found["additionalProperties"] = _structural(extra, definitions)
    return _defaulted(_ranged(found))


def _resolved(node: Json, definitions: Json) -> Json:
    """Without a reference and without a null; what stands beside a reference goes before what it refers to."""
    beside = {key: value for key, value in node.items() if key not in ("anyOf", "$ref", "allOf")}
    if "anyOf" in node:
        (only,) = (option for option in node["anyOf"] if option.get("type") != "null")
        return _resolved({**only, **beside}, definitions)
    if "$ref" in node:
        return {**_resolved(definitions[node["$ref"].rsplit("/", 1)[1]], definitions), **beside}
    return node


def _ranged(found: Json) -> Json:
    if found.get("type") == "integer":
        found["format"] = "int64"
    if found.get("maxLength") and found.get("pattern") is None and found.get("format") == "date-time":
        # The API server knows how long a time is.
        found.pop("maxLength")
    if found.get("type") == "object" and "maxItems" in found:
        found["maxProperties"] = found.pop("maxItems")
    return found


def _defaulted(found: Json) -> Json:
    default = found.pop("default", None)
    if default is None or (default in ("", [], {}) and not found.get("properties")):
        return found
    if "properties" in found and isinstance(default, dict):
        # The defaults are those of its fields.
        return found | {"default": {}} if "required" not in found else found
    if found.get("pattern") == DURATION:
        default = duration_text(_SPAN.validate_python(default))
    return found | {"default": default}


def manifest(definition: Definition) -> Json:
    """The CustomResourceDefinition of a kind."""
    version: Json = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": [_column(column) for column in definition.columns],
        "schema": {"openAPIV3Schema": schema(definition.model)},
    }
    if definition.status:
        version["subresources"] = {"status": {}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{definition.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": definition.kind,
                "listKind": f"{definition.kind}List",
                "plural": definition.plural,
                "singular": definition.kind.lower(),
                "shortNames": list(definition.short),
                "categories": ["keyward"],
            },
            "scope": "Namespaced" if definition.namespaced else "Cluster",
            "versions": [version],
        },
    }


def _column(column: Column) -> Json:
    heading, kind, path = column
    found: Json = {"name": heading.upper(), "type": kind, "jsonPath": path}
    return found if heading.isupper() else found | {"priority": 1}


def shapes() -> dict[str, Json]:
    """By plural: the names of the fields that this release was built with; those of metadata are the API server's."""
    found = {definition.plural: shape(definition.model) for definition in DEFINITIONS}
    for one in found.values():
        del one["properties"]["metadata"]
    return found


class _Whole(yaml.SafeDumper):
    """Writes out what several fields share, each time: nobody follows an alias through a file that long."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def text(definition: Definition) -> str:
    """The file of a kind."""
    body = yaml.dump(manifest(definition), Dumper=_Whole, sort_keys=False, width=120, allow_unicode=True)
    return f"# Written by `python -m keyward.api.schema`: change the models instead.\n{body}"


def main(arguments: list[str]) -> int:
    """Write the files, or with --check say which are not current. The exit status."""
    check = "--check" in arguments
    named = [argument for argument in arguments if not argument.startswith("--")]
    directory = Path(named[0] if named else "crds")
    stale = []
    for definition in DEFINITIONS:
        file, wanted = directory / definition.file, text(definition)
        if file.exists() and file.read_text(encoding="utf-8") == wanted:
            continue
        stale.append(str(file))
        if not check:
            directory.mkdir(parents=True, exist_ok=True)
            file.write_text(wanted, encoding="utf-8")
    for path in stale:
        sys.stdout.write(f"{'not current' if check else 'written'}: {path}\n")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
