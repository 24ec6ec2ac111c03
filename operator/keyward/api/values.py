"""The kinds of values that fields hold: durations, times, names. Each is bounded, in Python as in the schema."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, StringConstraints, WithJsonSchema

_DURATION: Final = r"^(0|[0-9]{1,4}d|([0-9]{1,5}h)?([0-9]{1,6}m)?([0-9]{1,8}s)?)$"
_PARTS: Final = re.compile(r"([0-9]+)([dhms])")
_UNITS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_VALID: Final = re.compile(_DURATION[:-1] + r"\Z")


def duration(text: str) -> timedelta:
    """`90m`, `24h`, `1h30m`, `7d` as a timedelta. Raises ValueError."""
    if not text or _VALID.match(text) is None:
        raise ValueError("is not a duration: write it as 90s, 30m, 6h, 1h30m or 7d")
    return timedelta(seconds=sum(int(number) * _UNITS[unit] for number, unit in _PARTS.findall(text)))


def duration_text(span: timedelta) -> str:
    """The shortest way to write whole seconds: `7d`, `6h`, `90m`."""
    seconds = int(span.total_seconds())
    unit = next((u for u, size in _UNITS.items() if seconds and seconds % size == 0), "s")
    return f"{seconds // _UNITS[unit]}{unit}"


def _read_duration(found: Any) -> timedelta:
    if isinstance(found, timedelta):
        return found
    if not isinstance(found, str):
        raise ValueError("is not a duration: write it as 90s, 30m, 6h, 1h30m or 7d")  # noqa: TRY004 - pydantic's contract
    return duration(found)


def _read_time(found: Any) -> Any:
    if not isinstance(found, str | datetime):
        raise ValueError("is not a time: write it as 2026-11-24T06:00:00Z")  # noqa: TRY004 - pydantic's contract
    return found


def _aware(found: datetime) -> datetime:
    return found if found.tzinfo else found.replace(tzinfo=UTC)


Duration = Annotated[
    timedelta,
    BeforeValidator(_read_duration),
    PlainSerializer(duration_text, return_type=str),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 24, "pattern": _DURATION}),
]
Time = Annotated[
    datetime,
    BeforeValidator(_read_time),
    AfterValidator(_aware),
    WithJsonSchema({"type": "string", "format": "date-time", "maxLength": 64}),
]

_SUBDOMAIN: Final = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
ObjectName = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=_SUBDOMAIN)]
Namespace = Annotated[
    str, StringConstraints(min_length=1, max_length=63, pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?|[*])$")
]
SecretKey = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
VersionId = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")]
ZoneName = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$")
]
DatabaseName = Annotated[str, StringConstraints(min_length=1, max_length=63)]
RoleName = Annotated[str, StringConstraints(min_length=1, max_length=63)]
Text = Annotated[str, StringConstraints(max_length=256)]
LongText = Annotated[str, StringConstraints(max_length=32_768)]


def as_duration(path: str) -> str:
    """CEL for the duration that a field holds; Go's durations know no days."""
    return f"({path}.endsWith('d') ? duration(string(int({path}.replace('d', '')) * 24) + 'h') : duration({path}))"


def within(path: str, least: str, most: str) -> str:
    """CEL: the duration in a field is within these bounds, both included."""
    found = as_duration(path)
    return f"{found} >= duration('{least}') && {found} <= duration('{most}')"
