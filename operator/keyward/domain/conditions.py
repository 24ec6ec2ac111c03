"""Conditions as every kind of ours shows them, and the form of times in a status. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

Json = dict[str, Any]


def stamp(at: datetime) -> str:
    """RFC 3339 in whole seconds, UTC."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


class Since:
    """Makes conditions; one whose status did not change keeps the time of its last transition."""

    def __init__(self, before: Json, now: datetime) -> None:
        self._before = {c.get("type"): c for c in before.get("conditions", [])}
        self._now = stamp(now)

    def standing(self, kind: str) -> Json | None:
        """The condition as it stands; None if there is none."""
        return self._before.get(kind)

    def condition(self, kind: str, ok: bool | None, reason: str, message: str, generation: int) -> Json:
        status = "Unknown" if ok is None else "True" if ok else "False"
        old = self._before.get(kind, {})
        same = old.get("status") == status
        return {
            "type": kind,
            "status": status,
            "reason": str(reason),
            "message": message[:1024],
            "observedGeneration": generation,
            "lastTransitionTime": old.get("lastTransitionTime", self._now) if same else self._now,
        }
