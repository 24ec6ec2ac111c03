"""What the server stores of a password, computed here, so that no statement and no log of the server sees the password.

Pure: salts come in. Only the plug-ins that are named here can be set this way.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Final

from nacl import bindings

from keyward.engines import shacrypt
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

NATIVE: Final = "mysql_native_password"
SHA2: Final = "caching_sha2_password"
ED25519: Final = "ed25519"
KNOWN: Final = frozenset({NATIVE, SHA2, ED25519})
SALT: Final = 20  # characters; libc's sha256-crypt takes 16 at most
_SHA2_STORED: Final = re.compile(rb"\$A\$([0-9A-F]{3})\$(.{20})(.{43})", re.DOTALL)


def salt(random: Callable[[int], bytes]) -> bytes:
    """20 characters, none of which ends a literal or a field of what is stored."""
    return "".join(shacrypt.ALPHABET[byte & 63] for byte in random(SALT)).encode()


def verifier(plugin: str, password: Sensitive, fresh: bytes, rounds: int) -> str:
    """What `plugin` stores of this password.

    Args:
        plugin: name of the authentication plug-in.
        password: not empty, without a NUL.
        fresh: 20 characters of salt, for the plug-ins that have one.
        rounds: of caching_sha2_password, a multiple of 1000.

    Raises:
        Blocked: ENGINE_UNSUPPORTED, nobody knows here what the plug-in stores.
    """
    secret = password.reveal()
    if plugin == NATIVE:
        return "*" + hashlib.sha1(hashlib.sha1(secret).digest()).hexdigest().upper()  # noqa: S324 - the plug-in's own
    if plugin == SHA2:
        return f"$A${rounds // 1000:03X}${fresh.decode()}{shacrypt.sha256(secret, fresh, rounds)}"
    if plugin == ED25519:
        return base64.b64encode(_public_key(secret)).decode().rstrip("=")
    text = f"the account's authentication plug-in {plugin!r} cannot be set by a hash that is computed here"
    raise Blocked(Reason.ENGINE_UNSUPPORTED, text)


def matches(plugin: str, stored: bytes, password: Sensitive) -> bool | None:
    """Whether a stored verifier is this password's; None if the plug-in is not known here."""
    if plugin not in KNOWN:
        return None
    fresh, rounds = b"", 0
    if plugin == SHA2:
        found = _SHA2_STORED.fullmatch(stored)
        if found is None:
            return False
        fresh, rounds = found[2], int(found[1], 16) * 1000
        expected = b"$A$" + found[1] + b"$" + fresh + shacrypt.sha256(password.reveal(), fresh, rounds).encode()
    else:
        expected = verifier(plugin, password, fresh, rounds).encode()
    return hmac.compare_digest(expected, stored)


def _public_key(secret: bytes) -> bytes:
    """MariaDB's ed25519: the key pair's seed is a hash of the password, whatever length that has."""
    scalar = bytearray(hashlib.sha512(secret).digest()[:32])
    scalar[0] &= 248
    scalar[31] = scalar[31] & 127 | 64
    return bindings.crypto_scalarmult_ed25519_base_noclamp(bytes(scalar))
