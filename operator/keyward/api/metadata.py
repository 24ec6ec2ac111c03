"""The part of an object's metadata that we read, and conditions as all kinds show them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from keyward.api.base import Model
from keyward.api.values import Text, Time


class Metadata(Model):
    """What the API server keeps of every object. It is validated there, not here."""

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    finalizers: tuple[str, ...] = ()
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None


class Condition(Model):
    """One aspect of the state, with the reason for it."""

    type: Annotated[str, Field(max_length=316)]
    """Name of the condition in CamelCase, such as Ready."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds: True, False or Unknown."""
    reason: Annotated[str, Field(max_length=1024)] = ""
    """Why, as one word in CamelCase; the same words are used in events and metrics."""
    message: Annotated[str, Field(max_length=32768)] = ""
    """What happened and what to do, for people."""
    observed_generation: int = 0
    """Generation of the spec that this condition speaks of."""
    last_transition_time: Time
    """When the status last changed."""


Conditions = Annotated[
    tuple[Condition, ...],
    Field(max_length=16, json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
]


class Failures(Model):
    """Failures of the rotation since the last success."""

    count: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0
    """How many there were in a row."""
    last_at: Time | None = None
    """When the last one happened."""
    reason: Text = ""
    """Why the last one happened, as one word."""
    step: Text = ""
    """Step of the rotation that failed."""
    inputs: Text = ""
    """Digest of spec, Target and admin Secret as they were: if one of them changes, it is tried again at once."""
