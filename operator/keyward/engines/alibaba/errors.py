"""The cloud's codes as our errors. The texts are ours; what the cloud said stays behind, but for code, status and request id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from keyward.engines.alibaba.failures import Failure, Way
from keyward.errors import Blocked, KeywardError, Reason, Retry, Unsettled

Code = tuple[str, type[KeywardError], Reason, str]
"""How a code begins, and what we make of it."""
FIELD: Final = "openApi: "
"""How a message begins that speaks of the way to the cloud, where the Target has another one to its endpoints."""
NO_INSTANCE: Final = f"{FIELD}instanceId, regionId: the cloud account has no such instance there: correct them"
UNKNOWN_TO_RAM: Final = "Forbidden.InstanceNotFound"
"""What the user of RAM is told whose rights on an instance cannot be judged, as there is no such instance."""


def each(starts: tuple[str, ...], kind: type[KeywardError], reason: Reason, text: str) -> tuple[Code, ...]:
    """The same of several codes."""
    return tuple((start, kind, reason, text) for start in starts)


LOCKED: Final = each(
    ("OperationDenied.LockMode", "IncorrectDBInstanceLockMode"),
    Blocked,
    Reason.CLOUD_REFUSED,
    "the cloud has locked the instance, as it does when it is not paid for or its disk is full: see to it in its console",
)


@dataclass(frozen=True, slots=True)
class Words:
    """What a product says beside what all of them say; its own codes are looked at first."""

    rights: str  # what the admin needs, by the names of RAM's actions
    codes: tuple[Code, ...] = ()
    field: str = ""  # what a message begins with that speaks of the way to the cloud, or of its state
    chain: str = "openApi: credentials"  # where a Target says that the default chain has the login


_SWITCHED_OFF: Final = "admin login: its AccessKey is switched off: switch it on in the cloud, or write another"
_WRONG_SECRET: Final = "admin login: the secret of its AccessKey is wrong: correct accessKeySecret"  # noqa: S105 - a text
_LACKS: Final = "the admin login may not do this: it needs {rights}: give its RAM user or role a policy with that"
_TOO_OFTEN: Final = (
    "the cloud asks to be called less often: it is tried again, ever more seldom; calls of other programs count too"
)
_CODES: Final[tuple[Code, ...]] = (
    (
        "InvalidTimeStamp",
        Retry,
        Reason.CLOUD_REFUSED,
        "the operator's clock and the cloud's differ by more than 15 minutes: set the clock",
    ),
    ("SignatureNonceUsed", Retry, Reason.BUSY, "the cloud took the call for a repeated one"),
    ("InvalidAccessKeyId.Inactive", Blocked, Reason.ADMIN_LOGIN_REFUSED, _SWITCHED_OFF),
    ("Forbidden.AccessKey", Blocked, Reason.ADMIN_LOGIN_REFUSED, _SWITCHED_OFF),
    (
        "InvalidAccessKeyId",
        Blocked,
        Reason.ADMIN_LOGIN_REFUSED,
        "admin login: the cloud knows no such AccessKey: correct accessKeyId, or accessKeySecret with it",
    ),
    ("SignatureDoesNotMatch", Blocked, Reason.ADMIN_LOGIN_REFUSED, _WRONG_SECRET),
    ("IncompleteSignature", Blocked, Reason.ADMIN_LOGIN_REFUSED, _WRONG_SECRET),
    (
        "InvalidSecurityToken",
        Blocked,
        Reason.ADMIN_LOGIN_REFUSED,
        "admin login: its security token is over or wrong: write a new one with its AccessKey, or an AccessKey without one",
    ),
    (
        "MissingSecurityToken",
        Blocked,
        Reason.ADMIN_LOGIN_REFUSED,
        "admin login: its AccessKey is a temporary one: add its securityToken",
    ),
    ("NoPermission", Blocked, Reason.ADMIN_PRIVILEGE_MISSING, _LACKS),
    ("Forbidden", Blocked, Reason.ADMIN_PRIVILEGE_MISSING, _LACKS),
    ("Throttling", Retry, Reason.BUSY, _TOO_OFTEN),
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
        "the certificate of the cloud's endpoint is not one that the Target's CA vouches for: correct tls.ca or endpoints",
    ),
    Way.NAME: (
        Retry,
        Reason.NAME_RESOLUTION,
        "the name of the cloud's endpoint has no address: correct regionId or endpoints, or DNS",
    ),
    Way.CONNECT: (
        Retry,
        Reason.UNREACHABLE,
        "nobody answers at the cloud's endpoint: correct regionId or endpoints, or let the operator reach it",
    ),
    Way.LOST: (Retry, Reason.UNREACHABLE, "the cloud's answer did not arrive: see what stands between"),
    Way.SILENT: (Retry, Reason.TIMEOUT, "the cloud's endpoint did not answer in time: see what stands between"),
    Way.UNSIGNED: (
        Blocked,
        Reason.ADMIN_SECRET_INVALID,
        "admin login: its AccessKey is not one: the id is of letters, digits, '.', '_' and '-', and the secret is text",
    ),
    Way.NO_LOGIN: (
        Retry,
        Reason.ADMIN_LOGIN_REFUSED,
        "the SDK's default chain has no login: give the operator RRSA, an instance role, or an AccessKey in its environment",
    ),
    Way.MALFORMED: (Retry, Reason.CLOUD_REFUSED, "the answer is not one of the cloud's: see what stands between"),
}


def translate(failure: Failure, words: Words, *, sends: bool = False) -> KeywardError:
    """Of a call of the admin. `sends`: it changes something, so that an answer which tells nothing is an unknown outcome."""
    if sends and failure.is_unknown:
        text = f"{words.field}sent, and no answer that tells whether it was done ({failure})"
        return Unsettled(Reason.UNKNOWN_OUTCOME, text, failure.after)
    kind, reason, text = _WAYS.get(failure.way) or _of_code(failure, words.codes)
    field = f"{words.chain}: " if failure.way is Way.NO_LOGIN else words.field if reason in _OF_THE_WAY else ""
    text = f"{field}{text.format(rights=words.rights)} ({failure})"
    return kind(reason, text, failure.after) if issubclass(kind, Retry) else kind(reason, text)


def _of_code(failure: Failure, codes: tuple[Code, ...]) -> tuple[type[KeywardError], Reason, str]:
    for start, kind, reason, text in (*codes, *_CODES):
        if failure.code.startswith(start):
            return kind, reason, text
    if failure.status >= 500:
        return Retry, Reason.UNREACHABLE, "the cloud failed"
    if failure.status == 429:
        return Retry, Reason.BUSY, _TOO_OFTEN
    return Retry, Reason.CLOUD_REFUSED, "the cloud refused the call: look its code up in the cloud's documentation"
