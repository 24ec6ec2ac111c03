"""RAM's own codes, and those of keys that STS does not take."""

from __future__ import annotations

from typing import Final

from keyward.engines.alibaba import errors
from keyward.engines.alibaba.failures import Failure
from keyward.errors import Blocked, KeywardError, Reason, Rejected

NO_USER: Final = "EntityNotExist.User"
GONE: Final = "EntityNotExist.User.AccessKey"
NOT_FOUND: Final = "InvalidAccessKeyId.NotFound"
INACTIVE: Final = "InvalidAccessKeyId.Inactive"
WRONG_SECRET: Final = ("SignatureDoesNotMatch", "IncompleteSignature")

_WORDS: Final = errors.Words(
    rights="ram:ListAccessKeys, ram:CreateAccessKey, ram:UpdateAccessKey, ram:DeleteAccessKey and ram:GetAccessKeyLastUsed on "
    "the user",
    chain="spec.ram.credentials of the Target",
    codes=(
        (
            NO_USER,
            Blocked,
            Reason.ACCOUNT_MISSING,
            "the cloud account has no RAM user of this name: make it there, or delete this Credential",
        ),
        (
            "LimitExceeded.User.AccessKey",
            Rejected,
            Reason.UNKNOWN_ACCESS_KEY,
            "the user has two AccessKeys already, and cannot have a third",
        ),
    ),
)


def translate(failure: Failure, *, sends: bool = False) -> KeywardError:
    """As `errors.translate`, of calls of RAM and STS."""
    return errors.translate(failure, _WORDS, sends=sends)
