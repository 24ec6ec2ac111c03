"""Where a sealed value belongs, as the bytes that are authenticated with it.

Rebuilt from the object that is read, never taken from what was stored beside the ciphertext. Not in it, so that they may
change without the payload: uids, resourceVersion, labels, and name and version of the key-encryption key.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from keyward.errors import Blocked, Reason

SUITE: Final = "A256GCM-HKDFSHA512-COMMIT"
DIGEST_SIZE: Final = 32
_number: Final = struct.Struct(">Q").pack
_SUITE: Final = SUITE.encode()
_TAG: Final = b"keyward.dev/credential-version/v1"
_KIND: Final = b"keyward.dev/CredentialVersion"
_PADDING: Final = b"zero-256"
_MAX_SEQUENCE: Final = 2**63


def pack(*fields: bytes) -> bytes:
    """Pre-authentication encoding: the count, then each field after its length; no two lists look alike."""
    parts = [_number(len(fields))]
    for field in fields:
        parts += (_number(len(field)), field)
    return b"".join(parts)


@dataclass(frozen=True, slots=True)
class Context:
    """The place of one version. `previous_digest`: of the nearest lower version with an envelope, 32 bytes.

    Raises:
        Blocked: ENVELOPE_INVALID if sequence or digest are out of bounds, so that no encoding can be ambiguous.
    """

    store: str
    namespace: str
    credential: str
    lineage: str
    version_id: str
    sequence: int
    type: str
    previous_digest: bytes | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.sequence < _MAX_SEQUENCE:
            raise Blocked(Reason.ENVELOPE_INVALID, "the version's sequence is out of bounds")
        if self.previous_digest is not None and len(self.previous_digest) != DIGEST_SIZE:
            raise Blocked(Reason.ENVELOPE_INVALID, "the digest of the previous version is damaged")

    def encode(self) -> bytes:
        """The additional authenticated data of the payload."""
        return pack(
            _TAG,
            self.store.encode(),
            _KIND,
            self.namespace.encode(),
            self.credential.encode(),
            self.lineage.encode(),
            self.version_id.encode(),
            _number(self.sequence),
            self.type.encode(),
            _SUITE,
            _PADDING,
            self.previous_digest or b"",
        )
