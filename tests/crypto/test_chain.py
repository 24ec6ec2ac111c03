"""n needs nothing but itself to open; what became of its neighbour is told by the chain, and freezes rotation only."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.crypto.places import KEYRING, NOW, PLACE, counted, vault

from keyward.crypto import envelope as e
from keyward.crypto.context import Context
from keyward.crypto.envelope import Envelope
from keyward.sensitive import Sensitive

FIRST = replace(PLACE, version_id="v1", sequence=1, previous_digest=None)
VALUE = Sensitive("second")
PARTS = [f.name for f in fields(Envelope)]


async def test_a_neighbour_that_was_rewrapped_never_keeps_n_from_opening() -> None:
    first = await vault().seal(Sensitive("first"), FIRST, "default")
    second_place = replace(PLACE, previous_digest=e.digest(first.envelope, FIRST))
    second = await vault().seal(VALUE, second_place, "default")
    rotated = vault(KEYRING.with_new_version("default", counted("new"), NOW))
    wraps = await rotated.rewrap(first.wraps, FIRST, first.envelope, "default")
    assert wraps != first.wraps
    assert e.digest(first.envelope, FIRST) == second_place.previous_digest
    assert await rotated.open(second.envelope, second.wraps, second_place) == VALUE


@given(st.sampled_from(PARTS), st.data())
def test_a_neighbour_that_was_altered_is_told_and_n_opens_all_the_same(part: str, data: st.DataObject) -> None:
    key = Sensitive(bytes(32))
    first = e.seal(Sensitive("first"), FIRST, key, counted("first"))
    second_place = replace(PLACE, previous_digest=e.digest(first, FIRST))
    second = e.seal(VALUE, second_place, key, counted("second"))
    raw = bytearray(getattr(first, part))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    altered = replace(first, **{part: bytes(raw)})
    assert e.digest(altered, FIRST) != second_place.previous_digest
    assert e.digest(first, FIRST) == second_place.previous_digest
    assert e.open_(second, second_place, key) == VALUE


@pytest.mark.parametrize("change", [{"version_id": "v0"}, {"sequence": 0}, {"lineage": "a"}, {"namespace": "b"}])
def test_a_neighbour_that_stands_in_another_place_is_told(change: dict[str, object]) -> None:
    first = e.seal(VALUE, FIRST, Sensitive(bytes(32)), counted("x"))
    moved: Context = replace(FIRST, **change)
    assert e.digest(first, moved) != e.digest(first, FIRST)


def test_a_record_exchanged_by_hand_keeps_its_own_version_from_opening() -> None:
    """The digest of the neighbour is part of n's own place: it cannot be corrected to fit an altered neighbour."""
    key = Sensitive(bytes(32))
    second = e.seal(VALUE, PLACE, key, counted("x"))
    with pytest.raises(Exception, match="another place"):
        e.open_(second, replace(PLACE, previous_digest=bytes(32)), key)


def test_the_digest_has_32_bytes_and_covers_every_field() -> None:
    first = e.seal(VALUE, FIRST, Sensitive(bytes(32)), counted("x"))
    seen = {e.digest(replace(first, **{part: getattr(first, part)[::-1]}), FIRST) for part in PARTS}
    seen.add(e.digest(first, FIRST))
    assert len(seen) == len(PARTS) + 1
    assert {len(d) for d in seen} == {32}
