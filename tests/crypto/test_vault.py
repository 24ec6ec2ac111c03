"""Sealing through a keyring: wraps are bound to their place, rewrapping loses nothing, failures say what is missing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.crypto.places import FOREIGN, KEYRING, NOW, OTHER_PLACES, PLACE, counted, vault

from keyward.crypto.context import Context
from keyward.crypto.envelope import Envelope
from keyward.crypto.keyring import Keyring
from keyward.crypto.keys import KeyStatus, Wrap
from keyward.crypto.local import LocalProvider
from keyward.crypto.vault import Sealed, Vault
from keyward.errors import Blocked, KeywardError, Reason, Retry
from keyward.sensitive import Sensitive

VALUE = Sensitive("canary-0815")
ROTATED = KEYRING.with_new_version("default", counted("second"), NOW)


async def sealed(place: Context = PLACE) -> Sealed:
    return await vault(random=counted("sealed")).seal(VALUE, place, "default")


async def failure(found: Sealed, place: Context = PLACE, by: Vault | None = None) -> Reason:
    with pytest.raises(KeywardError) as caught:
        await (by or vault()).open(found.envelope, found.wraps, place)
    assert "canary" not in str(caught.value)
    return caught.value.reason


async def test_what_is_sealed_opens_after_a_way_through_json() -> None:
    found = await sealed()
    envelope = Envelope.from_dict(found.envelope.to_dict())
    wraps = [Wrap.from_dict(w.to_dict()) for w in found.wraps]
    assert await vault().open(envelope, wraps, PLACE) == VALUE


@pytest.mark.parametrize("other", OTHER_PLACES.values(), ids=OTHER_PLACES)
async def test_no_other_place_opens_it(other: Context) -> None:
    assert await failure(await sealed(), other) is Reason.CONTEXT_MISMATCH


@pytest.mark.parametrize("other", OTHER_PLACES.values(), ids=OTHER_PLACES)
async def test_the_wrap_itself_is_bound_to_its_place(other: Context) -> None:
    wrap = (await sealed()).wraps[0]
    with pytest.raises(Blocked) as caught:
        await LocalProvider(KEYRING, "default", counted("x")).unwrap(wrap, other)
    assert caught.value.reason is Reason.CONTEXT_MISMATCH


@given(st.integers(0, 67), st.integers(1, 255))
async def test_any_change_of_any_byte_of_the_wrap_fails_to_open(at: int, change: int) -> None:
    found = await sealed()
    raw = bytearray(found.wraps[0].wrapped)
    raw[at] ^= change
    altered = replace(found, wraps=(replace(found.wraps[0], wrapped=bytes(raw)),))
    # A key that is recognised as another one is a missing key; the rest cannot be told from another place.
    expected = Reason.KEY_UNAVAILABLE if at < 8 else Reason.CONTEXT_MISMATCH
    assert await failure(altered) is expected


async def test_the_wrap_has_68_bytes() -> None:
    assert len((await sealed()).wraps[0].wrapped) == 68


async def test_wraps_exchanged_between_two_values_fail() -> None:
    one = await sealed()
    other_place = OTHER_PLACES["sequence"]
    other = await vault().seal(Sensitive("other"), other_place, "default")
    same_place = await vault().seal(Sensitive("same place"), PLACE, "default")
    assert await failure(replace(one, wraps=other.wraps)) is Reason.CONTEXT_MISMATCH
    assert await failure(replace(one, wraps=same_place.wraps)) is Reason.CONTEXT_MISMATCH


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"key": "other"}, Reason.KEY_UNAVAILABLE),
        ({"key": "absent"}, Reason.KEY_UNAVAILABLE),
        ({"key_version": "2"}, Reason.KEY_UNAVAILABLE),
        ({"key_version": "01"}, Reason.ENVELOPE_INVALID),
        ({"key_version": "9" * 200}, Reason.KEY_UNAVAILABLE),
        ({"key_version": "x"}, Reason.ENVELOPE_INVALID),
        ({"provider": "KMS"}, Reason.KEY_UNAVAILABLE),
        ({"wrapped": b"short"}, Reason.ENVELOPE_INVALID),
    ],
)
async def test_a_wrap_that_names_another_key_does_not_open(change: dict[str, object], reason: Reason) -> None:
    found = await sealed()
    assert await failure(replace(found, wraps=(replace(found.wraps[0], **change),))) is reason


async def test_a_keyring_of_another_store_refuses_to_seal_or_open() -> None:
    found = await sealed()
    assert await failure(found, by=vault(FOREIGN)) is Reason.CONTEXT_MISMATCH
    with pytest.raises(Blocked) as caught:
        await vault(FOREIGN).seal(VALUE, PLACE, "default")
    assert caught.value.reason is Reason.CONTEXT_MISMATCH


async def test_a_key_that_is_another_one_under_the_same_name_is_a_missing_key() -> None:
    imposter = Keyring(KEYRING.store, KEYRING.secret, FOREIGN.keys)
    assert await failure(await sealed(), by=vault(imposter)) is Reason.KEY_UNAVAILABLE


async def test_a_missing_key_is_named() -> None:
    with pytest.raises(Blocked, match="'absent'") as caught:
        await vault().seal(VALUE, PLACE, "absent")
    assert caught.value.reason is Reason.KEY_UNAVAILABLE


async def test_a_closed_key_opens_and_does_not_seal() -> None:
    found = await sealed()
    closed = vault(KEYRING.close_version("default", 1))
    assert await closed.open(found.envelope, found.wraps, PLACE) == VALUE
    with pytest.raises(Blocked) as caught:
        await closed.seal(VALUE, PLACE, "default")
    assert caught.value.reason is Reason.KEY_UNAVAILABLE
    assert await closed.status("default") == KeyStatus(healthy=True, current_version="", wrapping_allowed=False)


async def test_a_new_key_version_wraps_and_the_old_one_still_opens() -> None:
    found = await sealed()
    assert await vault(ROTATED).open(found.envelope, found.wraps, PLACE) == VALUE
    assert (await vault(ROTATED).seal(VALUE, PLACE, "default")).wraps[0].key_version == "2"
    assert (await vault(ROTATED).status("default")).current_version == "2"


@pytest.mark.parametrize("key", ["default", "other"])
async def test_a_rewrap_replaces_the_wrap_and_not_one_byte_of_the_payload(key: str) -> None:
    found = await sealed()
    before = found.envelope.to_dict()
    wraps = await vault(ROTATED).rewrap(found.wraps, PLACE, found.envelope, key)
    assert [(w.key, w.key_version) for w in wraps] == [(key, "2" if key == "default" else "1")]
    assert found.envelope.to_dict() == before
    assert await vault(ROTATED).open(found.envelope, wraps, PLACE) == VALUE


async def test_after_a_rewrap_the_old_key_version_can_be_destroyed() -> None:
    found = await sealed()
    wraps = await vault(ROTATED).rewrap(found.wraps, PLACE, found.envelope, "default")
    shredded = vault(ROTATED.close_version("default", 1).destroy_version("default", 1))
    assert await shredded.open(found.envelope, wraps, PLACE) == VALUE
    assert await failure(found, by=shredded) is Reason.KEY_UNAVAILABLE


async def test_a_rewrap_with_nothing_to_do_answers_the_same_wraps() -> None:
    found = await sealed()
    assert await vault().rewrap(found.wraps, PLACE, found.envelope, "default") == found.wraps


async def test_two_wraps_in_a_hand_over_become_one() -> None:
    found = await sealed()
    (new,) = await vault(ROTATED).rewrap(found.wraps, PLACE, found.envelope, "default")
    assert await vault(ROTATED).rewrap((*found.wraps, new), PLACE, found.envelope, "default") != found.wraps
    assert await vault(ROTATED).rewrap((new,), PLACE, found.envelope, "default") == (new,)


async def test_a_wrap_of_another_data_key_is_not_carried_over_by_a_rewrap() -> None:
    found, other = await sealed(), await vault().seal(VALUE, PLACE, "default")
    for key in ("default", "other"):
        with pytest.raises(Blocked) as caught:
            await vault(ROTATED).rewrap(other.wraps, PLACE, found.envelope, key)
        assert caught.value.reason is Reason.CONTEXT_MISMATCH


class Forgetful(LocalProvider):
    """A keeper that wraps something else than it was given."""

    async def wrap(self, data_key: Sensitive, context: Context) -> Wrap:
        return await super().wrap(Sensitive(bytes(32)), context)


async def test_a_new_wrap_is_proven_by_the_commitment_before_the_old_one_may_go() -> None:
    found = await sealed()
    forgetful = {name: Forgetful(ROTATED, name, counted("x")) for name in ("default", "other")}
    broken = replace(vault(ROTATED), providers=forgetful)
    for key in forgetful:
        with pytest.raises(Blocked) as caught:
            await broken.rewrap(found.wraps, PLACE, found.envelope, key)
        assert caught.value.reason is Reason.CONTEXT_MISMATCH


async def test_one_good_wrap_among_bad_ones_is_enough() -> None:
    found = await sealed()
    bad = (replace(found.wraps[0], key="absent"), replace(found.wraps[0], wrapped=bytes(68)))
    assert await vault().open(found.envelope, (*bad, *found.wraps), PLACE) == VALUE
    assert await vault(ROTATED).rewrap((*bad, *found.wraps), PLACE, found.envelope, "other") != bad


async def test_a_rewrap_takes_the_good_wrap_though_a_bad_one_of_the_same_key_comes_first() -> None:
    found = await sealed()
    bad = replace(found.wraps[0], wrapped=found.wraps[0].wrapped[:8] + bytes(60))
    wraps = await vault(ROTATED).rewrap((bad, *found.wraps), PLACE, found.envelope, "default")
    assert await vault(ROTATED).open(found.envelope, wraps, PLACE) == VALUE


class Away(LocalProvider):
    async def unwrap(self, wrap: Wrap, context: Context) -> Sensitive:
        raise Retry(Reason.KEY_UNAVAILABLE, "the keeper does not answer")


async def test_of_several_failures_the_one_that_may_pass_is_told() -> None:
    found = await sealed()
    away = replace(vault(), providers={**vault().providers, "other": Away(KEYRING, "other", counted("x"))})
    altered, unreachable = replace(found.wraps[0], wrapped=b"\0" * 68), replace(found.wraps[0], key="other")
    with pytest.raises(Retry):
        await away.open(found.envelope, (altered, unreachable), PLACE)


@pytest.mark.parametrize("count", [0, 5])
async def test_no_wraps_or_too_many_are_refused(count: int) -> None:
    found = await sealed()
    assert await failure(replace(found, wraps=found.wraps * count)) is Reason.ENVELOPE_INVALID


async def test_every_call_to_a_provider_is_counted_with_its_result() -> None:
    calls: list[tuple[str, str, str]] = []
    counting = vault(ROTATED, on_call=lambda *call: calls.append(call))
    found = await sealed()
    await counting.seal(VALUE, PLACE, "default")
    await counting.open(found.envelope, found.wraps, PLACE)
    await counting.rewrap(found.wraps, PLACE, found.envelope, "default")
    await failure(replace(found, wraps=(replace(found.wraps[0], wrapped=b"\0" * 68),)), by=counting)
    assert [f"{kind} {operation} {result}" for kind, operation, result in calls] == [
        "Local generate ok",
        "Local unwrap ok",
        "Local status ok",
        "Local rewrap ok",
        "Local unwrap ok",
        "Local unwrap KeyUnavailable",
    ]


async def test_digests_are_those_of_the_store() -> None:
    assert (
        vault().source_digest(VALUE) == KEYRING.source_digest(VALUE.reveal()) != FOREIGN.source_digest(VALUE.reveal())
    )
    found = await sealed()
    assert len(vault().digest(found.envelope, PLACE)) == 32


@pytest.mark.parametrize(
    "change",
    [
        {"more": 1},
        {"key": ""},
        {"key": "Not/A/Name"},
        {"key": "a" * 254},
        {"keyVersion": ""},
        {"keyVersion": "a b"},
        {"keyVersion": 1},
        {"provider": "x-y"},
        {"wrapped": ""},
        {"wrapped": "A" * 5468},
        {"wrapped": "AA=A"},
        {"wrapped": None},
    ],
)
async def test_a_stored_wrap_that_we_do_not_write_is_refused(change: dict[str, object]) -> None:
    stored = (await sealed()).wraps[0].to_dict()
    assert Wrap.from_dict(stored).to_dict() == stored
    with pytest.raises(Blocked) as caught:
        Wrap.from_dict(stored | change)
    assert caught.value.reason is Reason.ENVELOPE_INVALID
