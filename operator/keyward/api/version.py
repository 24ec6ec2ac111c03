"""A CredentialVersion: one sealed value and its record. Written by the operator only; the one source of truth.

Its rules stand on the root, where the removal of a field is a change like any other. What may be cleared are the two
notes that a return takes back: `disabledByUs` and `orphanedAt`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from keyward.api.base import Model, Rule
from keyward.api.metadata import Metadata
from keyward.api.values import AccountName, ObjectName, Time, VersionId

Hex = Annotated[str, StringConstraints(min_length=8, max_length=128, pattern=r"^[0-9a-f]+$")]
Base64 = r"^[A-Za-z0-9+/]*={0,2}$"
Short = Annotated[str, StringConstraints(max_length=253)]
Command = Annotated[str, StringConstraints(max_length=1_024)]
Count = Annotated[int, Field(ge=1, le=2_147_483_647)]


class HandledCommands(Model):
    """The last text of each command that was acted on."""

    rotate: Command | None = None
    """Text of keyward.dev/rotate."""
    promote: Command | None = None
    """Text of keyward.dev/promote."""
    takeover: Command | None = None
    """Text of keyward.dev/takeover."""


class Cause(Model):
    """Why this version was reserved."""

    kind: Literal["Initial", "Schedule", "Token", "Source", "Drift", "Replacement", "Spec"]
    """What caused it: the first value, the schedule, a command, a changed source, drift, a refused candidate, a changed spec."""
    text: Command = ""
    """Text of the command."""
    due_at: Time | None = None
    """When it was due."""
    handled: HandledCommands = HandledCommands()
    """The last commands that were acted on."""
    recovery_window_seconds: Annotated[int, Field(ge=0, le=31_536_000)]
    """How long versions are kept after deletion, in seconds, as it was wished then."""


class AppliedTo(Model):
    """The server that the value is for."""

    kind: Literal["Target", "ClusterTarget"]
    """Target or ClusterTarget."""
    name: ObjectName
    """Name of the Target."""
    digest: Hex
    """Digest of the endpoints and CA."""
    uid: Short = ""
    """uid of the Target then; a restore changes it."""


class Previous(Model):
    """The nearest lower version that has an envelope."""

    sequence: Count
    """Its sequence."""
    digest: Hex
    """Digest of its envelope."""


class VersionSpec(Model):
    """What this version is. It never changes."""

    credential: ObjectName
    """Name of the Credential."""
    lineage: Annotated[str, StringConstraints(min_length=8, max_length=64, pattern=r"^[0-9a-f]+$")]
    """Identity of the credential that survives deletion and restore."""
    sequence: Count
    """Number within the lineage."""
    version_id: VersionId
    """Name of the version, as people see it."""
    type: Annotated[str, StringConstraints(min_length=1, max_length=32)]
    """Type of the credential, such as rds."""
    cluster: Short
    """uid of kube-system of the cluster that reserved it."""
    cause: Cause
    """Why it was reserved."""
    mode: Literal["Generic", "Dual", "Single", "Overlap"]
    """How two versions can be valid at once."""
    origin: Literal["Generated", "Imported", "Source"]
    """Where the value comes from."""
    account: AccountName | None = None
    """Account that the value is for."""
    accounts: Annotated[tuple[AccountName, ...], Field(max_length=2)] = ()
    """All accounts of the credential."""
    target: AppliedTo | None = None
    """Server that the value is for."""
    source_digest: Hex | None = None
    """Keyed digest of the source that was consumed."""
    envelope_digest: Hex | None = None
    """Digest of the envelope."""
    previous: Previous | None = None
    """The nearest lower version that has an envelope."""


class Envelope(Model):
    """The sealed value. Set once."""

    v: Annotated[int, Field(ge=1, le=1_000)]
    """Version of the format."""
    suite: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    """Algorithms."""
    salt: Annotated[str, StringConstraints(max_length=128, pattern=Base64)]
    """Salt of the derivation of keys, in base64."""
    commit: Annotated[str, StringConstraints(max_length=128, pattern=Base64)]
    """Commitment to the key, in base64."""
    nonce: Annotated[str, StringConstraints(max_length=64, pattern=Base64)]
    """Nonce, in base64."""
    ct: Annotated[str, StringConstraints(max_length=65_536, pattern=Base64)]
    """Ciphertext, in base64."""


class Wrap(Model):
    """The data key, encrypted by a version of an EncryptionKey."""

    key: ObjectName
    """Name of the EncryptionKey."""
    key_version: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    """Version of the key."""
    provider: Annotated[str, StringConstraints(min_length=1, max_length=32)]
    """Kind of the key's keeper."""
    wrapped: Annotated[str, StringConstraints(max_length=8_192, pattern=Base64)]
    """The wrapped data key, in base64."""


class Promoted(Model):
    """When this version became current, and for the how manieth time of its lineage."""

    number: Count
    """The highest number of a lineage is its current version."""
    at: Time
    """When."""
    by: Command = ""
    """Text of the command that asked for it."""


