"""Wrapped data keys, and what is asked of whoever keeps the key-encryption keys.

A wrap names a key, never an endpoint: otherwise whoever edits a wrap would choose where wrapped keys are sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Protocol

from keyward.crypto import strict
from keyward.crypto.context import Context
from keyward.sensitive import Sensitive

MAX_WRAPPED: Final = 4096
MAX_NAME: Final = 253
_FIELDS: Final = ("key", "keyVersion", "provider", "wrapped")
NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_VERSION: Final = re.compile(r"[!-~]+")
_PROVIDER: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*")


@dataclass(frozen=True, slots=True)
class Wrap:
    """One wrapped data key: the EncryptionKey's name, the version of its key, and the provider's own bytes."""

    key: str
    key_version: str
    provider: str
    wrapped: bytes

    def to_dict(self) -> dict[str, Any]:
        """The JSON object that is stored."""
        wrapped = strict.b64(self.wrapped)
        return {"key": self.key, "keyVersion": self.key_version, "provider": self.provider, "wrapped": wrapped}

    @classmethod
    def from_dict(cls, found: Any) -> Wrap:
        """The stored object, read strictly. Raises Blocked with ENVELOPE_INVALID."""
        try:
            fields = strict.members(found, _FIELDS)
            return cls(
                key=_matching(fields, "key", MAX_NAME, NAME),
                key_version=_matching(fields, "keyVersion", 253, _VERSION),
                provider=_matching(fields, "provider", 32, _PROVIDER),
                wrapped=strict.raw(fields, "wrapped", range(1, MAX_WRAPPED + 1)),
            )
        except strict.MalformedError as error:
            raise strict.invalid("wrapped key", error) from None


def _matching(fields: Any, name: str, longest: int, pattern: re.Pattern[str]) -> str:
    value = strict.text(fields, name, longest)
    if pattern.fullmatch(value) is None:
        raise strict.MalformedError(f"{name} has characters that no such name has")
    return value


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """`current_version` is what the next wrap will name; empty if wrapping is not allowed."""

    healthy: bool
    current_version: str
    wrapping_allowed: bool


class KeyProvider(Protocol):
    """One EncryptionKey, wherever it is kept.

    Every method raises Blocked with KEY_UNAVAILABLE if the key, or the wrap's version of it, is not there or may not be
    used so; with CONTEXT_MISMATCH if a wrap was made for another place; and Retry if a remote keeper does not answer.
    """

    @property
    def provider(self) -> str:
        """The kind of keeper, as wraps name it and metrics label it."""

    @property
    def binds_context(self) -> bool:
        """Whether the keeper itself refuses a wrap in another context."""

    async def generate(self, context: Context) -> tuple[Sensitive, Wrap]:
        """A fresh data key of 32 bytes and its wrap under the current version."""

    async def wrap(self, data_key: Sensitive, context: Context) -> Wrap:
        """Wrap a data key that came from another key, under the current version."""

    async def unwrap(self, wrap: Wrap, context: Context) -> Sensitive: ...

    async def rewrap(self, wrap: Wrap, context: Context) -> Wrap:
        """The same data key under the current version; natively where the keeper can, so that nobody sees it."""

    async def status(self) -> KeyStatus: ...
