"""CredentialVersions between their JSON and the domain's words. Fast and tolerant: no validation but of what is read.

The schema has validated what the API server stores. An object that is damaged all the same (restored by hand, an older
CRD) is refused as a whole; nothing is guessed.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from sys import intern
from typing import Any

import orjson

from keyward.api import names
from keyward.domain.version import (
    Cause,
    CauseKind,
    Handled,
    Mode,
    Origin,
    PreviousLink,
    Promotion,
    RetiredAs,
    TargetIdentity,
    Version,
)
from keyward.domain.writes import NewVersion, RecordChange, StoredVersion
from keyward.errors import Blocked, Reason
from keyward.kube.kinds import VERSIONS

Json = dict[str, Any]


def version_name(credential: str, lineage: str, sequence: int) -> str:
    """The name that every racer derives alike."""
    return f"{credential}-{lineage[:8]}-{sequence}"


def stamp(at: datetime) -> str:
    """RFC 3339 in UTC; microseconds only where there are any."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """A stamp's moment. Raises ValueError."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


# --- reading ---


def read(item: Json) -> Version:
    """A CredentialVersion without its envelope.

    Raises:
        Blocked: with ENVELOPE_INVALID, naming the object, if it is damaged.
    """
    try:
        return _read(item)
    except (KeyError, TypeError, ValueError, AttributeError):
        metadata = item.get("metadata") or {}
        raise Blocked(
            Reason.ENVELOPE_INVALID,
            f"CredentialVersion {metadata.get('namespace')}/{metadata.get('name')} is damaged: restore it from a backup, or "
            "delete it if it is not the current one",
        ) from None


def read_stored(item: Json) -> StoredVersion:
    """A CredentialVersion with envelope and wraps. Raises Blocked as `read` does."""
    return StoredVersion(read(item), item.get("envelope"), tuple(item.get("wraps") or ()))


def _read(item: Json) -> Version:
    metadata, spec, record = item["metadata"], item["spec"], item.get("record") or {}
    promoted, retired, disabled = record.get("promoted"), record.get("retired"), record.get("disabledByUs")
    issued = record.get("issued") or {}
    return Version(
        name=metadata["name"],
        namespace=intern(metadata["namespace"]),
        credential=intern(spec["credential"]),
        lineage=intern(spec["lineage"]),
        sequence=spec["sequence"],
        version_id=intern(spec["versionId"]),
        type=intern(spec["type"]),
        cluster=intern(spec["cluster"]),
        cause=_cause(spec["cause"]),
        mode=Mode(spec["mode"]),
        origin=Origin(spec["origin"]),
        created_at=moment(metadata["creationTimestamp"]),
        resource_version=metadata["resourceVersion"],
        account=spec.get("account", ""),
        accounts=tuple(spec.get("accounts") or ()),
        target=_target(spec.get("target")),
        source_digest=spec.get("sourceDigest", ""),
        previous=_previous(spec.get("previous")),
        digest=(spec.get("envelopeDigest") or issued.get("digest", "")) if item.get("envelope") else "",
        wraps=_wraps(tuple((w["key"], w["keyVersion"]) for w in item.get("wraps") or ())),
        promoted=_promotion(promoted) if promoted else None,
        applying=bool(record.get("applying")),
        applying_at=moment(record["applying"]["at"]) if record.get("applying") else None,
        retired=RetiredAs(retired["as"]) if retired else None,
        closed=bool(record.get("closed")),
        disabled_by_us=disabled["uid"] if disabled else "",
        orphaned_at=moment(record["orphanedAt"]) if record.get("orphanedAt") else None,
        pinned=(metadata.get("labels") or {}).get(names.LABEL_KEEP) == "true",
        absent=_list(record, "absent"),
        made=_list(record, "made"),
        known=_list(record, "known"),
        since=_since(record),
        issued_at=moment(issued["at"]) if issued else None,
    )


def _list(record: Json, note: str) -> tuple[str, ...]:
    """A note that is a list. Raises ValueError or TypeError if it is none."""
    notes = record.get("notes")
    if not notes:
        return ()
    return tuple(map(str, orjson.loads(notes.get(note, "[]"))))


def _since(record: Json) -> datetime | None:
    text = (record.get("notes") or {}).get("since")
    return moment(text) if text else None


def _cause(cause: Json) -> Cause:
    handled = cause.get("handled") or {}
    return Cause(
        kind=CauseKind(cause["kind"]),
        text=cause.get("text", ""),
        due_at=moment(cause["dueAt"]) if cause.get("dueAt") else None,
        handled=_handled(handled.get("rotate"), handled.get("promote"), handled.get("takeover")),
        recovery_window=_span(cause["recoveryWindowSeconds"]),
    )


# Every version that is there is kept in memory: what many of them have alike is kept once.


