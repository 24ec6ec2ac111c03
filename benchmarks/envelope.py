"""What sealing costs: a value into an envelope and back, alone, and with everything that a stored version has around it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from time import perf_counter
from typing import Final

from benchmarks.figures import Envelope
from keyward.crypto import envelope
from keyward.crypto.context import Context
from keyward.crypto.keyring import Keyring
from keyward.crypto.vault import Vault
from keyward.crypto.versions import VersionVault
from keyward.domain.version import Cause, CauseKind, Mode, Origin, Version
from keyward.domain.writes import NewVersion, StoredVersion
from keyward.sensitive import Sensitive

SIZES: Final = (32, 30_720)
_BATCH: Final = 20
_BATCHES: Final = 300
_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)


def measure() -> Envelope:
    """The fastest of 300 short batches each: what is slower than that was the machine's doing."""
    return Envelope(
        seal_open={str(size): _fastest(partial(_seal_open, size)) for size in SIZES},
        vault={str(size): _fastest(partial(_vault_alone, size)) for size in SIZES},
    )


def _fastest(batch: Callable[[], float]) -> float:
    return min(batch() for _ in range(_BATCHES)) / _BATCH


def _seal_open(size: int) -> float:
    value, data_key = Sensitive(os.urandom(size)), Sensitive(os.urandom(envelope.KEY_SIZE))
    place = Context("s" * 32, "shop", "orders", "l" * 32, "v1", 1, "generic")
    began = perf_counter()
    for _ in range(_BATCH):
        envelope.open_(envelope.seal(value, place, data_key, os.urandom), place, data_key)
    return perf_counter() - began


def _vault_alone(size: int) -> float:
    return asyncio.run(_vault(size))


async def _vault(size: int) -> float:
    keyring = Keyring.mint(["default"], os.urandom, _AT)
    vault, value, new = VersionVault(Vault.local(keyring)), Sensitive(os.urandom(size)), _new()
    read = _read(new)
    began = perf_counter()
    for _ in range(_BATCH):
        sealed = await vault.seal(value, new, "default")
        await vault.open(StoredVersion(read, sealed.envelope, sealed.wraps))
    return perf_counter() - began


def _new() -> NewVersion:
    return NewVersion(
        namespace="shop",
        credential="orders",
        lineage="l" * 32,
        sequence=1,
        version_id="v1",
        type="generic",
        cluster="c" * 36,
        cause=Cause(CauseKind.INITIAL),
        mode=Mode.GENERIC,
        origin=Origin.GENERATED,
        account="",
        accounts=(),
        target=None,
        source_digest="",
        previous=None,
        envelope={},
        wraps=(),
    )


def _read(new: NewVersion) -> Version:
    return Version(
        name="orders-llllllll-1",
        namespace=new.namespace,
        credential=new.credential,
        lineage=new.lineage,
        sequence=new.sequence,
        version_id=new.version_id,
        type=new.type,
        cluster=new.cluster,
        cause=new.cause,
        mode=new.mode,
        origin=new.origin,
        created_at=_AT,
        resource_version="1",
    )
