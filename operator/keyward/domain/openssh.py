"""The public half of a private key in OpenSSH's format, which has it in clear. Pure: nothing is computed of the private one."""

from __future__ import annotations

import base64
import struct
from typing import Final

from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

_MAGIC: Final = b"openssh-key-v1\0"
_BEFORE: Final = 3  # names of the cipher and of the key derivation, and its options


def public_line(value: Sensitive) -> str:
    """Kind and key, as a line of authorized_keys has them.

    Raises:
        Blocked: with ENVELOPE_INVALID, it is in another format.
    """
    try:
        return _line(value.reveal())
    except (ValueError, IndexError, struct.error):
        pass
    raise Blocked(Reason.ENVELOPE_INVALID, "the stored private key is not in OpenSSH's format: put the value again")


def _line(text: bytes) -> str:
    raw = base64.b64decode(b"".join(text.split(b"-----")[2].split()), validate=True)
    rest = raw[len(_MAGIC) :] if raw.startswith(_MAGIC) else b""
    for _ in range(_BEFORE):
        rest = rest[4 + len(_first(rest)) :]
    key = _first(rest[4:])  # behind the number of keys, which is one
    return f"{_first(key).decode('ascii')} {base64.b64encode(key).decode('ascii')}"


def _first(data: bytes) -> bytes:
    """The text at the beginning, by its length."""
    (size,) = struct.unpack(">I", data[:4])
    if len(data) < 4 + size:
        raise ValueError
    return data[4 : 4 + size]
