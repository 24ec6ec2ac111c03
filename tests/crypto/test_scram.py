"""The verifier is the one that PostgreSQL itself would store."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from keyward.engines import scram
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")


def test_the_proofs_of_rfc_7677_follow_from_the_verifier() -> None:
    """RFC 7677 §3: user `user`, password `pencil`; the RFC gives proof and server signature."""
    auth = (
        b"n=user,r=rOprNGfwEbeRWgbNEkqO,"
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    mechanism, cost, keys = scram.verifier(Sensitive("pencil"), SALT).split("$")
    assert mechanism == "SCRAM-SHA-256"
    assert cost == "4096:W22ZaJ0SNY7soEsUEjb6gQ=="
    stored_key, server_key = (base64.b64decode(part) for part in keys.split(":"))
    signature = hmac.digest(server_key, auth, "sha256")
    assert base64.b64encode(signature) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    mask = hmac.digest(stored_key, auth, "sha256")
    client_key = bytes(a ^ b for a, b in zip(proof, mask, strict=True))
    assert hashlib.sha256(client_key).digest() == stored_key


@pytest.mark.parametrize(
    ("given", "prepared"),
    [
        ("I\u00adX", "IX"),  # RFC 4013 §3
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("\u1d2c", "\u1d2c"),  # assigned after Unicode 3.2, though not what it would become: taken as it is
        ("\u0627\u00aa", "\u0627\u00aa"),  # mixed directions: taken as it is, though ª would become a
        ("\u0627\u0031", "\u0627\u0031"),  # refused for its directions: taken as it is
        ("\u0007é\u0000", "\u0007é\u0000"),  # prohibited characters: taken as it is
        ("\u00ad", "\u00ad"),  # nothing would be left: taken as it is
    ],
)
def test_saslprep_is_that_of_the_server(given: str, prepared: str) -> None:
    assert scram.prepared(Sensitive(given)) == prepared.encode()


def test_bytes_that_are_no_text_are_taken_as_they_are() -> None:
    assert scram.prepared(Sensitive(b"\xff\xfe")) == b"\xff\xfe"


@pytest.mark.parametrize(
    ("password", "salt", "iterations"), [("", SALT, 4096), ("canary-9f1", b"short", 4096), ("canary-9f1", SALT, 4095)]
)
def test_a_weak_verifier_is_refused_without_the_value(password: str, salt: bytes, iterations: int) -> None:
    with pytest.raises(Blocked) as caught:
        scram.verifier(Sensitive(password), salt, iterations)
    assert caught.value.reason is Reason.INVALID_SPEC
    assert "canary" not in str(caught.value)