@lru_cache(maxsize=256)
def _wraps(found: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return found


@lru_cache(maxsize=256)
def _handled(rotate: str | None, promote: str | None, takeover: str | None) -> Handled:
    return Handled(rotate, promote, takeover)


@lru_cache(maxsize=256)
def _span(seconds: int) -> timedelta:
    return timedelta(seconds=seconds)


def _target(target: Json | None) -> TargetIdentity | None:
    if not target:
        return None
    return TargetIdentity(target["kind"], target["name"], target["digest"], target.get("uid", ""))


def _previous(previous: Json | None) -> PreviousLink | None:
    return PreviousLink(previous["sequence"], previous["digest"]) if previous else None


def _promotion(promoted: Json) -> Promotion:
    return Promotion(promoted["number"], moment(promoted["at"]), promoted.get("by", ""))


# --- writing ---


def body(new: NewVersion, digest: str) -> Json:
    """What POST carries. `digest` is the hex digest of the envelope; empty for an intent."""
    item: Json = {
        "apiVersion": VERSIONS.api_version,
        "kind": VERSIONS.name,
        "metadata": {
            "name": version_name(new.credential, new.lineage, new.sequence),
            "namespace": new.namespace,
            "labels": {names.LABEL_CREDENTIAL: new.credential, names.LABEL_LINEAGE: new.lineage},
        },
        "spec": _spec(new, digest),
        "wraps": list(new.wraps),
    }
    if new.envelope:
        item["envelope"] = new.envelope
    record: Json = {}
    if new.promotion is not None:
        record["promoted"] = _promoted(new.promotion)
    lists = {"absent": new.absent, "made": new.made, "known": new.known}
    notes = {name: orjson.dumps(value).decode() for name, value in lists.items() if value}
    if new.since is not None:
        notes["since"] = stamp(new.since)
    if notes:
        record["notes"] = notes
    if record:
        item["record"] = record
    return item


def _spec(new: NewVersion, digest: str) -> Json:
    spec: Json = {
        "credential": new.credential,
        "lineage": new.lineage,
        "sequence": new.sequence,
        "versionId": new.version_id,
        "type": new.type,
        "cluster": new.cluster,
        "cause": _cause_json(new.cause),
        "mode": new.mode.value,
        "origin": new.origin.value,
    }
    optional = {
        "account": new.account,
        "accounts": list(new.accounts),
        "sourceDigest": new.source_digest,
        "envelopeDigest": digest,
    }
    spec |= {key: value for key, value in optional.items() if value}
    if new.target is not None:
        target = {"kind": new.target.kind, "name": new.target.name, "digest": new.target.digest}
        spec["target"] = target | ({"uid": new.target.uid} if new.target.uid else {})
    if new.previous is not None:
        spec["previous"] = {"sequence": new.previous.sequence, "digest": new.previous.digest}
    return spec


def _cause_json(cause: Cause) -> Json:
    handled = {"rotate": cause.handled.rotate, "promote": cause.handled.promote, "takeover": cause.handled.takeover}
    found: Json = {
        "kind": cause.kind.value,
        "text": cause.text,
        "dueAt": stamp(cause.due_at) if cause.due_at else None,
        "handled": {key: text for key, text in handled.items() if text is not None},
    }
    return {key: value for key, value in found.items() if value} | {
        "recoveryWindowSeconds": int(cause.recovery_window.total_seconds())
    }


def _promoted(promotion: Promotion) -> Json:
    found: Json = {"number": promotion.number, "at": stamp(promotion.at)}
    return found | ({"by": promotion.by} if promotion.by else {})


def patch(version: Version, change: RecordChange) -> Json:
    """The JSON merge patch of one change; its resourceVersion makes it a compare-and-swap."""
    found: Json = {"metadata": {"resourceVersion": version.resource_version}}
    record = _forward(change) | _returned(change)
    if record:
        found["record"] = record
    if change.wraps is not None:
        found["wraps"] = list(change.wraps)
    if change.issued is not None:
        found |= {"envelope": change.issued.sealed.envelope, "wraps": list(change.issued.sealed.wraps)}
    return found


def _forward(change: RecordChange) -> Json:
    record: Json = {}
    if change.promotion is not None:
        # `by` of an earlier promotion must not survive a merge.
        record["promoted"] = {"by": None} | _promoted(change.promotion)
    if change.applying_at is not None:
        record["applying"] = {"at": stamp(change.applying_at)}
    if change.issued is not None:
        record["issued"] = {"at": stamp(change.issued.at), "digest": change.issued.digest}
    if change.retired is not None:
        record["retired"] = {"as": change.retired[0].value, "at": stamp(change.retired[1])}
    if change.closed_at is not None:
        record["closed"] = {"at": stamp(change.closed_at)}
    return record


def _returned(change: RecordChange) -> Json:
    """The two notes that a return clears."""
    record: Json = {}
    if change.disabled_by is not None:
        record["disabledByUs"] = {"uid": change.disabled_by[0], "at": stamp(change.disabled_by[1])}
    if change.orphaned_at is not None:
        record["orphanedAt"] = stamp(change.orphaned_at)
    if change.enabled:
        record["disabledByUs"] = None
    if change.returned:
        record["orphanedAt"] = None
    return record
