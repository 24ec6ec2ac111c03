"""A store, places in it and predictable randomness, for the tests of sealing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from keyward.crypto.context import Context
from keyward.crypto.keyring import Keyring
from keyward.crypto.vault import Vault

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def counted(seed: str) -> Callable[[int], bytes]:
    """Bytes that look random and are the same in every run."""
    state = {"n": 0}

    def random(size: int) -> bytes:
        state["n"] += 1
        return hashlib.shake_256(f"{seed}/{state['n']}".encode()).digest(size)

    return random


KEYRING = Keyring.mint(["default", "other"], counted("store"), NOW)
FOREIGN = Keyring.mint(["default", "other"], counted("another store"), NOW)
PLACE = Context(
    store=KEYRING.store,
    namespace="shop",
    credential="orders-db",
    lineage="0f" * 16,
    version_id="v2",
    sequence=2,
    type="rds",
    previous_digest=bytes(range(32)),
)

OTHER_PLACES: dict[str, Context] = {
    "store": replace(PLACE, store=FOREIGN.store),
    "namespace": replace(PLACE, namespace="shop2"),
    "credential": replace(PLACE, credential="orders"),
    "lineage": replace(PLACE, lineage="1f" * 16),
    "version_id": replace(PLACE, version_id="v3"),
    "sequence": replace(PLACE, sequence=3),
    "type": replace(PLACE, type="generic"),
    "previous_digest": replace(PLACE, previous_digest=bytes(32)),
    "no previous_digest": replace(PLACE, previous_digest=None),
    # The same characters, cut elsewhere: what a mere concatenation would take for the same place.
    "cut elsewhere": replace(PLACE, namespace="shoporders", credential="-db"),
    "two exchanged": replace(PLACE, namespace=PLACE.credential, credential=PLACE.namespace),
}

_names = st.text(max_size=20)
contexts = st.builds(
    Context,
    store=_names,
    namespace=_names,
    credential=_names,
    lineage=_names,
    version_id=_names,
    sequence=st.integers(0, 2**63 - 1),
    type=_names,
    previous_digest=st.none() | st.binary(min_size=32, max_size=32),
)


def vault(keyring: Keyring = KEYRING, **more: Any) -> Vault:
    return Vault.local(keyring, **more)
