"""SSH key pairs as OpenSSH writes the private half: it holds the public half in clear, so that one text is the whole pair."""

from __future__ import annotations

import base64
import hashlib
import struct
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from keyward.crypto.envelope import Random
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

ED25519: Final = "Ed25519"
RSA_BITS: Final = {"RSA3072": 3072, "RSA4096": 4096}
_EXPONENT: Final = 65_537
_MAGIC: Final = b"openssh-key-v1\0"
_WIDTH: Final = 70


def generate(algorithm: str, random: Random) -> Sensitive:
    """A new key pair; RSA takes up to some seconds of one processor.

    Args:
        algorithm: Ed25519, RSA3072 or RSA4096.
        random: for Ed25519; OpenSSL draws RSA's primes with its own.
    """
    key: Ed25519PrivateKey | rsa.RSAPrivateKey
    if algorithm == ED25519:
        key = Ed25519PrivateKey.from_private_bytes(random(32))
    else:
        key = rsa.generate_private_key(_EXPONENT, RSA_BITS[algorithm])
    return Sensitive(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))


def normalised(value: Sensitive) -> Sensitive:
    """A private key that somebody gave, in PEM or OpenSSH's format, in OpenSSH's: the same key makes the same text.

    Raises:
        Blocked: SOURCE_INVALID, it is none, or one with a passphrase.
    """
    for load in (load_ssh_private_key, load_pem_private_key):
        try:
            key = load(value.reveal(), password=None)
            return _settled(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
    raise Blocked(
        Reason.SOURCE_INVALID,
        "it is no private key in OpenSSH's format or in PEM, or one with a passphrase: give one without",
    )


def _settled(text: bytes) -> Sensitive:
    """The text with check bytes that come from the key: they are drawn anew each time, and say nothing."""
    begin, *middle, end = text.splitlines()
    raw = base64.b64decode(b"".join(middle))
    place = len(_MAGIC)
    for _ in range(3):  # cipher, key derivation, its options
        place = _behind(raw, place)
    place = _behind(raw, place + 4) + 4  # the number of keys, the public half, the length of the private one
    check = hashlib.sha256(raw[place + 8 :]).digest()[:4]
    settled = base64.b64encode(raw[:place] + check * 2 + raw[place + 8 :])
    parts = [settled[n : n + _WIDTH] for n in range(0, len(settled), _WIDTH)]
    return Sensitive(b"\n".join([begin, *parts, end, b""]))


def _behind(raw: bytes, place: int) -> int:
    (size,) = struct.unpack_from(">I", raw, place)
    return place + 4 + int(size)
