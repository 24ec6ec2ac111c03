"""What a projected Secret holds: the fields of a version, and the keys that a projection makes of them. Pure.

A Secret is rendered as a whole or not at all. Messages name keys and limits, never a value.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from keyward.api import names
from keyward.api.projection import Projection as Spec
from keyward.domain.fields import Fields
from keyward.domain.writes import SecretContent
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

COMPOSITE: Final = "credential.json"
PREVIOUS: Final = "previous."
MAX_SECRET: Final = 1_048_576  # bytes of all values, as the API server counts them
_KEY: Final = re.compile(r"[-._a-zA-Z0-9]{1,253}")

OPAQUE: Final = "Opaque"
REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    OPAQUE: (),
    "kubernetes.io/basic-auth": ("username", "password"),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
}
"""The Secret types that may be made, and the keys that each must have. Others would mint tokens or join nodes."""


@dataclass(frozen=True, slots=True)
class Projection:
    """One Secret as the spec wishes it."""

    secret_name: str
    type: str = OPAQUE
    keys: Mapping[str, str] = field(default_factory=dict)  # field → key; empty: every field under its own name
    templates: Mapping[str, str] = field(default_factory=dict)  # key → template
    composite: bool = True  # credential.json beside the separate keys
    include_previous: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


def wished(found: Spec) -> Projection:
    """A projection of the API in the words of this page. `check` judges it."""
    return Projection(
        secret_name=found.secret_name,
        type=found.type,
        keys=found.keys,
        templates=found.templates,
        composite=found.composite,
        include_previous=found.include_previous,
        labels=found.labels,
        annotations=found.annotations,
    )


@dataclass(frozen=True, slots=True)
class Edition:
    """A version's fields, opened, with the name that people know it by."""

    version_id: str
    sequence: int
    fields: Fields


@dataclass(frozen=True, slots=True)
class Place:
    """Whose Secret it is."""

    namespace: str
    credential: str
    lineage: str
    owner: tuple[str, str] | None = None  # (Credential's name, live uid), for deletion.secrets Delete


