"""An envelope opens where it was sealed, as it was sealed, and in no other way."""

from __future__ import annotations

import base64
from dataclasses import fields, replace
from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.crypto.places import OTHER_PLACES, PLACE, contexts, counted

from keyward.crypto import envelope as e
from keyward.crypto.context import Context
from keyward.crypto.envelope import Envelope
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

KEY = Sensitive(bytes(range(32)))
VALUE = Sensitive("canary-4711")
SEALED = e.seal(VALUE, PLACE, KEY, counted("sealed"))
PARTS = [f.name for f in fields(Envelope)]


def refused(envelope: Envelope, context: Context = PLACE, key: Sensitive = KEY) -> Reason:
    with pytest.raises(Blocked) as caught:
        e.open_(envelope, context, key)
    assert "canary" not in str(caught.value)
    return caught.value.reason


@given(st.binary(max_size=2000), contexts, st.binary(min_size=32, max_size=32))
def test_what_was_sealed_opens_to_the_same_bytes(value: bytes, context: Context, key: bytes) -> None:
    sealed = e.seal(Sensitive(value), context, Sensitive(key), counted("x"))
    assert e.open_(Envelope.from_dict(sealed.to_dict()), context, Sensitive(key)).reveal() == value


@given(st.sampled_from(PARTS), st.data())
def test_any_change_of_any_byte_of_any_field_fails_to_open(part: str, data: st.DataObject) -> None:
    raw = bytearray(getattr(SEALED, part))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    refused(replace(SEALED, **{part: bytes(raw)}))


def test_every_single_byte_of_every_field_is_covered() -> None:
    for part in PARTS:
        raw = getattr(SEALED, part)
        for at in range(len(raw)):
            changed = raw[:at] + bytes([raw[at] ^ 0x80]) + raw[at + 1 :]
            refused(replace(SEALED, **{part: changed}))


@pytest.mark.parametrize("other", OTHER_PLACES.values(), ids=OTHER_PLACES)
def test_no_other_place_opens_it(other: Context) -> None:
    assert refused(SEALED, other) is Reason.CONTEXT_MISMATCH


@given(contexts, contexts)
def test_places_are_never_confused(one: Context, other: Context) -> None:
    assume(one != other)
    assert refused(e.seal(VALUE, one, KEY, counted("x")), other) is Reason.CONTEXT_MISMATCH


def test_no_other_key_opens_it() -> None:
    assert refused(SEALED, key=Sensitive(bytes(32))) is Reason.CONTEXT_MISMATCH


def test_of_all_mixes_of_two_envelopes_only_the_whole_ones_open() -> None:
    other = e.seal(Sensitive("another"), PLACE, KEY, counted("other"))
    for picks in product((SEALED, other), repeat=len(PARTS)):
        mixed = Envelope(*(getattr(source, part) for part, source in zip(PARTS, picks, strict=True)))
        if mixed in (SEALED, other):
            e.open_(mixed, PLACE, KEY)
        else:
            refused(mixed)


def test_the_commitment_is_judged_before_anything_is_decrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("decrypted before the commitment was compared")

    monkeypatch.setattr(e, "AESGCM", never)
    assert refused(replace(SEALED, commit=bytes(32))) is Reason.CONTEXT_MISMATCH


def test_the_commitment_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []
    monkeypatch.setattr(e.hmac, "compare_digest", lambda a, b: not asked.append(b) and a == b)
    e.open_(SEALED, PLACE, KEY)
    assert SEALED.commit in asked


def test_a_ciphertext_that_fits_a_second_key_still_opens_under_its_own_only() -> None:
    """Same ciphertext and tag, other key: without the commitment this would be GCM's word alone."""
    assert e.commits(SEALED, PLACE, KEY)
    assert not e.commits(SEALED, PLACE, Sensitive(bytes(32)))
    assert not e.commits(SEALED, OTHER_PLACES["namespace"], KEY)


@pytest.mark.parametrize("size", [0, 1, 251, 252, 253, 508, 509, e.MAX_VALUE])
def test_the_stored_length_tells_blocks_only(size: int) -> None:
    sealed = e.seal(Sensitive(bytes(size)), PLACE, KEY, counted("x"))
    assert len(sealed.ct) == (size + 4 + 255) // 256 * 256 + 16
    assert len(e.open_(Envelope.from_dict(sealed.to_dict()), PLACE, KEY)) == size


