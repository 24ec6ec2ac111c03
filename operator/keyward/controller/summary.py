"""What metrics tell of one Credential, taken from its status as it is read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from sys import intern
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Summary:
    """Of one Credential. Times are Unix seconds, 0 for none."""

    type: str = ""
    state: str = ""
    next_rotation: float = 0.0
    last_rotated: float = 0.0


def summary_of(status: Json) -> Summary:
    """The summary of a status, which may be empty."""
    return Summary(
        type=intern(str(status.get("type", ""))),
        state=intern(str(status.get("state", ""))),
        next_rotation=_seconds(status.get("nextRotation")),
        last_rotated=_seconds(status.get("lastRotated")),
    )


def _seconds(text: object) -> float:
    try:
        return datetime.fromisoformat(str(text)).timestamp() if text else 0.0
    except ValueError:
        return 0.0  # "suspended": there is no time to tell
