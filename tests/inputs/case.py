"""One mistake: what is written, what must be said of it, and how it is mended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.inputs.desk import Desk
from tests.whole_path.world import Json

from keyward.errors import Reason

POLLED = 150.0
"""Seconds within which the change of a Secret that no watch tells of is noticed: it is looked at each 30."""


@dataclass(frozen=True, slots=True)
class Case:
    """A Credential of this name cannot be followed.

    Attributes:
        says: what the message has to hold: the field as the user wrote it, the cause, the fix.
        arrange: prepares what is around, and answers the objects that a person then applies.
        mend: does what the message asks for.
        soon: seconds from there until it is Ready.
    """

    name: str
    reason: Reason
    says: tuple[str, ...]
    arrange: Callable[[Desk], list[Json]]
    mend: Callable[[Desk], object]
    soon: float = 90.0  # a back-off would be 12 minutes; a busy machine takes its time
