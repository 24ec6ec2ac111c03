"""The kinds of values that fields hold: durations, times, names. Each is bounded, in Python as in the schema."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, StringConstraints, WithJsonSchema

from keyward.api import accounts

DURATION: Final = r"^(0|[0-9]{1,4}d|([0-9]{1,5}h)?([0-9]{1,6}m)?([0-9]{1,8}s)?)$"
_PARTS: Final = re.compile(r"([0-9]+)([dhms])")
_UNITS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DAY: Final = timedelta(days=1)
_VALID: Final = re.compile(DURATION[:-1] + r"\Z")


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
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 24, "pattern": DURATION}),
]
Time = Annotated[
    datetime,
    BeforeValidator(_read_time),
    AfterValidator(_aware),
    WithJsonSchema({"type": "string", "format": "date-time", "maxLength": 64}),
]

OBJECT_NAME: Final = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
ObjectName = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=OBJECT_NAME)]
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
AccountName = Annotated[str, StringConstraints(min_length=1, max_length=accounts.LONGEST)]
Text = Annotated[str, StringConstraints(max_length=256)]
LongText = Annotated[str, StringConstraints(max_length=32_768)]


def within(path: str, least: timedelta, most: timedelta) -> str:
    """CEL: the duration in a field is within these bounds, both included.

    Go's durations, which CEL reads, know no days, and making hours of them costs too much of CEL's budget: whole days are
    matched as text.
    """
    days = _days(math.ceil(least / _DAY), most // _DAY)
    return (
        f"({path}.endsWith('d') ? {path}.matches('{days}') : "
        f"duration({path}) >= duration('{_seconds(least)}') && duration({path}) <= duration('{_seconds(most)}'))"
    )


def _days(least: int, most: int) -> str:
    """A pattern of the numbers from least to most, ten by ten."""
    tens = [
        f"{ten or ''}[{max(least, ten * 10) % 10}-{min(most, ten * 10 + 9) % 10}]"
        for ten in range(least // 10, most // 10 + 1)
    ]
    return f"^0*({'|'.join(tens)})d$"


def _seconds(span: timedelta) -> str:
    return f"{int(span.total_seconds())}s"
