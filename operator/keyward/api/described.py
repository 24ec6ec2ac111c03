"""Puts the docstrings of fields into JSON schemas, as descriptions.

pydantic can do that as it makes a model, from the source of each: a tenth of a second of every start of the operator, which needs
none of them.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from functools import cache

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema


class Described(GenerateJsonSchema):
    """A generator of schemas in which each field has the words that stand below it."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        found = super().model_schema(schema)
        model: type[BaseModel] = schema["cls"]
        for name, words in docstrings(model).items():
            alias = model.model_fields[name].alias or name
            found["properties"][alias] |= {"description": words}
        return found


@cache
def docstrings(model: type[BaseModel]) -> dict[str, str]:
    """By field, those that it has from its bases as well."""
    found: dict[str, str] = {}
    for one in reversed(model.__mro__):
        if one is not BaseModel and issubclass(one, BaseModel):
            found |= dict(_written(one))
    return {name: words for name, words in found.items() if name in model.model_fields}


def _written(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(model))).body
    assert isinstance(body, ast.ClassDef)
    for field, words in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(words, ast.Expr):
            text = ast.literal_eval(words.value)
            yield field.target.id, inspect.cleandoc(text)