class At(Model):
    """When it happened."""

    at: Time
    """When."""


class Issued(Model):
    """When the system told the value, and the digest of the envelope that holds it."""

    at: Time
    """When."""
    digest: Hex
    """Digest of the envelope."""


class Retired(Model):
    """That this version is of no use, or no longer."""

    as_: Annotated[Literal["Refused", "Superseded", "TakenOver", "Unverified", "Lost", "Ended"], Field(alias="as")]
    """Why."""
    at: Time
    """When."""


class DisabledByUs(Model):
    """That deletion took away the accounts' right to log in."""

    uid: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    """uid of the Credential that was deleted."""
    at: Time
    """When."""


class Record(Model):
    """What became of this version. It only goes forward."""

    promoted: Promoted | None = None
    """That it became current."""
    applying: At | None = None
    """That it may have been sent."""
    issued: Issued | None = None
    """That the value was issued by the system after the version was reserved."""
    retired: Retired | None = None
    """That it is of no use, or no longer."""
    closed: At | None = None
    """That the lineage is over."""
    disabled_by_us: DisabledByUs | None = None
    """That deletion disabled the accounts; cleared when the Credential returns."""
    orphaned_at: Time | None = None
    """When it was first seen without a Credential; cleared when that returns."""
    notes: Annotated[dict[str, Annotated[str, StringConstraints(max_length=1_024)]], Field(max_length=8)] = Field(
        default_factory=dict
    )
    """Notes of the engine: accounts that were absent at the reservation, accounts that were ours then; ids of the values that
    were this Credential's, and the system's time."""


def _never_removed(*fields: str) -> str:
    """CEL on the root: each of these notes of the record stays once it is there."""
    return " && ".join(
        f"(!(has(oldSelf.record) && has(oldSelf.record.{f})) || (has(self.record) && has(self.record.{f})))"
        for f in fields
    )


def _both(field: str) -> str:
    """CEL: not both of old and new have this note of the record."""
    return f"!(has(oldSelf.record) && has(oldSelf.record.{field}) && has(self.record) && has(self.record.{field}))"


_TAIL = "self.metadata.name.substring(size(self.spec.credential) + 10)"  # a dash, 8 of the lineage, a dash


class CredentialVersion(Model):
    """One sealed, numbered value of a Credential. Written by the operator only; deleting one loses the value for good."""

    metadata: Metadata
    spec: VersionSpec
    """What this version is. It never changes."""
    envelope: Envelope | None = None
    """The sealed value. Absent until the other side has issued it; set once."""
    wraps: Annotated[
        tuple[Wrap, ...],
        Field(max_length=2, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = ()
    """The data key, encrypted; replaced when the EncryptionKey changes."""
    record: Record = Record()
    """What became of this version. It only goes forward."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("self.spec == oldSelf.spec", "spec: a version never changes"),
        Rule(
            "!has(oldSelf.envelope) || (has(self.envelope) && self.envelope == oldSelf.envelope)",
            "envelope: a sealed value is set once and never changed or removed",
        ),
        Rule(
            "!has(oldSelf.wraps) || size(oldSelf.wraps) == 0 || (has(self.wraps) && size(self.wraps) > 0)",
            "wraps: without a wrapped data key the value is lost: replace it, never remove it",
        ),
        Rule(
            _never_removed("promoted", "applying", "issued", "retired", "closed"),
            "record: promoted, applying, issued, retired and closed are never taken back",
        ),
        Rule(
            f"{_both('promoted')} || self.record.promoted.number > oldSelf.record.promoted.number || "
            "self.record.promoted == oldSelf.record.promoted",
            "record.promoted.number: a promotion is never lowered or rewritten",
        ),
        Rule(
            f"{_both('issued')} || self.record.issued == oldSelf.record.issued",
            "record.issued: is written once",
        ),
        Rule(
            f"{_both('retired')} || self.record.retired == oldSelf.record.retired",
            "record.retired: is written once",
        ),
        Rule(
            f"{_both('closed')} || self.record.closed == oldSelf.record.closed",
            "record.closed: is written once",
        ),
        Rule(
            "!(has(oldSelf.record) && has(oldSelf.record.notes)) || (has(self.record) && has(self.record.notes) && "
            "oldSelf.record.notes.all(k, k in self.record.notes && self.record.notes[k] == oldSelf.record.notes[k]))",
            "record.notes: a note is written once",
        ),
        Rule(
            # Compared as a number: CEL has no bound for the length of a number's text, and nothing left of its budget.
            "self.metadata.name.startsWith(self.spec.credential + '-' + self.spec.lineage.substring(0, 8) + '-') && "
            f"{_TAIL}.matches('^[1-9][0-9]*$') && int({_TAIL}) == self.spec.sequence",
            "metadata.name: must be <credential>-<first 8 of lineage>-<sequence>",
            lambda v: v.metadata.name == f"{v.spec.credential}-{v.spec.lineage[:8]}-{v.spec.sequence}",
        ),
    )