def shape(projection: Projection, facts: Mapping[str, Any] | None = None) -> str:
    """The digest of everything but the value that shapes a Secret.

    Args:
        projection: the wish.
        facts: what else goes into the Secret from outside of the version: endpoints, database, CA.
    """
    wished = {
        "type": projection.type,
        "keys": dict(projection.keys),
        "templates": dict(projection.templates),
        "composite": projection.composite,
        "previous": projection.include_previous,
        "labels": dict(projection.labels),
        "annotations": dict(projection.annotations),
        "facts": dict(facts or {}),
    }
    text = orjson.dumps(["keyward/shape/1", wished], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()[:32]


def render(
    projection: Projection, place: Place, shape_: str, editions: tuple[Edition, Edition | None], written_at: datetime
) -> SecretContent:
    """The whole Secret for a current version, and the previous one beside it if it is wished and there.

    Raises:
        Blocked: with SECRET_INVALID, SECRET_TOO_LARGE, TEMPLATE_INVALID or INVALID_SPEC, naming secretName and key.
    """
    current, previous = editions[0], editions[1] if projection.include_previous else None
    data = _data(projection, current, previous)
    if previous is not None:
        data |= {PREVIOUS + key: value for key, value in _separate(projection, previous).items()}
    _check(projection, data)
    return SecretContent(
        namespace=place.namespace,
        name=projection.secret_name,
        type=projection.type,
        data=data,
        labels={
            **projection.labels,
            names.LABEL_MANAGED_BY: names.MANAGED_BY,
            names.LABEL_CREDENTIAL: place.credential,
            names.LABEL_LINEAGE: place.lineage,
        },
        annotations={
            **projection.annotations,
            names.ANNOTATION_VERSION: current.version_id,
            names.ANNOTATION_SEQUENCE: str(current.sequence),
            names.ANNOTATION_WRITTEN_AT: written_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            names.ANNOTATION_SHAPE: shape_,
            **({names.ANNOTATION_PREVIOUS_SEQUENCE: str(previous.sequence)} if previous is not None else {}),
        },
        owner=place.owner,
    )


def check(projection: Projection) -> None:
    """What can be said of a projection without a value. Raises Blocked."""
    if projection.type not in REQUIRED:
        raise _invalid_spec(projection, f"type {projection.type!r} is not one of: {', '.join(REQUIRED)}")
    made = (*projection.keys.values(), *projection.templates)
    for key in made:
        _check_key(projection, key)
    twice = {key for key in made if made.count(key) > 1}
    if twice or (projection.composite and COMPOSITE in made):
        raise _invalid_spec(projection, f"key {min(twice, default=COMPOSITE)!r} is made twice: rename one of them")
    for metadata in (projection.labels, projection.annotations):
        for key in metadata:
            _check_metadata(projection, key)
    if not projection.templates:
        return
    from keyward.domain import templates  # most projections have none, and Jinja2 is not small

    for key, source in projection.templates.items():
        templates.check(source, _where(projection, key))


# --- data ---


def _data(projection: Projection, current: Edition, previous: Edition | None) -> dict[str, Sensitive]:
    data = _separate(projection, current)
    if not projection.templates:
        return data
    from keyward.domain import templates

    for key, source in projection.templates.items():
        data[key] = templates.render(source, _variables(current, previous), _where(projection, key))
    return data


def _separate(projection: Projection, edition: Edition) -> dict[str, Sensitive]:
    """The separate keys and the composite one, which a reader of several needs: two files tear."""
    fields = edition.fields
    found: dict[str, Sensitive] = {}
    for name, key in (projection.keys or {name: name for name in fields.texts}).items():
        if name not in fields.texts:
            raise _invalid_spec(
                projection,
                f"keys names {name!r}, which is no field of this Credential; it has {', '.join(fields.texts)}",
            )
        found[key] = fields.texts[name]
    if projection.composite:
        if COMPOSITE in found:
            raise _invalid_spec(
                projection,
                f"a field is named {COMPOSITE!r} as the composite key is: rename it in keys, or turn composite off",
            )
        found[COMPOSITE] = fields.composite(edition.version_id)
    return found


def _variables(current: Edition, previous: Edition | None) -> dict[str, Any]:
    values = current.fields.plain()
    variables: dict[str, Any] = {name: text for name, text in values.items() if name.isidentifier() and name[0] != "_"}
    variables["values"] = values
    variables["version"] = {"id": current.version_id, "sequence": current.sequence}
    if previous is not None:
        variables["previous"] = previous.fields.plain()
    return variables


# --- checks ---


def _check(projection: Projection, data: Mapping[str, Sensitive]) -> None:
    for key in data:
        _check_key(projection, key)
    for key in REQUIRED.get(projection.type, ()):
        if not data.get(key):
            raise Blocked(
                Reason.SECRET_INVALID,
                f"{_projection(projection)}: a Secret of type {projection.type} needs the key {key!r}: make it of a field in "
                "keys, or in templates",
            )
    if projection.type == "kubernetes.io/dockerconfigjson":
        _check_docker(projection, data[".dockerconfigjson"])
    size = sum(len(value) for value in data.values())
    if size > MAX_SECRET:
        raise Blocked(
            Reason.SECRET_TOO_LARGE,
            f"{_projection(projection)}: the Secret would hold {size} bytes, and a Secret holds at most {MAX_SECRET}: project "
            "fewer or shorter keys, or set composite or includePrevious to false",
        )


def _check_key(projection: Projection, key: str) -> None:
    if not _KEY.fullmatch(key) or key == "." or key.startswith(".."):
        raise Blocked(
            Reason.SECRET_INVALID,
            f"{_projection(projection)}: {key[:64]!r} cannot be a Secret's key (letters, digits, '-', '_' and '.', at most "
            "253): rename the field in keys",
        )


def _check_docker(projection: Projection, value: Sensitive) -> None:
    try:
        parsed = orjson.loads(value.reveal())
    except orjson.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, dict) or not isinstance(parsed.get("auths"), dict):
        raise Blocked(
            Reason.SECRET_INVALID,
            f"{_projection(projection)}: the key '.dockerconfigjson' is no JSON object with 'auths': correct its template",
        )


_FOREIGN: Final = re.compile(r"(?:.*[.])?(?:kubernetes[.]io|k8s[.]io|keyward[.]dev|argocd[.]argoproj[.]io|helm[.]sh)")


def _check_metadata(projection: Projection, key: str) -> None:
    """Labels and annotations that other controllers obey: an injected one could join a cluster or hide a Secret."""
    prefix, slash, _ = key.partition("/")
    if slash and _FOREIGN.fullmatch(prefix):
        raise _invalid_spec(projection, f"label or annotation {key[:128]!r} belongs to another controller: remove it")


def _where(projection: Projection, key: str) -> str:
    return f"{_projection(projection)}.templates[{key}]"


def _projection(projection: Projection) -> str:
    return f"spec.projections[secretName={projection.secret_name}]"


def _invalid_spec(projection: Projection, why: str) -> Blocked:
    return Blocked(Reason.INVALID_SPEC, f"{_projection(projection)}: {why}")
