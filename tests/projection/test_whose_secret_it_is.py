"""A Secret of that name exists already: whose is it, and what would hand it over?"""

from __future__ import annotations

import pytest

from keyward.domain import ownership
from keyward.domain.writes import SecretContent, StoredSecret
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

OURS = {
    "app.kubernetes.io/managed-by": "keyward",
    "keyward.dev/credential": "orders",
    "keyward.dev/lineage": "a" * 32,
}
CONTENT = SecretContent("shop", "db", "Opaque", {"password": Sensitive("c4n4ry")}, OURS)


def stored(labels, owners=()):
    metadata = {"name": "db", "labels": labels, "ownerReferences": list(owners)}
    return StoredSecret(metadata, "Opaque", {"password": Sensitive("c4n4ry")})


def test_our_own_is_ours_and_so_is_what_an_earlier_life_of_the_same_name_left():
    ownership.judge(stored(OURS), CONTENT)
    ownership.judge(stored(OURS | {"keyward.dev/lineage": "b" * 32, "team": "x"}), CONTENT)
    ownership.judge(stored(OURS, [{"kind": "Credential", "name": "orders", "uid": "old"}]), CONTENT)
    ownership.judge(stored(OURS, [{"kind": "Application", "name": "argo", "uid": "u"}]), CONTENT)


@pytest.mark.parametrize(
    "labels",
    [
        None,
        {},
        {"app.kubernetes.io/managed-by": "Helm"},
        {"app.kubernetes.io/managed-by": "keyward", "keyward.dev/credential": "orders"},
        {"keyward.dev/credential": "orders", "keyward.dev/lineage": "a" * 32},
    ],
)
def test_a_strangers_is_refused_with_the_words_that_hand_it_over(labels):
    with pytest.raises(Blocked, match="was not made by Keyward") as error:
        ownership.judge(stored(labels), CONTENT)
    assert error.value.reason is Reason.SECRET_CONFLICT
    command = error.value.message.split("`")[1]
    assert command.startswith("kubectl label --overwrite secret db -n shop ")
    handed_over = (labels or {}) | dict(pair.split("=") for pair in command.split()[7:])
    ownership.judge(stored(handed_over), CONTENT)
    assert "c4n4ry" not in str(error.value)


def test_another_credentials_is_refused_by_that_name():
    with pytest.raises(Blocked, match="'billing'"):
        ownership.judge(stored(OURS | {"keyward.dev/credential": "billing"}), CONTENT)


def test_one_that_another_controller_writes_is_not_fought_over():
    with pytest.raises(Blocked, match="SealedSecret x"):
        ownership.judge(stored(OURS, [{"kind": "SealedSecret", "name": "x", "uid": "u", "controller": True}]), CONTENT)
