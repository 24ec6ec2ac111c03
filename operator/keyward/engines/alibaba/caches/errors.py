"""What the R-kvstore API says, in our words. Codes: the published error codes of R-kvstore 2015-01-01."""

from __future__ import annotations

from typing import Final

from keyward.engines.alibaba import errors
from keyward.engines.alibaba.errors import FIELD, LOCKED, NO_INSTANCE, UNKNOWN_TO_RAM, each
from keyward.engines.alibaba.failures import Failure
from keyward.errors import Blocked, KeywardError, Reason, Rejected, Retry

GONE: Final = "InvalidAccountName.NotFound"
TAKEN: Final = "InvalidAccountName.Duplicate"
LIMIT: Final = (
    "the instance has as many accounts as it can, 18 beside its own: delete one in the cloud, or use another instance"
)
_OLD: Final = "the instance does not know such accounts: Redis 4.0 or newer is needed, at its latest minor version"
_BUSY: Final = "the cloud is at work on the instance or the account"

_WORDS: Final = errors.Words(
    rights="kvstore:DescribeInstanceAttribute, kvstore:DescribeAccounts, kvstore:CreateAccount, kvstore:GrantAccountPrivilege, "
    "kvstore:ResetAccountPassword, kvstore:ModifyAccountDescription and kvstore:DeleteAccount on the instance",
    field=FIELD,
    codes=(
        *each(
            ("InvalidInstanceId.NotFound", UNKNOWN_TO_RAM),
            Blocked,
            Reason.INVALID_SPEC,
            NO_INSTANCE,
        ),
        (
            "InvalidAccountName.Forbid",
            Blocked,
            Reason.INVALID_SPEC,
            "the cloud keeps this name for itself: choose another",
        ),
        (
            "InvalidAccountName.Format",
            Blocked,
            Reason.INVALID_SPEC,
            "the cloud does not take such a name: choose another",
        ),
        (TAKEN, Retry, Reason.WRITTEN_BY_ANOTHER, "an account of this name was made at the same moment"),
        (GONE, Retry, Reason.WRITTEN_BY_ANOTHER, "the account was deleted at the same moment"),
        ("InvalidAccountPassword", Rejected, Reason.PASSWORD_REFUSED, "the cloud refused the password"),
        ("InvalidEngineVersion", Blocked, Reason.ENGINE_UNSUPPORTED, _OLD),
        ("IncorrectMinorVersion", Blocked, Reason.ENGINE_UNSUPPORTED, _OLD),
        ("InvalidDBInstanceAccountMode", Blocked, Reason.ENGINE_UNSUPPORTED, _OLD),
        ("AccountLimitExceeded", Blocked, Reason.CLOUD_REFUSED, LIMIT),
        *LOCKED,
        ("OperationDenied", Retry, Reason.BUSY, _BUSY),
        ("IncorrectDBInstanceState", Retry, Reason.BUSY, _BUSY),
    ),
)


def translate(failure: Failure, *, sends: bool = False) -> KeywardError:
    """As `errors.translate`, of calls of one instance."""
    return errors.translate(failure, _WORDS, sends=sends)
