"""The names of a model's fields, as a tree in the form of a schema: much cheaper than the schema itself."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from keyward.api.base import Model

Json = dict[str, Any]


def shape(model: type[Model]) -> Json:
    """Names alone: no types, bounds or words."""
    fields = model.model_fields
    return {"properties": {field.alias or name: _of(field.annotation) for name, field in fields.items()}}


def _of(annotation: Any) -> Json:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return shape(annotation)
    kind, inner = get_origin(annotation), get_args(annotation)
    if kind is Annotated:
        return _of(inner[0])
    if kind in (Union, UnionType):
        return _of(next(one for one in inner if one is not NoneType))
    if kind is tuple:
        return {"items": _of(inner[0])}
    if isinstance(kind, type) and issubclass(kind, Mapping):
        return {"additionalProperties": _of(inner[1])}
    return {}
