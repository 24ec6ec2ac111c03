"""CredentialVersions are sealed in the place that their own immutable fields name, and in no other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.crypto.places import KEYRING, NOW, counted, vault

from keyward.crypto.versions import VersionVault
from keyward.domain.version import Cause, CauseKind, Mode, Origin, PreviousLink, Version
from keyward.domain.writes import NewVersion, StoredVersion
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

VALUE = Sensitive("canary-1122")
NEW = NewVersion(
    namespace="shop",
    credential="orders-db",
    lineage="0f" * 16,
    sequence=2,
    version_id="v2",
    type="rds",
    cluster="cluster-uid",
    cause=Cause(CauseKind.SCHEDULE),
    mode=Mode.DUAL,
    origin=Origin.GENERATED,
    account="orders",
    accounts=("orders", "orders_clone"),
    target=None,
    source_digest="",
    previous=PreviousLink(1, "ab" * 32),
    envelope={},
    wraps=(),
)
KEEPER = VersionVault(vault())


def stored(new: NewVersion, **change: Any) -> StoredVersion:
    same = (
        "namespace",
        "credential",
        "lineage",
        "sequence",
        "version_id",
        "type",
        "cluster",
        "cause",
        "mode",
        "origin",
    )
    known = {name: getattr(new, name) for name in (*same, "account", "accounts", "previous")}
    rest = {"name": "orders-db-0f0f0f0f-2", "created_at": NOW, "resource_version": "7"}
    return StoredVersion(Version(**known | rest | change), dict(new.envelope) or None, new.wraps)


async def refused(found: StoredVersion) -> Reason:
    with pytest.raises(Blocked) as caught:
        await KEEPER.open(found)
    return caught.value.reason


async def test_a_stored_version_opens() -> None:
    sealed = NEW.holding(await KEEPER.seal(VALUE, NEW, "default"))
    assert await KEEPER.open(stored(sealed)) == VALUE
    assert "canary" not in repr(sealed)


@pytest.mark.parametrize(
    "change",
    [
        {"namespace": "shop2"},
        {"credential": "orders"},
        {"lineage": "1f" * 16},
        {"sequence": 3},
        {"version_id": "v3"},
        {"type": "generic"},
        {"previous": None},
        {"previous": PreviousLink(1, "cd" * 32)},
    ],
)
async def test_a_version_that_was_moved_or_relabelled_does_not_open(change: dict[str, Any]) -> None:
    assert (
        await refused(stored(NEW.holding(await KEEPER.seal(VALUE, NEW, "default")), **change))
        is Reason.CONTEXT_MISMATCH
    )


async def test_what_a_restore_changes_does_not_keep_it_from_opening() -> None:
    found = stored(
        NEW.holding(await KEEPER.seal(VALUE, NEW, "default")), cluster="other", resource_version="1", orphaned_at=NOW
    )
    assert await KEEPER.open(found) == VALUE


@pytest.mark.parametrize("digest", ["", "ab", "AB" * 32, "zz" * 32, "ab " * 32])
async def test_a_damaged_previous_digest_is_refused(digest: str) -> None:
    with pytest.raises(Blocked) as caught:
        await KEEPER.seal(VALUE, replace(NEW, previous=PreviousLink(1, digest)), "default")
    assert caught.value.reason is Reason.ENVELOPE_INVALID


async def test_an_intent_has_no_value_and_no_digest() -> None:
    assert KEEPER.digest(stored(NEW)) == ""
    assert await refused(stored(NEW)) is Reason.ENVELOPE_INVALID


async def test_a_rewrap_changes_wraps_only() -> None:
    sealed = stored(NEW.holding(await KEEPER.seal(VALUE, NEW, "default")))
    rotated = VersionVault(vault(KEYRING.with_new_version("default", counted("2"), NOW)))
    wraps = await rotated.rewrap(sealed, "default")
    assert [(w["key"], w["keyVersion"]) for w in wraps] == [("default", "2")]
    rewrapped = replace(sealed, wraps=wraps)
    assert await rotated.open(rewrapped) == VALUE
    assert rotated.digest(rewrapped) == KEEPER.digest(sealed)
    assert await rotated.rewrap(rewrapped, "default") == wraps


def test_a_source_has_the_digest_of_the_store() -> None:
    assert KEEPER.source_digest(VALUE) == KEYRING.source_digest(VALUE.reveal())
    assert KEEPER.store == KEYRING.store
