"""The value of a RAM credential: the AccessKeys of one user, the current one first. Pure.

Its form is that of the source system: an object with `AccessKeys`, a list of objects with `AccessKeyId`, `AccessKeySecret` and,
where it is known, `GenerateTimestamp`. An AccessKey's id is no secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from keyward.domain.bounds import bounded
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

ID: Final = "AccessKeyId"
SECRET: Final = "AccessKeySecret"  # noqa: S105 - the name of a field
GENERATED: Final = "GenerateTimestamp"
MOST: Final = 2
"""AccessKeys that a RAM user can have at once."""
_ALL: Final = "AccessKeys"
_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")


@dataclass(frozen=True, slots=True)
class Pair:
    """One AccessKey. `generated` is when it was made, as `YYYY-MM-DDThh:mm:ssZ`; empty if that is not known."""

    id: str
    secret: Sensitive
    generated: str = ""


def encode(pairs: Iterable[Pair]) -> Sensitive:
    """What is sealed."""
    found = [
        {ID: pair.id, SECRET: pair.secret.reveal_text()} | ({GENERATED: pair.generated} if pair.generated else {})
        for pair in pairs
    ]
    return Sensitive(orjson.dumps({_ALL: found}))


def decode(value: Sensitive) -> tuple[Pair, ...]:
    """The keys of a sealed value.

    Raises:
        Blocked: with ENVELOPE_INVALID, if it is not what was sealed for this type.
    """
    try:
        found = orjson.loads(value.reveal())[_ALL]
        return tuple(Pair(str(one[ID]), Sensitive(one[SECRET]), str(one.get(GENERATED, ""))) for one in found)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        pass
    raise Blocked(Reason.ENVELOPE_INVALID, "the stored value is no AccessKey: restore the version, or rotate")


def ids(value: Sensitive) -> tuple[str, ...]:
    """The ids of all keys of a value. Raises Blocked as `decode` does."""
    return tuple(pair.id for pair in decode(value))


def given(data: Mapping[str, Sensitive]) -> Pair:
    """A key as a Secret gives it.

    Raises:
        Blocked: with SOURCE_INVALID, naming what the Secret lacks, or VALUE_TOO_LARGE.
    """
    id_, secret = (_given(data, key) for key in (ID, SECRET))
    if not _ID.fullmatch(id_):
        raise Blocked(Reason.SOURCE_INVALID, f"{ID} is not the id of an AccessKey: correct it")
    return Pair(id_, bounded(Sensitive(secret), SECRET))


def _given(data: Mapping[str, Sensitive], key: str) -> str:
    found = data[key].reveal().strip() if key in data else b""
    if not found:
        raise Blocked(Reason.SOURCE_INVALID, f"it has no key {key!r}: add it")
    if not found.isascii() or b"\0" in found:
        raise Blocked(Reason.SOURCE_INVALID, f"{key} is not what a cloud gives out: correct it")
    return found.decode()
