"""The vault in the words of the domain: it seals new CredentialVersions and opens stored ones.

A version's context is rebuilt from its immutable fields each time; nothing is believed of what the envelope says of itself.
"""

from __future__ import annotations

from keyward.crypto.context import DIGEST_SIZE, Context
from keyward.crypto.envelope import Envelope
from keyward.crypto.keys import Wrap
from keyward.crypto.vault import Vault
from keyward.domain.version import PreviousLink, Version
from keyward.domain.writes import Json, NewVersion, SealedValue, StoredVersion
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive


class VersionVault:
    """What the controller asks of a vault. Errors are those of `Vault`."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self.store = vault.store

    async def seal(self, value: Sensitive, place: NewVersion | Version, key: str) -> SealedValue:
        """The value, sealed for this version and no other."""
        sealed = await self.vault.seal(value, context(self.store, place), key)
        return SealedValue(sealed.envelope.to_dict(), tuple(w.to_dict() for w in sealed.wraps))

    async def open(self, stored: StoredVersion) -> Sensitive:
        """The value of a stored version; an intent has none and raises Blocked with ENVELOPE_INVALID."""
        return await self.vault.open(_envelope(stored), _wraps(stored), context(self.store, stored.version))

    async def rewrap(self, stored: StoredVersion, key: str) -> tuple[Json, ...]:
        """The wraps that shall stand in the place of the stored ones; equal to them if nothing is to be done."""
        place = context(self.store, stored.version)
        wraps = await self.vault.rewrap(_wraps(stored), place, _envelope(stored), key)
        return tuple(wrap.to_dict() for wrap in wraps)

    def digest(self, stored: StoredVersion) -> str:
        """Hex digest of the envelope in its place; empty for an intent."""
        if not stored.envelope:
            return ""
        return self.vault.digest(_envelope(stored), context(self.store, stored.version)).hex()

    def source_digest(self, value: Sensitive) -> str:
        """Keyed digest of a consumed source, in hex."""
        return self.vault.source_digest(value)


def context(store: str, version: NewVersion | Version) -> Context:
    """The place of a version. Raises Blocked with ENVELOPE_INVALID if its previous digest is damaged."""
    return Context(
        store=store,
        namespace=version.namespace,
        credential=version.credential,
        lineage=version.lineage,
        version_id=version.version_id,
        sequence=version.sequence,
        type=version.type,
        previous_digest=_previous(version.previous),
    )


def _previous(link: PreviousLink | None) -> bytes | None:
    if link is None:
        return None
    try:
        digest = bytes.fromhex(link.digest)
    except ValueError:
        digest = b""
    # Lower case and no blanks: one digest has one spelling.
    if len(digest) != DIGEST_SIZE or digest.hex() != link.digest:
        raise Blocked(Reason.ENVELOPE_INVALID, "the digest of the previous version is damaged")
    return digest


def _envelope(stored: StoredVersion) -> Envelope:
    if stored.envelope is None:
        raise Blocked(Reason.ENVELOPE_INVALID, "this version has no sealed value")
    return Envelope.from_dict(stored.envelope)


def _wraps(stored: StoredVersion) -> tuple[Wrap, ...]:
    return tuple(Wrap.from_dict(found) for found in stored.wraps)
