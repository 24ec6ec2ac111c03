"""Strict reading of JSON that is ours: nothing unknown, missing, doubled or written in two ways gets through.

It judges form only. Its errors name fields, never contents.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection, Mapping
from typing import Any

from keyward.errors import Blocked, Reason


class MalformedError(ValueError):
    """Not of the form that we write. The text is ours and repeats no content."""


def invalid(what: str, error: MalformedError) -> Blocked:
    """The error that may travel, for stored envelopes and wraps."""
    return Blocked(Reason.ENVELOPE_INVALID, f"the stored {what} is damaged or of an unknown kind: {error}")


def members(found: Any, wanted: Collection[str]) -> Mapping[str, Any]:
    """The object itself, if it has exactly these members. Raises MalformedError."""
    if not isinstance(found, dict) or set(found) != set(wanted):
        raise MalformedError(f"exactly these fields are expected: {', '.join(wanted)}")
    return found


def text(found: Mapping[str, Any], name: str, longest: int) -> str:
    """A string of 1 to `longest` characters. Raises MalformedError."""
    value = found[name]
    if not isinstance(value, str) or not 0 < len(value) <= longest:
        raise MalformedError(f"{name} is not a text of 1 to {longest} characters")
    return value


def raw(found: Mapping[str, Any], name: str, sizes: range) -> bytes:
    """Bytes from canonical base64, their number one of `sizes`. Raises MalformedError."""
    value = found[name]
    # The length is judged before anything is decoded: what is too long costs nothing.
    if not isinstance(value, str) or len(value) > (sizes[-1] + 2) // 3 * 4:
        raise MalformedError(f"{name} is not base64 of the right length")
    return _decoded(value, name, sizes)


def _decoded(value: str, name: str, sizes: range) -> bytes:
    try:
        decoded = base64.b64decode(value, validate=True)
        canonical = base64.b64encode(decoded).decode() == value
    except (binascii.Error, ValueError):
        canonical, decoded = False, b""
    if not canonical or len(decoded) not in sizes:
        raise MalformedError(f"{name} is not canonical base64 of the right length")
    return decoded


def b64(value: bytes) -> str:
    """Canonical base64."""
    return base64.b64encode(value).decode()


def document(source: bytes, largest: int) -> Any:
    """JSON without doubled members. Raises MalformedError; `largest` is in bytes."""
    if len(source) > largest:
        raise MalformedError("the document is too large")
    try:
        return json.loads(source, object_pairs_hook=_object)
    except MalformedError:
        raise
    except (ValueError, RecursionError):
        pass  # outside of the handler, so that the foreign error with the document in it is not carried along
    raise MalformedError("it is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedError("a field is there twice")
    return found
