"""Objects become models, or an error that names the field and the fix and repeats nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.api import objects as o
from tests.api.server import changed

from keyward.api import accounts
from keyward.api.base import parse
from keyward.api.credential import Credential, CredentialStatus
from keyward.api.credential_set import CredentialSet
from keyward.api.encryption_key import EncryptionKey, allows
from keyward.api.generic import Generate
from keyward.api.target import ClusterTarget, Target
from keyward.api.values import duration, duration_text
from keyward.api.version import CredentialVersion
from keyward.errors import Blocked, Reason

MODELS = {m.__name__: m for m in (Credential, CredentialSet, CredentialVersion, Target, ClusterTarget, EncryptionKey)}
CANARY = "hunter2-canary"


@pytest.mark.parametrize("item", o.ALL.values(), ids=o.ALL)
def test_what_the_server_takes_is_parsed(item):
    assert parse(MODELS[item["kind"]], item).metadata.name == item["metadata"]["name"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec", CANARY),
        ("spec.description", {CANARY: CANARY}),
        ("spec.description", CANARY * 100),
        ("spec.encryptionKeyName", f"{CANARY} "),
        ("spec.rds", [CANARY]),
        ("spec.rds.targetRef", CANARY),
        ("spec.rds.targetRef.kind", CANARY),
        ("spec.rds.accountManagement", CANARY),
        ("spec.rds.create.name", CANARY),
        ("spec.rds.create.privileges", CANARY),
        ("spec.rds.create.privileges.0.level", CANARY),
        ("spec.rds.databaseName", [CANARY]),
        ("spec.rotation.interval", CANARY),
        ("spec.rotation.interval", {"password": CANARY}),
        ("spec.rotation.suspend", CANARY),
        ("spec.rotation.cron", CANARY),
        ("spec.projections.0.secretName", f"{CANARY}!"),
        ("spec.projections.0.keys", CANARY),
        ("spec.deletion.recoveryWindow", CANARY),
        ("metadata.creationTimestamp", CANARY),
        ("metadata.creationTimestamp", [CANARY]),
    ],
)
def test_an_error_names_the_field_and_never_the_value(path, value):
    with pytest.raises(Blocked) as refused:
        parse(Credential, changed(o.CREATED, path, value))
    error = refused.value
    assert error.reason is Reason.INVALID_SPEC
    assert path.split(".")[-1] in error.message
    assert CANARY not in f"{error} {error!r} {error.__cause__!r} {error.__context__!r}"


def test_a_list_is_named_with_its_place():
    with pytest.raises(Blocked, match=r"spec\.rds\.create\.privileges\[0\]\.database is required: add it"):
        parse(Credential, changed(o.CREATED, "spec.rds.create.privileges.0.database", ...))


def test_unknown_fields_are_dropped():
    assert parse(Credential, changed(o.CREATED, "spec.rds.colour", "red")) == parse(Credential, o.CREATED)


def test_a_damaged_status_does_not_stop_its_credential():
    assert parse(Credential, {**o.CREATED, "status": {"state": 7}}).status == CredentialStatus()
    assert parse(Credential, {**o.CREATED, "status": None}).status == CredentialStatus()


def test_a_model_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        parse(Credential, o.CREATED).spec.description = "x"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("0s", 0), ("90s", 90), ("30m", 1800), ("1h30m", 5400), ("7d", 604_800), ("1h1s", 3601)],
)
def test_durations_are_read(text, seconds):
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "h", "1", "1d6h", "30m1h", "-1h", "1.5h", "1H", "1h\n", "१h", " 1h", "P1D"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="write it as"):
        duration(text)


@given(st.integers(0, 10_000_000))
def test_a_duration_is_written_as_it_is_read(seconds):
    span = timedelta(seconds=seconds)
    assert duration(duration_text(span)) == span


def test_times_have_a_zone():
    found = parse(Credential, changed(o.CREATED, "metadata.creationTimestamp", "2026-11-24T02:00:00Z"))
    assert found.metadata.creation_timestamp == datetime(2026, 11, 24, 2, tzinfo=UTC)


def test_names_are_counted_in_bytes():
    assert accounts.fits("ü" * 31)
    assert not accounts.fits("ü" * 32)
    assert not accounts.fits("")
    longest = "a" * accounts.MAX_CREATED
    assert accounts.fits(accounts.clone_of(longest))
    assert accounts.fits(accounts.rights_of(longest))
    assert not accounts.fits(accounts.rights_of(longest + "a"))


def test_reserved_names_are_known_in_any_case():
    for name in ("postgres", "Postgres", "PG_x", "public", "NONE"):
        assert accounts.is_reserved(name)
    for name in ("postgres2", "mypg_", "publicity"):
        assert not accounts.is_reserved(name)


def test_an_empty_list_allows_no_namespace():
    assert not allows((), "shop")
    assert allows(("shop",), "shop")
    assert allows(("*",), "shop")
    assert not allows(("sho",), "shop")


def test_the_alphabets_are_those_that_were_asked_for():
    assert Generate(classes=("Digits", "Symbols"), symbols="+").alphabets == ("0123456789", "+")