def test_a_pin_and_a_passphrase_look_alike() -> None:
    pin, phrase = (e.seal(Sensitive(v), PLACE, KEY, counted("x")) for v in ("1234", "correct horse battery staple"))
    assert len(pin.ct) == len(phrase.ct)


def test_a_value_above_the_limit_is_refused() -> None:
    with pytest.raises(Blocked) as caught:
        e.seal(Sensitive(bytes(e.MAX_VALUE + 1)), PLACE, KEY, counted("x"))
    assert caught.value.reason is Reason.VALUE_TOO_LARGE


@pytest.mark.parametrize(
    "inner", [bytes(3) + b"\x05" + bytes(250) + b"x\0", b"\xff" * 256, b"\0\x01\0\x01" + bytes(252)]
)
def test_padding_that_we_do_not_write_is_refused_though_it_is_authentic(
    inner: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(e, "_padded", lambda _: inner)
        sealed = e.seal(VALUE, PLACE, KEY, counted("x"))
    assert refused(sealed) is Reason.ENVELOPE_INVALID


def test_a_data_key_of_another_length_is_refused() -> None:
    with pytest.raises(Blocked):
        e.seal(VALUE, PLACE, Sensitive(bytes(16)), counted("x"))


def test_each_sealing_takes_its_own_salt_and_nonce() -> None:
    random = counted("x")
    one, other = (e.seal(VALUE, PLACE, KEY, random) for _ in range(2))
    assert all(getattr(one, part) != getattr(other, part) for part in PARTS)


STORED = SEALED.to_dict()
LOOSE = base64.b64encode(SEALED.nonce).decode()


@pytest.mark.parametrize(
    "damaged",
    [
        None,
        [],
        "x",
        {},
        STORED | {"extra": 1},
        {k: v for k, v in STORED.items() if k != "salt"},
        STORED | {"v": 2},
        STORED | {"v": True},
        STORED | {"v": 1.0},
        STORED | {"v": "1"},
        STORED | {"suite": "A256GCM"},
        STORED | {"suite": None},
        STORED | {"salt": ""},
        STORED | {"salt": 5},
        STORED | {"salt": base64.b64encode(bytes(31)).decode()},
        STORED | {"commit": base64.b64encode(bytes(33)).decode()},
        STORED | {"nonce": base64.b64encode(bytes(16)).decode()},
        STORED | {"nonce": LOOSE + "\n"},
        STORED | {"nonce": " " + LOOSE},
        STORED | {"nonce": LOOSE + "===="},
        STORED | {"nonce": "é" * 16},
        STORED | {"salt": STORED["salt"].replace("=", "")},
        STORED | {"salt": STORED["salt"][:-2] + chr(ord(STORED["salt"][-2]) + 1) + "="},
        STORED | {"ct": base64.b64encode(bytes(16)).decode()},
        STORED | {"ct": base64.b64encode(bytes(256 + 15)).decode()},
        STORED | {"ct": base64.b64encode(bytes(258 * 256 + 16)).decode()},
        STORED | {"ct": "A" * 10_000_000},
        STORED | {"ct": base64.urlsafe_b64encode(b"\xff" * 272).decode()},
    ],
)
def test_a_stored_envelope_that_we_do_not_write_is_refused(damaged: object) -> None:
    with pytest.raises(Blocked) as caught:
        Envelope.from_dict(damaged)
    assert caught.value.reason is Reason.ENVELOPE_INVALID
    assert len(str(caught.value)) < 300


@given(st.sampled_from(["salt", "commit", "nonce", "ct"]), st.data())
def test_no_change_of_a_stored_character_opens(field: str, data: st.DataObject) -> None:
    text = STORED[field]
    at = data.draw(st.integers(0, len(text) - 1))
    char = data.draw(st.characters(codec="utf-8").filter(lambda c: c != text[at]))
    with pytest.raises(Blocked):
        e.open_(Envelope.from_dict(STORED | {field: text[:at] + char + text[at + 1 :]}), PLACE, KEY)
