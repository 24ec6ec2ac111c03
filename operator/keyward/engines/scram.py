"""SCRAM-SHA-256 verifiers, so that PostgreSQL's statements and logs carry a verifier and never a password.

Pure: salt and iterations come in. It must never return, log or raise anything from which the password can be read.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import stringprep
import unicodedata
from typing import Final

from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

MIN_ITERATIONS: Final = 4096
MIN_SALT: Final = 16

_PROHIBITED: Final = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
    stringprep.in_table_a1,
)


def verifier(password: Sensitive, salt: bytes, iterations: int = MIN_ITERATIONS) -> str:
    """`SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, as PostgreSQL stores it.

    Raises:
        Blocked: INVALID_SPEC if the password is empty, or the salt or the count is weaker than PostgreSQL's own.
    """
    if not password:
        raise Blocked(Reason.INVALID_SPEC, "an empty password has no verifier")
    if len(salt) < MIN_SALT or iterations < MIN_ITERATIONS:
        raise Blocked(
            Reason.INVALID_SPEC, f"SCRAM takes at least {MIN_SALT} bytes of salt and {MIN_ITERATIONS} iterations"
        )
    stored_key, server_key = _keys(prepared(password), salt, iterations)
    fields = (_text(salt), _text(stored_key), _text(server_key))
    return "SCRAM-SHA-256${}:{}${}:{}".format(iterations, *fields)


def _keys(password: bytes, salt: bytes, iterations: int) -> tuple[bytes, bytes]:
    """StoredKey and ServerKey of RFC 5802."""
    salted = hashlib.pbkdf2_hmac("sha256", password, salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return hashlib.sha256(client_key).digest(), hmac.digest(salted, b"Server Key", "sha256")


def prepared(password: Sensitive) -> bytes:
    """The password after SASLprep; as it is where SASLprep refuses it or it is no UTF-8, which is what PostgreSQL does."""
    raw = password.reveal()
    if raw.isascii():
        return raw  # libpq and the server skip SASLprep for ASCII, control characters included
    try:
        return _saslprep(raw.decode()).encode()
    except ValueError:
        return raw


def _saslprep(text: str) -> str:
    mapped = "".join(_mapped(c) for c in text)
    # Judged before it is normalised, and normalised by today's Unicode: RFC 4013 says otherwise, but libpq and the server
    # do so, and a login must find the same bytes.
    if not mapped or any(table(c) for c in mapped for table in _PROHIBITED) or _mixes_directions(mapped):
        raise ValueError("SASLprep refuses it")
    return unicodedata.normalize("NFKC", mapped)


def _mapped(char: str) -> str:
    if stringprep.in_table_c12(char):
        return " "
    return "" if stringprep.in_table_b1(char) else char


def _mixes_directions(text: str) -> bool:
    """RFC 3454 §6: with right-to-left characters, no left-to-right ones, and both ends right-to-left."""
    rtl = [stringprep.in_table_d1(c) for c in text]
    if not any(rtl):
        return False
    return any(stringprep.in_table_d2(c) for c in text) or not (rtl[0] and rtl[-1])


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
