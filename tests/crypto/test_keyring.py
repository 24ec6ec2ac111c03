"""The keyring keeps every key that a value may need, and is refused whole when it is damaged."""

from __future__ import annotations

import base64
import json
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.crypto.places import FOREIGN, KEYRING, NOW, counted

from keyward.crypto import keyring_document as document
from keyward.crypto.keyring import Keyring, State
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

USED = (
    KEYRING.with_new_version("default", counted("2"), NOW)
    .with_new_version("default", counted("3"), NOW)
    .close_version("default", 1)
    .close_version("default", 2)
    .destroy_version("default", 1)
)


def stored(keyring: Keyring = USED) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(document.to_secret(keyring)[document.DATA_KEY].reveal())
    return found


def read(found: object) -> Keyring:
    return document.from_secret({document.DATA_KEY: Sensitive(json.dumps(found))})


def refused(data: bytes) -> str:
    with pytest.raises(Blocked) as caught:
        document.from_secret({document.DATA_KEY: Sensitive(data)})
    assert caught.value.reason is Reason.KEY_UNAVAILABLE
    return str(caught.value)


def test_each_store_is_its_own() -> None:
    assert KEYRING.store != FOREIGN.store
    keys = [v.key for ring in (KEYRING, FOREIGN) for name in ring.keys for v in ring.versions(name)]
    secrets = [k.reveal() for k in (*keys, KEYRING.secret, FOREIGN.secret) if k is not None]
    assert len(secrets) == len(set(secrets)) == 6
    assert {len(secret) for secret in secrets} == {32}


def test_nothing_of_a_keyring_shows_in_its_text() -> None:
    shown = repr(USED) + str(document.to_secret(USED))
    for version in USED.versions("default"):
        if version.key is not None:
            assert repr(version.key.reveal())[2:-1] not in shown
            assert base64.b64encode(version.key.reveal()).decode() not in shown
    assert "<sensitive>" in shown


def test_the_highest_enabled_version_wraps() -> None:
    current = USED.current("default")
    assert current is not None
    assert current.number == 3
    assert USED.close_version("default", 3).current("default") is None


def test_a_number_is_never_used_again() -> None:
    gone = USED.close_version("default", 3).destroy_version("default", 3)
    assert [v.number for v in gone.with_new_version("default", counted("4"), NOW).versions("default")] == [1, 2, 3, 4]


def test_a_version_that_still_wraps_is_not_destroyed() -> None:
    with pytest.raises(Blocked) as caught:
        USED.destroy_version("default", 3)
    assert caught.value.reason is Reason.INVALID_SPEC


def test_a_destroyed_version_keeps_no_key_and_does_not_come_back() -> None:
    assert USED.version("default", 1).key is None
    assert USED.close_version("default", 1).version("default", 1).state is State.DESTROYED
    assert "key" not in stored()["keys"]["default"][0]


@pytest.mark.parametrize(("name", "number"), [("absent", 1), ("default", 9)])
def test_a_key_that_is_not_there_is_named(name: str, number: int) -> None:
    with pytest.raises(Blocked, match=name) as caught:
        USED.version(name, number)
    assert caught.value.reason is Reason.KEY_UNAVAILABLE


def test_a_further_key_leaves_the_others_alone() -> None:
    more = KEYRING.with_key("third", counted("x"), NOW)
    assert set(more.keys) == {"default", "other", "third"}
    assert more.with_key("third", counted("y"), NOW) is more
    assert more.versions("default") == KEYRING.versions("default")


def test_digests_are_keyed() -> None:
    assert KEYRING.source_digest(b"x") == KEYRING.source_digest(b"x") != KEYRING.source_digest(b"y")
    assert KEYRING.source_digest(b"x") != FOREIGN.source_digest(b"x")


def test_it_comes_back_from_a_secret_as_it_was() -> None:
    assert document.from_secret(document.to_secret(USED)) == USED
    assert read(stored()) == USED


@given(st.data())
def test_any_altered_character_is_refused_or_changes_nothing(data: st.DataObject) -> None:
    text = document.to_secret(USED)[document.DATA_KEY].reveal()
    at = data.draw(st.integers(0, len(text) - 1))
    altered = text[:at] + bytes([data.draw(st.integers(0, 255))]) + text[at + 1 :]
    with suppress(Blocked):  # blank for blank is the one change that is none
        assert document.from_secret({document.DATA_KEY: Sensitive(altered)}) == USED


def first(found: dict[str, Any]) -> dict[str, Any]:
    version: dict[str, Any] = found["keys"]["other"][0]
    return version


