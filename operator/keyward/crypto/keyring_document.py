"""The keyring as the data of a Secret and as a file: one JSON document with a format version.

A damaged document is refused as a whole, with an error that repeats nothing of it. Files are made readable to their owner
only, and an existing one is replaced only on request: a keyring that is overwritten takes every value with it.
"""

from __future__ import annotations

import hmac
import json
import os
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from keyward.crypto import strict
from keyward.crypto.envelope import KEY_SIZE
from keyward.crypto.keyring import Keyring, KeyVersion, State
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

DATA_KEY: Final = "keyring.json"
FORMAT: Final = "keyward.dev/keyring/v1"
MAX_SIZE: Final = 512 * 1024
_KEY: Final = range(KEY_SIZE, KEY_SIZE + 1)
_LABEL: Final = b"keyward.dev/keyring/v1/document"
_MAX_VERSIONS: Final = 10_000


def to_secret(keyring: Keyring) -> dict[str, Sensitive]:
    """The data of the Secret that holds the keyring."""
    found = {
        "format": FORMAT,
        "store": keyring.store,
        "secret": strict.b64(keyring.secret.reveal()),
        "keys": {name: [_written(v) for v in versions] for name, versions in sorted(keyring.keys.items())},
    }
    return {DATA_KEY: Sensitive(json.dumps(found | {"check": strict.b64(_check(found, keyring.secret))}, indent=1))}


def _check(found: Mapping[str, Any], secret: Sensitive) -> bytes:
    """What the document must carry: over all of it but the check, so that no accident of storage changes a key or a store."""
    rest = {name: part for name, part in found.items() if name != "check"}
    content = json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()
    return hmac.digest(secret.reveal(), _LABEL + content, "sha256")


def _written(version: KeyVersion) -> dict[str, Any]:
    found: dict[str, Any] = {
        "number": version.number,
        "createdAt": version.created_at.astimezone(UTC).isoformat(),
        "state": version.state.value,
    }
    if version.key is not None:
        found["key"] = strict.b64(version.key.reveal())
    return found


def from_secret(data: Mapping[str, Sensitive]) -> Keyring:
    """The keyring from a Secret's data.

    Raises:
        Blocked: KEY_UNAVAILABLE if it is missing or damaged; restore it from a backup, never make a new one.
    """
    if DATA_KEY not in data:
        raise Blocked(Reason.KEY_UNAVAILABLE, f"the keyring's Secret has no {DATA_KEY}: restore it from a backup")
    try:
        return _read(strict.document(data[DATA_KEY].reveal(), MAX_SIZE))
    except strict.MalformedError as error:
        raise Blocked(
            Reason.KEY_UNAVAILABLE, f"the keyring is damaged or of an unknown format: {error}; restore it from a backup"
        ) from None


def _read(found: Any) -> Keyring:
    fields = strict.members(found, ("format", "store", "secret", "check", "keys"))
    if fields["format"] != FORMAT:
        raise strict.MalformedError("format is not one that is known here")
    secret, keys = Sensitive(strict.raw(fields, "secret", _KEY)), fields["keys"]
    # A flipped bit in a key would show only as values that no longer open, and in new wraps that nobody can open later.
    if not hmac.compare_digest(_check(fields, secret), strict.raw(fields, "check", _KEY)):
        raise strict.MalformedError("it does not match its check")
    if not isinstance(keys, dict) or not all(
        isinstance(v, list) and 0 < len(v) <= _MAX_VERSIONS for v in keys.values()
    ):
        raise strict.MalformedError("keys is not a list of versions for each name")
    return Keyring(
        store=_store(strict.text(fields, "store", 36)),
        secret=secret,
        keys={name: _versions(versions) for name, versions in keys.items()},
    )


def _store(text: str) -> str:
    try:
        canonical = str(uuid.UUID(text)) == text
    except ValueError:
        canonical = False
    if not canonical:
        raise strict.MalformedError("store is not a UUID")
    return text


def _versions(found: list[Any]) -> tuple[KeyVersion, ...]:
    versions = tuple(_version(entry) for entry in found)
    if [v.number for v in versions] != list(range(1, len(versions) + 1)):
        raise strict.MalformedError("the versions of a key are not numbered 1, 2, 3 …")
    return versions


def _version(found: Any) -> KeyVersion:
    destroyed = isinstance(found, dict) and found.get("state") == State.DESTROYED
    wanted = ("number", "createdAt", "state", *(() if destroyed else ("key",)))
    fields = strict.members(found, wanted)
    if type(fields["number"]) is not int or fields["state"] not in list(State):
        raise strict.MalformedError("number or state of a version is not one that is known here")
    return KeyVersion(
        number=fields["number"],
        created_at=_moment(strict.text(fields, "createdAt", 40)),
        state=State(fields["state"]),
        key=None if destroyed else Sensitive(strict.raw(fields, "key", _KEY)),
    )


def _moment(text: str) -> datetime:
    try:
        at: datetime | None = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise strict.MalformedError("createdAt is not a moment with its zone")
    return at


def load(path: Path) -> Keyring:
    """The keyring from a file. Raises Blocked with KEY_UNAVAILABLE if it cannot be read or is damaged."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise Blocked(
            Reason.KEY_UNAVAILABLE, f"the keyring's file cannot be read: {os.strerror(error.errno or 0)}"
        ) from None
    return from_secret({DATA_KEY: Sensitive(content)})


def save_new(keyring: Keyring, path: Path) -> None:
    """Write a keyring to a file that must not exist yet. Raises FileExistsError."""
    _write(keyring, path)
    _sync(path.parent)


def replace_file(keyring: Keyring, path: Path) -> None:
    """Put a changed keyring in the place of an older one of the same store; a crash leaves one of the two, whole.

    Raises:
        Blocked: KEY_UNAVAILABLE if what is there is not the same store.
    """
    if load(path).store != keyring.store:
        raise Blocked(Reason.KEY_UNAVAILABLE, "the file holds the keyring of another store: it is left alone")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _write(keyring, beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    _sync(path.parent)


def _write(keyring: Keyring, path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(to_secret(keyring)[DATA_KEY].reveal())
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
