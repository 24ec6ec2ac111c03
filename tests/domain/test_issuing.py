"""What an intent remembers of values that were issued before it."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from keyward.domain import issuing

AT = datetime(2026, 11, 24, tzinfo=UTC)


def history(*known: str) -> Any:
    return SimpleNamespace(highest=SimpleNamespace(known=known, retired=None, since=None))


def test_the_value_in_use_is_known_however_many_candidates_were_refused_since():
    """Else it would be a stranger's to us, and a person would be told to delete it."""
    known: tuple[str, ...] = ()
    for number in range(20):
        known = issuing.note(history(*known), ["in-use", f"refused-{number}"], AT).known
    assert known == (*(f"refused-{n}" for n in range(13, 19)), "in-use", "refused-19")
