"""What the demo sees of the outside: the clients' own lines, and what the API server shows. No value is among it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Login:
    """One line of a login client.

    Attributes:
        at: when it began, in seconds since 1970, by the client's clock.
        user: whom the server took it for (the role that it acts as), or the account that was tried.
        code: why it did not succeed; empty when it did.
    """

    credential: str
    at: float
    ok: bool
    refused: bool
    version: str = ""
    user: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Stored:
    """A CredentialVersion as it stands: reserved, and promoted or not."""

    credential: str
    version: str
    account: str
    promoted: bool


@dataclass(frozen=True, slots=True)
class Written:
    """A projected Secret: which version it holds, and when the operator wrote it (seconds since 1970)."""

    secret: str
    version: str
    at: float


@dataclass(frozen=True, slots=True)
class Status:
    """What a Credential's status says, and the message of a condition that is not well."""

    credential: str
    state: str
    problem: str


Seen = Login | Stored | Written | Status

# The fields of each kind, in kubectl's words; a line has them between bars (tabs it would widen). Of a Secret its metadata alone.
STORED_FIELDS = (".spec.credential", ".spec.versionId", ".spec.account", ".record.promoted.number")
WRITTEN_FIELDS = (
    ".metadata.name",
    r".metadata.annotations.keyward\.dev/version",
    r".metadata.annotations.keyward\.dev/written-at",
)
STATUS_FIELDS = (".metadata.name", ".status")
_BAD = {"Ready": "False", "Rotated": "False", "KeyAvailable": "False", "Stalled": "True"}


def login(credential: str, line: str) -> Login | None:
    """What a client printed; None for anything else that its log holds."""
    try:
        said = json.loads(line)
        return Login(
            credential=credential,
            at=said["t"] / 1e9,
            ok=said["ok"],
            refused=said["refused"],
            version=str(said.get("version", "")),
            user=said.get("user", ""),
            code=said.get("code", ""),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def stored(line: str) -> Stored | None:
    words = line.split("|")
    if len(words) != len(STORED_FIELDS) or not words[1]:
        return None
    return Stored(words[0], words[1], words[2], promoted=bool(words[3]))


def written(line: str) -> Written | None:
    words = line.split("|")
    if len(words) != len(WRITTEN_FIELDS) or not words[1]:
        return None
    try:
        return Written(words[0], words[1], datetime.fromisoformat(words[2]).timestamp())
    except ValueError:
        return None


def status(line: str) -> Status | None:
    name, _, text = line.partition("|")
    try:
        said = json.loads(text)
        bad = [c for c in said.get("conditions", []) if c["status"] == _BAD.get(c["type"])]
        return Status(
            credential=name,
            state=said.get("state", ""),
            problem=next((f"{c['type']}: {c['message'] or c['reason']}" for c in bad), ""),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
