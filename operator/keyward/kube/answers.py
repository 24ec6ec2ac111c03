"""What an answer of the API server means to us: which of our errors it is, in words of ours.

The server's own message is never repeated: it may echo a rejected value. Taken from it are the reason, field paths and
causes, each from a closed form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from keyward.errors import Blocked, Conflict, KeywardError, Reason, Retry
from keyward.kube.kinds import Kind

Json = dict[str, Any]

# A field's path holds names of fields and indices; a map's key in it may be chosen by a person, a value never.
_FIELD = re.compile(r"[A-Za-z0-9_.\-/\[\]<>]{1,128}")
_MAX_FIELDS = 8


class AlreadyExists(Conflict):
    """POST of a name that is taken."""


class NotFound(Conflict):
    """A write to an object, or into a namespace, that is not there any more."""


class WatchExpired(Retry):
    """410: the resourceVersion or the continue token is too old; list anew."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, for messages: `create secrets in namespace shop`."""

    verb: str
    kind: Kind
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    def __str__(self) -> str:
        what = f"{self.kind.resource}/{self.subresource}" if self.subresource else self.kind.resource
        where = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.verb} {what}{where}"

    @property
    def object(self) -> str:
        return f"{self.kind.name} {self.namespace + '/' if self.namespace else ''}{self.name}"


def error(asked: Asked, code: int, headers: Mapping[str, str], body: bytes) -> KeywardError:
    """The error that an answer of 400 or more stands for."""
    status = parse_status(body)
    reason = str((status or {}).get("reason", ""))
    if code == 404:
        return _not_found(asked, status)
    if code == 409:
        if reason == "AlreadyExists":
            return AlreadyExists(Reason.WRITTEN_BY_ANOTHER, f"{asked.object} exists already")
        return Conflict(Reason.WRITTEN_BY_ANOTHER, f"{asked.object} was changed by another writer")
    if code == 410:
        return WatchExpired(
            Reason.API_UNAVAILABLE, f"the API server's history for {asked.kind.resource} is too short: list anew"
        )
    if code == 403:
        return _forbidden(asked, status)
    if code in (400, 413, 422):
        return _invalid(asked, code, status)
    if code == 401:
        return Retry(Reason.API_REFUSED, "the API server does not accept our login: check the service account's token")
    return Retry(Reason.API_UNAVAILABLE, f"the API server answered {code} to {asked}", retry_after(headers, status))


def unreachable(asked: Asked, *, timed_out: bool) -> Retry:
    """No answer came. Whether a write took place is not known: what follows is a read, or a compare-and-swap."""
    what = "did not answer in time" if timed_out else "could not be reached"
    return Retry(Reason.API_UNAVAILABLE, f"the API server {what} ({asked})")


def parse_status(body: bytes) -> Json | None:
    """The `Status` object of an answer; None if it is none."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return parsed if isinstance(parsed, dict) and parsed.get("kind") == "Status" else None


def retry_after(headers: Mapping[str, str], status: Json | None) -> float | None:
    """Seconds that the server asks us to wait, at most 120."""
    text = headers.get("Retry-After") or str(_details(status).get("retryAfterSeconds", ""))
    return min(float(text), 120.0) if text.isdigit() and text != "0" else None


def _details(status: Json | None) -> Json:
    details = (status or {}).get("details")
    return details if isinstance(details, dict) else {}


def _causes(status: Json | None) -> list[Json]:
    causes = _details(status).get("causes")
    return [c for c in causes if isinstance(c, dict)] if isinstance(causes, list) else []


def _not_found(asked: Asked, status: Json | None) -> KeywardError:
    if status is None or not _details(status).get("name"):
        return Blocked(
            Reason.CRD_OUTDATED,
            f"the API server does not know {asked.kind.resource} in version {asked.kind.version}: apply the CRDs of this release",
        )
    return NotFound(Reason.WRITTEN_BY_ANOTHER, f"{asked.object} is not there any more")


def _forbidden(asked: Asked, status: Json | None) -> KeywardError:
    if any(c.get("reason") == "NamespaceTerminating" for c in _causes(status)):
        return Blocked(
            Reason.NAMESPACE_TERMINATING, f"namespace {asked.namespace} is being deleted: nothing is made in it"
        )
    resource = f"{asked.kind.plural}/{asked.subresource}" if asked.subresource else asked.kind.plural
    return Blocked(
        Reason.API_REFUSED,
        f"we may not {asked}: allow verb {asked.verb!r} on resource {resource!r} of API group {asked.kind.group!r} in a Role "
        "bound to our service account (or a quota or an admission policy of the cluster refuses it)",
    )


def _invalid(asked: Asked, code: int, status: Json | None) -> KeywardError:
    if code == 413 or (status or {}).get("reason") == "RequestEntityTooLarge":
        return Blocked(_invalid_reason(asked), f"{asked.object} is larger than the API server takes")
    named = [str(c.get("field", "")) for c in _causes(status)]
    if asked.verb == "patch" and set(named) <= {"metadata.uid"}:
        # The uid in a patch is our precondition, and these are the ways in which the server says that it does not hold.
        return Conflict(Reason.WRITTEN_BY_ANOTHER, f"{asked.object} was made anew by another writer")
    fields = [f for f in named if _FIELD.fullmatch(f)][:_MAX_FIELDS]
    where = f": {', '.join(fields)}" if fields else ""
    return Blocked(_invalid_reason(asked), f"the API server refuses to {asked} as invalid{where}")


def _invalid_reason(asked: Asked) -> Reason:
    return Reason.SECRET_INVALID if asked.kind.plural == "secrets" else Reason.API_REFUSED
