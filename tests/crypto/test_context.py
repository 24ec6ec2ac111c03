"""Two places never have the same encoding."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.crypto.places import OTHER_PLACES, PLACE, contexts

from keyward.crypto.context import Context, pack
from keyward.errors import Blocked, Reason


@given(contexts, contexts)
def test_equal_encodings_come_from_equal_places_only(one: Context, other: Context) -> None:
    assert (one.encode() == other.encode()) == (one == other)


@given(st.lists(st.binary(max_size=12), max_size=5), st.lists(st.binary(max_size=12), max_size=5))
def test_packed_fields_can_be_told_apart_however_they_are_cut(one: list[bytes], other: list[bytes]) -> None:
    assert (pack(*one) == pack(*other)) == (one == other)


@pytest.mark.parametrize("other", OTHER_PLACES.values(), ids=OTHER_PLACES)
def test_each_component_changes_the_encoding(other: Context) -> None:
    assert other.encode() != PLACE.encode()


def test_the_encoding_names_domain_kind_suite_and_padding() -> None:
    encoded = PLACE.encode()
    for text in (
        b"keyward.dev/credential-version/v1",
        b"keyward.dev/CredentialVersion",
        b"A256GCM-HKDFSHA512-COMMIT",
        b"zero-256",
    ):
        assert text in encoded


def test_the_encoding_of_version_1_never_changes() -> None:
    fixed = replace(PLACE, store="2b1f7a40-0d3c-4f57-9d2a-3c5f0e9b1a77")
    assert hashlib.sha256(fixed.encode()).hexdigest() == (
        "db26f42149dd47567b696a6c5083937438a188d27f09dc92dd95d4611b26b01f"
    )


@pytest.mark.parametrize("change", [{"sequence": -1}, {"sequence": 2**63}, {"previous_digest": b"short"}])
def test_what_cannot_be_encoded_without_doubt_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(Blocked) as caught:
        replace(PLACE, **change)
    assert caught.value.reason is Reason.ENVELOPE_INVALID
