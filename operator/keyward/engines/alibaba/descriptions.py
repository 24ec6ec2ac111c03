"""Our mark as an account's description: the cloud takes letters, digits, `_` and `-` there, and begins it with a letter. Pure.

Rules: CreateAccount and ModifyAccountDescription of R-kvstore 2015-01-01 and Rds 2014-08-15; 2 to 256 characters.
"""

from __future__ import annotations

from typing import Final

_MARK: Final = "keyward/1 "
_WRITTEN: Final = "keyward-1_"


def written(comment: str) -> str:
    """The mark in the last line of a comment, as the cloud takes it."""
    mark = comment.rsplit("\n", 1)[-1]
    return _WRITTEN + mark.removeprefix(_MARK).replace(" ", "_")


def read(description: str | None) -> str | None:
    """What `written` was given, or somebody's own words as they are; None if there are none."""
    if description is None or not description.startswith(_WRITTEN):
        return description or None
    return _MARK + description.removeprefix(_WRITTEN).replace("_", " ")


def is_disabled(comment: str | None) -> bool:
    """Whether our mark says that we took the login away."""
    return comment is not None and comment.startswith(_MARK) and comment.endswith(" disabled")
