"""A word that begins every value a person hands over in these tests: it must turn up nowhere but in Secrets."""

from __future__ import annotations

import base64

BAIT = "bait7c1e5f"


def bait(what: str) -> str:
    """A value to be kept secret."""
    return f"{BAIT}-{what}"


def repeated_in(text: str, *values: str) -> list[str]:
    """Those of the values, and the bait itself, that a text repeats as they are or as base64."""
    wanted = (BAIT, *values)
    return [value for value in wanted if value in text or base64.b64encode(value.encode()).decode()[:-4] in text]
