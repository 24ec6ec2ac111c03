"""What all models of the API share: how they are parsed, which rules they carry, and the texts of what is wrong.

A message names the field and the fix. It never repeats what was written there: people paste passwords into wrong fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from keyward.errors import Blocked, Reason

RULES: Final = "x-kubernetes-validations"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule over several fields: in CEL for the API server, as `check` for what was stored before or around it.

    A rule without `check` compares with the object as it was, which only the API server can.
    """

    cel: str
    message: str
    check: Callable[[Any], bool] | None = None

    def schema(self) -> dict[str, str]:
        return {"rule": self.cel, "message": self.message}


def _extend(schema: dict[str, Any], model: type[Model]) -> None:
    if model.rules:
        schema[RULES] = [rule.schema() for rule in model.rules]


class Model(BaseModel):
    """Frozen. Fields that are unknown are dropped, as the API server drops them."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        alias_generator=to_camel,
        populate_by_name=True,
        json_schema_extra=_extend,
    )
    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _hold_rules(self) -> Self:
        for rule in self.rules:
            if rule.check is not None and not rule.check(self):
                raise ValueError(rule.message)
        return self


M = TypeVar("M", bound=Model)


def parse(model: type[M], item: Mapping[str, Any]) -> M:
    """The object as its model.

    Raises:
        Blocked: with INVALID_SPEC, naming the first wrong field and the fix, and never a value.
    """
    try:
        return model.model_validate(item)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        message = _message(first)
    raise Blocked(Reason.INVALID_SPEC, message)


_FIXES: Final = {
    "missing": "is required: add it",
    "string_type": "must be text: put it in quotes",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "string_pattern_mismatch": "does not have the form that this field needs: see its description in kubectl explain",
}
_LIMITS: Final = {
    "string_too_long": ("max_length", "has more than {} characters: shorten it"),
    "string_too_short": ("min_length", "needs at least {} characters"),
    "too_long": ("max_length", "has more than {} entries: remove some"),
    "too_short": ("min_length", "needs at least {} entries: add them"),
    "greater_than_equal": ("ge", "must be at least {}"),
    "less_than_equal": ("le", "must be at most {}"),
    "enum": ("expected", "must be one of {}"),
    "literal_error": ("expected", "must be one of {}"),
}


def _message(error: Any) -> str:
    path, kind, context = _path(error["loc"]), error["type"], error.get("ctx") or {}
    if kind == "value_error":
        text = str(context["error"])
        # A rule's text names its fields itself; that of a single value does not.
        return text if text.startswith(("spec", "metadata", "record", "envelope")) else f"{path}: {text}"
    if kind in _LIMITS:
        limit, text = _LIMITS[kind]
        return f"{path} {text.format(context.get(limit))}"
    return f"{path} {_FIXES.get(kind, 'has the wrong type: see its description in kubectl explain')}"


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part[:64]}" if path else part[:64]
    return path
