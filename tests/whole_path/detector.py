"""Finds known values in bytes, however they were written down on the way: as they are, encoded, escaped, cut off."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus

CUT = 16  # characters: a message that was cut off behind them is a leak all the same


class Detector:
    """Searches for values by name. None of them is ever printed: what is found is named."""

    def __init__(self, values: Mapping[str, str | bytes]) -> None:
        self._needles = {name: needles(value) for name, value in values.items()}

    def found_in(self, data: bytes) -> set[str]:
        """The names of the values that are in there."""
        return {name for name, forms in self._needles.items() if any(form in data for form in forms)}


def needles(value: str | bytes) -> frozenset[bytes]:
    """All forms in which the beginning of a value is searched for."""
    assert len(value) >= CUT, "too short to be told from chance"
    begin = value[:CUT]
    raw = begin.encode() if isinstance(begin, str) else begin
    forms = {raw, raw.hex().encode(), raw.hex().upper().encode(), *_base64(raw)}
    if isinstance(begin, str):
        forms |= {text.encode() for text in _escaped(begin)}
    return frozenset(forms)


def _base64(raw: bytes) -> Iterator[bytes]:
    """Base64 of it at each of the three places that it may have in what was encoded as a whole."""
    for before in range(3):
        padded = b"\0" * before + raw
        # What shares a character with its neighbours is left out.
        first, last = (before * 8 + 5) // 6, len(padded) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(padded)[first:last]


def _escaped(text: str) -> Iterator[str]:
    percent = quote(text, safe="")
    yield from (percent, quote_plus(text), quote(text, safe="").lower() if "%" in percent else percent)
    for ascii_only in (True, False):
        once = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield from (once, json.dumps(once, ensure_ascii=ascii_only)[1:-1])
    yield from (repr(text)[1:-1], ascii(text)[1:-1])
    yield text.replace("'", "''")  # as a literal of SQL
    yield text.replace("\\", "\\\\").replace("'", "''")
    yield "".join(f"\\{octet:03o}" if octet > 126 else chr(octet) for octet in text.encode())
