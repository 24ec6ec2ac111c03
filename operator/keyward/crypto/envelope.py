"""Envelope v1: one value sealed under its own data key, bound to its place and committed to its key.

The commitment is compared before anything is decrypted, and what is authenticated is rebuilt by the caller's context,
never read from the envelope. It must never be asked to seal two values under one data key.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from keyward.crypto import strict
from keyward.crypto.context import SUITE, Context, pack
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

Random = Callable[[int], bytes]
"""So many unpredictable bytes, like os.urandom."""

VERSION: Final = 1
KEY_SIZE: Final = 32
MAX_VALUE: Final = 64 * 1024

_SALT, _COMMIT, _NONCE, _TAG = 32, 32, 12, 16
_BLOCK, _PREFIX = 256, 4
_CIPHERTEXT: Final = range(_BLOCK + _TAG, (MAX_VALUE + _PREFIX + _BLOCK - 1) // _BLOCK * _BLOCK + _TAG + 1, _BLOCK)
_FIELDS: Final = ("v", "suite", "salt", "commit", "nonce", "ct")
_HASH: Final = SHA512()
_CONTENT_KEY: Final = b"keyward.dev/envelope/v1/content-key"
_COMMITMENT: Final = b"keyward.dev/envelope/v1/commitment"
_DIGEST: Final = b"keyward.dev/envelope/v1/digest"


@dataclass(frozen=True, slots=True)
class Envelope:
    """The immutable part of a sealed value. The wrapped data keys are kept beside it, in no digest."""

    salt: bytes
    commit: bytes
    nonce: bytes
    ct: bytes

    def to_dict(self) -> dict[str, Any]:
        """The JSON object that is stored."""
        return {
            "v": VERSION,
            "suite": SUITE,
            "salt": strict.b64(self.salt),
            "commit": strict.b64(self.commit),
            "nonce": strict.b64(self.nonce),
            "ct": strict.b64(self.ct),
        }

    @classmethod
    def from_dict(cls, found: Any) -> Envelope:
        """The stored object, read strictly.

        Raises:
            Blocked: ENVELOPE_INVALID for an unknown version or suite, and for anything that `to_dict` does not write.
        """
        try:
            return cls._read(found)
        except strict.MalformedError as error:
            raise strict.invalid("envelope", error) from None

    @classmethod
    def _read(cls, found: Any) -> Envelope:
        fields = strict.members(found, _FIELDS)
        # `True == 1` and `1.0 == 1`: only the number itself will do.
        if type(fields["v"]) is not int or fields["v"] != VERSION:
            raise strict.MalformedError("v is not a version that is known here")
        if fields["suite"] != SUITE:
            raise strict.MalformedError("suite is not one that is known here")
        return cls(
            salt=strict.raw(fields, "salt", range(_SALT, _SALT + 1)),
            commit=strict.raw(fields, "commit", range(_COMMIT, _COMMIT + 1)),
            nonce=strict.raw(fields, "nonce", range(_NONCE, _NONCE + 1)),
            ct=strict.raw(fields, "ct", _CIPHERTEXT),
        )


def seal(value: Sensitive, context: Context, data_key: Sensitive, random: Random) -> Envelope:
    """Seal `value` for `context`. `data_key` is 32 bytes, fresh, and used for this one envelope.

    Raises:
        Blocked: VALUE_TOO_LARGE above 64 KiB.
    """
    if len(value) > MAX_VALUE:
        raise Blocked(Reason.VALUE_TOO_LARGE, f"the value has {len(value)} bytes, more than {MAX_VALUE}")
    salt, nonce, bound = random(_SALT), random(_NONCE), context.encode()
    content_key, commitment = _keys(data_key, salt, bound)
    ct = AESGCM(content_key).encrypt(nonce, _padded(value), bound)
    return Envelope(salt, commitment, nonce, ct)


def open_(envelope: Envelope, context: Context, data_key: Sensitive) -> Sensitive:
    """The value that was sealed for `context`.

    Raises:
        Blocked: CONTEXT_MISMATCH if it was sealed for another place or under another key (or salt or commitment were
            altered); ENVELOPE_INVALID if the ciphertext was altered.
    """
    bound = context.encode()
    content_key, commitment = _keys(data_key, envelope.salt, bound)
    # GCM alone commits to no key: without this, one ciphertext can be made to open to two values under two wraps.
    if not hmac.compare_digest(commitment, envelope.commit):
        raise Blocked(
            Reason.CONTEXT_MISMATCH, "the value was sealed for another place or under another key, or was altered"
        )
    try:
        return _unpadded(AESGCM(content_key).decrypt(envelope.nonce, envelope.ct, bound))
    except InvalidTag:
        raise Blocked(Reason.ENVELOPE_INVALID, "the sealed value was altered") from None


def commits(envelope: Envelope, context: Context, data_key: Sensitive) -> bool:
    """Whether this data key, in this context, is the one that the envelope was sealed under. Decrypts nothing."""
    _, commitment = _keys(data_key, envelope.salt, context.encode())
    return hmac.compare_digest(commitment, envelope.commit)


def digest(envelope: Envelope, context: Context) -> bytes:
    """SHA-256 of the envelope in its place, 32 bytes: what the next version and the target's mark carry.

    It covers no wrap, so that a rewrapped version is still the same version.
    """
    parts = (_DIGEST, context.encode(), bytes([VERSION]), SUITE.encode())
    return hashlib.sha256(pack(*parts, envelope.salt, envelope.commit, envelope.nonce, envelope.ct)).digest()


def _keys(data_key: Sensitive, salt: bytes, bound: bytes) -> tuple[bytes, bytes]:
    """Content key and commitment: HKDF-SHA-512 with one salt, and a label of its own for each."""
    if len(data_key) != KEY_SIZE:
        raise Blocked(Reason.ENVELOPE_INVALID, f"a data key has {KEY_SIZE} bytes")
    extracted, place = HKDF.extract(_HASH, salt, data_key.reveal()), hashlib.sha256(bound).digest()
    content_key = HKDFExpand(_HASH, KEY_SIZE, _CONTENT_KEY + place).derive(extracted)
    return content_key, HKDFExpand(_HASH, _COMMIT, _COMMITMENT + place).derive(extracted)


def _padded(value: Sensitive) -> bytes:
    inner = len(value).to_bytes(_PREFIX, "big") + value.reveal()
    return inner + bytes(-len(inner) % _BLOCK)


def _unpadded(inner: bytes) -> Sensitive:
    # Only after authentication, so that the padding is no oracle.
    size = int.from_bytes(inner[:_PREFIX], "big")
    value = Sensitive(inner[_PREFIX : _PREFIX + size])
    if size > MAX_VALUE or _padded(value) != inner:
        raise Blocked(Reason.ENVELOPE_INVALID, "the sealed value is not padded as it should be")
    return value
