"""Generated passwords satisfy their policy, are equally likely, and are never weak unnoticed."""

from __future__ import annotations

import itertools
import json
import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.crypto.places import counted

from keyward.crypto.generate import DEFAULT_CLASSES, PasswordPolicy, below, key_values, password
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive


def refused(policy: PasswordPolicy) -> str:
    with pytest.raises(Blocked) as caught:
        password(policy, counted("x"))
    assert caught.value.reason is Reason.INVALID_SPEC
    return caught.value.message


@given(st.integers(0, 2**32))
def test_the_default_has_30_characters_and_every_class(seed: int) -> None:
    made = password(PasswordPolicy(), counted(str(seed))).reveal_text()
    assert len(made) == 30
    assert set(made) <= set(string.ascii_letters + string.digits + "_-")
    assert all(set(made) & set(members) for members in DEFAULT_CLASSES)


@given(
    st.integers(1, 12),
    st.lists(st.text("abcdeXY12-", min_size=1, max_size=6), max_size=3),
    st.text("abcdez", max_size=4),
    st.text("ab1", max_size=2),
)
def test_every_policy_is_satisfied_or_refused(length: int, classes: list[str], extra: str, excluded: str) -> None:
    policy = PasswordPolicy(length, tuple(classes), extra, excluded, allow_weak=True)
    try:
        made = password(policy, counted("x")).reveal_text()
    except Blocked:
        allowed = set("".join(classes) + extra) - set(excluded)
        short = any(not set(c) - set(excluded) for c in classes) or not allowed
        words = ("".join(w) for w in itertools.product(sorted(allowed), repeat=min(length, 3)))
        assert short or length > 3 or not any(all(set(w) & set(c) for c in classes) for w in words)
    else:
        assert len(made) == length
        assert not set(made) & set(excluded)
        assert all(set(made) & set(members) for members in classes)


def test_every_password_of_a_policy_comes_out_equally_often() -> None:
    """Two classes that overlap, three characters: all numbers are drawn once, so each password must come once."""
    policy = PasswordPolicy(3, ("ab", "b1"), extra="z", allow_weak=True)
    words = ("".join(w) for w in itertools.product("ab1z", repeat=3))
    valid = {w for w in words if set(w) & set("ab") and set(w) & set("b1")}
    bits = (len(valid) - 1).bit_length()

    def numbered(index: int) -> str:
        return password(policy, lambda size: (index << (size * 8 - bits)).to_bytes(size, "big")).reveal_text()

    made = Counter(numbered(index) for index in range(len(valid)))
    assert set(made) == valid
    assert set(made.values()) == {1}


@given(st.integers(1, 2**70), st.integers(0, 1000))
def test_a_drawn_number_is_below_its_bound(bound: int, seed: int) -> None:
    assert 0 <= below(bound, counted(str(seed))) < bound


def test_what_does_not_fit_is_drawn_again_and_never_folded() -> None:
    drawn = iter([b"\xff", b"\xa0", b"\x40"])
    assert below(5, lambda _: next(drawn)) == 2
    assert next(drawn, None) is None


def test_numbers_are_equally_likely() -> None:
    # Every byte once: 3 bits of each count, and 6 and 7 are drawn again.
    counts = Counter(byte >> 5 for byte in range(256) if byte >> 5 < 6)
    made = Counter()
    for byte in range(256):
        draws = iter([bytes([byte]), b"\0"])
        made[below(6, lambda _, draws=draws: next(draws))] += 1
    assert made - Counter({0: 64}) == counts


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        (PasswordPolicy(length=21), "length"),
        (PasswordPolicy(length=0), "length"),
        (PasswordPolicy(length=1025), "length"),
        (PasswordPolicy(length=3, allow_weak=True), "length"),
        (PasswordPolicy(length=30, classes=(string.digits,)), "length"),
        (PasswordPolicy(classes=()), "classes"),
        (PasswordPolicy(classes=("a",) * 7), "classes"),
        (PasswordPolicy(classes=("",)), "exclude"),
        (PasswordPolicy(excluded="_-"), "exclude"),
    ],
)
def test_a_policy_that_cannot_be_or_is_weak_is_refused_by_its_field(policy: PasswordPolicy, field: str) -> None:
    assert refused(policy).startswith(f"{field}: ")


def test_a_weak_password_is_made_when_it_is_meant() -> None:
    pin = password(PasswordPolicy(4, (string.digits,), allow_weak=True), counted("x")).reveal_text()
    assert len(pin) == 4
    assert pin.isdigit()


def test_the_limit_is_128_bits_exactly() -> None:
    assert len(password(PasswordPolicy(128, (), "01"), counted("x"))) == 128
    assert "128 bits" in refused(PasswordPolicy(127, (), "01"))


def test_a_long_password_with_many_classes_is_made() -> None:
    policy = PasswordPolicy(1024, (*DEFAULT_CLASSES, "!?", "#*"))
    assert len(password(policy, counted("x"))) == 1024


def test_a_document_holds_given_and_generated_values() -> None:
    made = key_values({"user": Sensitive("orders")}, {"password": PasswordPolicy()}, counted("x")).reveal()
    found = json.loads(made)
    assert list(found) == ["password", "user"]
    assert found["user"] == "orders"
    assert len(found["password"]) == 30
    assert b" " not in made


@pytest.mark.parametrize(
    ("given_values", "reason"),
    [
        ({"password": Sensitive("x")}, Reason.INVALID_SPEC),
        ({"user": Sensitive(b"\xff")}, Reason.INVALID_SPEC),
        ({"user": Sensitive("x" * 65_536)}, Reason.VALUE_TOO_LARGE),
    ],
)
def test_a_document_that_cannot_be_is_refused(given_values: dict[str, Sensitive], reason: Reason) -> None:
    with pytest.raises(Blocked) as caught:
        key_values(given_values, {"password": PasswordPolicy()}, counted("x"))
    assert caught.value.reason is reason
