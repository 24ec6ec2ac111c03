"""The cloud's codes as our errors. The texts are ours; what the cloud said stays behind, but for code, status and request id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from keyward.engines.alibaba.failures import Failure, Way
from keyward.errors import Blocked, KeywardError, Reason, Retry, Unsettled

Code = tuple[str, type[KeywardError], Reason, str]
"""How a code begins, and what we make of it."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a product says beside what all of them say; its own codes are looked at first."""

    rights: str  # what the admin needs, by the names of RAM's actions
    codes: tuple[Code, ...] = ()
    field: str = ""  # what a message begins with that speaks of the way to the cloud, or of its state


_CODES: Final[tuple[Code, ...]] = (
    (
        "InvalidTimeStamp",
        Retry,
        Reason.CLOUD_REFUSED,
        "the operator's clock and the cloud's differ by more than 15 minutes: set the clock",
    ),
    ("SignatureNonceUsed", Retry, Reason.BUSY, "the cloud took the call for a repeated one"),
    ("InvalidAccessKeyId", Blocked, Reason.ADMIN_LOGIN_REFUSED, "admin login: the cloud does not accept its AccessKey"),
    ("SignatureDoesNotMatch", Blocked, Reason.ADMIN_LOGIN_REFUSED, "admin login: the secret of its AccessKey is wrong"),
    (
        "IncompleteSignature",
        Blocked,
        Reason.ADMIN_LOGIN_REFUSED,
        "admin login: the cloud does not accept its signature",
    ),
    ("InvalidSecurityToken", Blocked, Reason.ADMIN_LOGIN_REFUSED, "admin login: its security token is over or wrong"),
    ("NoPermission", Blocked, Reason.ADMIN_PRIVILEGE_MISSING, "the admin login may not do this: it needs {rights}"),
    ("Forbidden", Blocked, Reason.ADMIN_PRIVILEGE_MISSING, "the admin login may not do this: it needs {rights}"),
    ("Throttling", Retry, Reason.BUSY, "the cloud asks to be called less often"),
    ("ServiceUnavailable", Retry, Reason.UNREACHABLE, "the cloud's service is not available now"),
    ("InternalError", Retry, Reason.UNREACHABLE, "the cloud failed"),
)
_OF_THE_WAY: Final = (
    Reason.UNREACHABLE,
    Reason.TIMEOUT,
    Reason.NAME_RESOLUTION,
    Reason.UNKNOWN_CA,
    Reason.BUSY,
    Reason.CLOUD_REFUSED,
)
_WAYS: Final[dict[Way, tuple[type[KeywardError], Reason, str]]] = {
    Way.TLS: (
        Blocked,
        Reason.UNKNOWN_CA,
        "the certificate of the cloud's endpoint is not one that the Target's CA vouches for",
    ),
    Way.NAME: (Retry, Reason.NAME_RESOLUTION, "the name of the cloud's endpoint has no address"),
    Way.CONNECT: (Retry, Reason.UNREACHABLE, "nobody answers at the cloud's endpoint"),
    Way.LOST: (Retry, Reason.UNREACHABLE, "the cloud's answer did not arrive"),
    Way.SILENT: (Retry, Reason.TIMEOUT, "the cloud's endpoint did not answer in time: see what stands between"),
    Way.UNSIGNED: (
        Blocked,
        Reason.ADMIN_SECRET_INVALID,
        "admin login: its AccessKey is not one: the id is of letters, digits, '.', '_' and '-', and the secret is text",
    ),
    Way.MALFORMED: (Retry, Reason.CLOUD_REFUSED, "the answer is not one of the cloud's: see what stands between"),
}


def translate(failure: Failure, words: Words, *, sends: bool = False) -> KeywardError:
    """Of a call of the admin. `sends`: it changes something, so that an answer which tells nothing is an unknown outcome."""
    if sends and failure.is_unknown:
        text = f"{words.field}sent, and no answer that tells whether it was done ({failure})"
        return Unsettled(Reason.UNKNOWN_OUTCOME, text, failure.after)
    kind, reason, text = _WAYS.get(failure.way) or _of_code(failure, words.codes)
    text = f"{words.field if reason in _OF_THE_WAY else ''}{text.format(rights=words.rights)} ({failure})"
    return kind(reason, text, failure.after) if issubclass(kind, Retry) else kind(reason, text)


def _of_code(failure: Failure, codes: tuple[Code, ...]) -> tuple[type[KeywardError], Reason, str]:
    for start, kind, reason, text in (*codes, *_CODES):
        if failure.code.startswith(start):
            return kind, reason, text
    if failure.status >= 500:
        return Retry, Reason.UNREACHABLE, "the cloud failed"
    if failure.status == 429:
        return Retry, Reason.BUSY, "the cloud asks to be called less often"
    return Retry, Reason.CLOUD_REFUSED, "the cloud refused the call"