DAMAGE: dict[str, Callable[[dict[str, Any]], object]] = {
    "format": lambda d: d.update(format="keyward.dev/keyring/v2"),
    "unknown field": lambda d: d.update(extra=1),
    "store is missing": lambda d: d.pop("store"),
    "store is no uuid": lambda d: d.update(store="x"),
    "store in capitals": lambda d: d.update(store=d["store"].upper()),
    "keys is a list": lambda d: d.update(keys=[]),
    "key without versions": lambda d: d["keys"].update(other=[]),
    "version is no object": lambda d: d["keys"].update(other=[1]),
    "number 2 alone": lambda d: first(d).update(number=2),
    "number is true": lambda d: first(d).update(number=True),
    "unknown state": lambda d: first(d).update(state="Disabled"),
    "state is a list": lambda d: first(d).update(state=["Enabled"]),
    "destroyed with its key": lambda d: first(d).update(state="Destroyed"),
    "enabled without its key": lambda d: first(d).pop("key"),
    "no zone": lambda d: first(d).update(createdAt="2026-01-01T00:00:00"),
    "no moment": lambda d: first(d).update(createdAt="yesterday"),
    "short key": lambda d: first(d).update(key=base64.b64encode(bytes(31)).decode()),
    "another key": lambda d: first(d).update(key=base64.b64encode(bytes(32)).decode()),
    "another secret": lambda d: d.update(secret=base64.b64encode(bytes(32)).decode()),
    "another check": lambda d: d.update(check=base64.b64encode(bytes(32)).decode()),
    "another store": lambda d: d.update(store=FOREIGN.store),
    "keys exchanged": lambda d: d["keys"].update(other=stored(FOREIGN)["keys"]["other"]),
    "opened again": lambda d: d["keys"]["default"][1].update(state="Enabled"),
}


def checked(found: dict[str, Any]) -> bytes:
    """The document with a check that fits, so that what is refused is refused for its own sake."""
    secret = Sensitive(base64.b64decode(found["secret"]))
    return json.dumps(found | {"check": base64.b64encode(document._check(found, secret)).decode()}).encode()


@pytest.mark.parametrize("name", list(DAMAGE)[: list(DAMAGE).index("short key") + 1])
def test_a_keyring_of_another_form_is_refused_though_its_check_fits(name: str) -> None:
    found = stored()
    DAMAGE[name](found)
    refused(checked(found))


@pytest.mark.parametrize("name", ["", "Default", "a/b", "a" * 254, "-a"])
def test_a_key_whose_wraps_could_not_be_read_is_not_made(name: str) -> None:
    with pytest.raises(Blocked) as caught:
        Keyring.mint([name], counted("x"), NOW)
    assert caught.value.reason is Reason.INVALID_SPEC


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_keyring_is_a_missing_key_and_shows_nothing(damage: Callable[[dict[str, Any]], object]) -> None:
    found = stored()
    damage(found)
    text = refused(json.dumps(found).encode())
    assert first(stored())["key"] not in text
    assert stored()["secret"] not in text


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"[" * 100_000, b"{}", b"1", b'{"format":1,"format":2}', b" " * 600_000]
)
def test_what_is_no_keyring_at_all_is_refused(data: bytes) -> None:
    assert "restore it from a backup" in refused(data)


def test_a_field_that_is_there_twice_is_refused_though_both_say_the_same() -> None:
    text = document.to_secret(USED)[document.DATA_KEY].reveal_text()
    field = f'"format": "{document.FORMAT}",'
    assert "twice" in refused(text.replace(field, field * 2).encode())


def test_a_secret_without_the_document_is_refused() -> None:
    with pytest.raises(Blocked) as caught:
        document.from_secret({})
    assert caught.value.reason is Reason.KEY_UNAVAILABLE


def test_a_file_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    document.save_new(KEYRING, path)
    assert document.load(path) == KEYRING
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        document.save_new(FOREIGN, path)
    assert document.load(path) == KEYRING


def test_a_file_is_replaced_by_its_own_store_only(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    document.save_new(KEYRING, path)
    document.replace_file(USED, path)
    assert document.load(path) == USED
    with pytest.raises(Blocked):
        document.replace_file(FOREIGN, path)
    assert document.load(path) == USED
    assert [p.name for p in tmp_path.iterdir()] == ["keyring.json"]


def test_a_file_that_cannot_be_read_is_a_missing_key(tmp_path: Path) -> None:
    with pytest.raises(Blocked) as caught:
        document.load(tmp_path / "absent")
    assert caught.value.reason is Reason.KEY_UNAVAILABLE
