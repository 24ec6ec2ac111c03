"""The one door to sealing and opening: data keys from the providers, envelopes around values, digests.

It picks a provider by the key's name and by nothing that a wrap says beside it. It keeps no data key and no value.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from keyward.crypto import envelope as sealed
from keyward.crypto.context import Context
from keyward.crypto.envelope import Envelope, Random
from keyward.crypto.keyring import Keyring
from keyward.crypto.keys import KeyProvider, KeyStatus, Wrap
from keyward.crypto.local import LocalProvider
from keyward.errors import Blocked, KeywardError, Reason
from keyward.sensitive import Sensitive

MAX_WRAPS: Final = 4

OnCall = Callable[[str, str, str], None]
"""Told of each call to a provider: provider, operation, and `ok` or the reason of its failure."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Sealed:
    """A value as it is stored: the envelope for ever, the wraps until they are replaced."""

    envelope: Envelope
    wraps: tuple[Wrap, ...]


def _uncounted(_provider: str, _operation: str, _result: str) -> None:
    """Nobody counts."""


@dataclass(frozen=True, slots=True)
class Vault:
    """All keys of one store, by the EncryptionKey's name."""

    store: str
    providers: Mapping[str, KeyProvider]
    keyed_digest: Callable[[bytes], str]
    random: Random = os.urandom
    on_call: OnCall = _uncounted

    @classmethod
    def local(cls, keyring: Keyring, random: Random = os.urandom, on_call: OnCall = _uncounted) -> Vault:
        """A vault over the local keyring alone."""
        providers = {name: LocalProvider(keyring, name, random) for name in keyring.keys}
        return cls(keyring.store, providers, keyring.source_digest, random, on_call)

    async def seal(self, value: Sensitive, context: Context, key_name: str) -> Sealed:
        """Seal under a fresh data key.

        Raises:
            Blocked: KEY_UNAVAILABLE, VALUE_TOO_LARGE, or CONTEXT_MISMATCH for a context of another store.
            Retry: a remote provider does not answer.
        """
        self._own(context)
        provider = self._provider(key_name)
        data_key, wrap = await self._told(provider, "generate", provider.generate(context))
        return Sealed(sealed.seal(value, context, data_key, self.random), (wrap,))

    async def open(self, envelope: Envelope, wraps: Sequence[Wrap], context: Context) -> Sensitive:
        """The value, by the first wrap that opens it.

        Raises:
            Blocked: KEY_UNAVAILABLE, CONTEXT_MISMATCH or ENVELOPE_INVALID.
            Retry: a remote provider does not answer, and no other wrap opens it.
        """
        return await self._first(wraps, context, lambda data_key: sealed.open_(envelope, context, data_key))

    async def rewrap(
        self, wraps: Sequence[Wrap], context: Context, envelope: Envelope, key_name: str
    ) -> tuple[Wrap, ...]:
        """What shall replace `wraps`: one wrap under the current version of the key; the same ones if they are that.

        The new wrap has been unwrapped again and its data key proven by the envelope's commitment before this returns,
        so that storing it in the place of the old loses nothing. The payload is not touched, nor decrypted.

        Raises:
            Blocked: as `open`; the old wraps are still good then.
            Retry: as `open`.
        """
        provider = self._provider(key_name)
        status = await self._told(provider, "status", provider.status())
        if len(wraps) == 1 and (wraps[0].key, wraps[0].key_version) == (key_name, status.current_version):
            return tuple(wraps)
        self._own(context)
        for own in wraps:
            if (own.key, own.provider) != (key_name, provider.provider):
                continue
            # The keeper's own rewrap first: then the data key need not leave it. What fails here is told below.
            with suppress(KeywardError):
                new = await self._told(provider, "rewrap", provider.rewrap(own, context))
                return await self._proven(new, envelope, context)
        data_key = await self._first(wraps, context, lambda found: _committed(found, envelope, context))
        new = await self._told(provider, "wrap", provider.wrap(data_key, context))
        return await self._proven(new, envelope, context)

    async def status(self, key_name: str) -> KeyStatus:
        """Whether the key is there and wraps. Raises Blocked with KEY_UNAVAILABLE if nobody keeps it."""
        provider = self._provider(key_name)
        return await self._told(provider, "status", provider.status())

    def digest(self, envelope: Envelope, context: Context) -> bytes:
        """The envelope's digest in its place: 32 bytes, over no wrap."""
        return sealed.digest(envelope, context)

    def source_digest(self, value: Sensitive) -> str:
        """Keyed digest of a consumed source, in hex."""
        return self.keyed_digest(value.reveal())

    async def _proven(self, new: Wrap, envelope: Envelope, context: Context) -> tuple[Wrap]:
        """The new wrap, once it was unwrapped again and what came out is the key that the envelope commits to."""
        await self._by(new, context, lambda data_key: _committed(data_key, envelope, context))
        return (new,)

    async def _first(self, wraps: Sequence[Wrap], context: Context, use: Callable[[Sensitive], _T]) -> _T:
        """What `use` makes of the first data key that it takes. Of several failures, the one that may pass is told."""
        self._own(context)
        if not 0 < len(wraps) <= MAX_WRAPS:
            raise Blocked(Reason.ENVELOPE_INVALID, f"a sealed value has 1 to {MAX_WRAPS} wrapped data keys")
        failures: list[KeywardError] = []
        for wrap in wraps:
            try:
                return await self._by(wrap, context, use)
            except KeywardError as error:
                failures.append(error)
        raise min(failures, key=_hopeless)

    async def _by(self, wrap: Wrap, context: Context, use: Callable[[Sensitive], _T]) -> _T:
        provider = self._provider(wrap.key)
        if wrap.provider != provider.provider:
            raise Blocked(
                Reason.KEY_UNAVAILABLE, f"key {wrap.key!r} was kept by another provider when it wrapped this value"
            )
        return use(await self._told(provider, "unwrap", provider.unwrap(wrap, context)))

    def _own(self, context: Context) -> None:
        if context.store != self.store:
            raise Blocked(Reason.CONTEXT_MISMATCH, "the value belongs to another store than this keyring's")

    def _provider(self, name: str) -> KeyProvider:
        try:
            return self.providers[name]
        except KeyError:
            raise Blocked(Reason.KEY_UNAVAILABLE, f"no key {name!r} is kept here") from None

    async def _told(self, provider: KeyProvider, operation: str, call: Awaitable[_T]) -> _T:
        try:
            answer = await call
        except KeywardError as error:
            self.on_call(provider.provider, operation, error.reason)
            raise
        self.on_call(provider.provider, operation, "ok")
        return answer


def _committed(data_key: Sensitive, envelope: Envelope, context: Context) -> Sensitive:
    """The data key itself, if the envelope commits to it."""
    if not sealed.commits(envelope, context, data_key):
        raise Blocked(Reason.CONTEXT_MISMATCH, "the wrapped data key is not that of this value in this place")
    return data_key


def _hopeless(error: KeywardError) -> int:
    if not isinstance(error, Blocked):
        return 0
    return 1 if error.reason is Reason.KEY_UNAVAILABLE else 2
