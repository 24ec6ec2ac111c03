"""What the APIs of RDS and PolarDB say, in our words. Codes: the published error codes of both."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final

from keyward.engines.alibaba import errors
from keyward.engines.alibaba.errors import FIELD, LOCKED, NO_INSTANCE, UNKNOWN_TO_RAM, Code, each
from keyward.engines.alibaba.failures import Failure
from keyward.errors import Blocked, KeywardError, Reason, Rejected, Retry

GONE: Final = "InvalidAccountName.NotFound"
_ACTIONS: Final = {"RDS": "rds", "PolarDB": "polardb"}
_BUSY: Final = (
    "OperationDenied",
    "IncorrectDBInstanceState",
    "IncorrectDBInstanceStatus",
    "InstanceConnectTimeoutFault",
    "ConcurrentTaskExceeded",
    "Database.ConnectError",
    "LockTimeout",
    "IdempotentParameterMismatch",
)
_ABSENT: Final = (
    "InvalidDBInstanceId.NotFound",
    "InvalidDBInstanceName.NotFound",
    "InvalidDBClusterId.NotFound",
    UNKNOWN_TO_RAM,
)
_NO_DATABASE: Final = ("InvalidDBName", "InvalidDbName", "DBName.NotExist")
_FULL: Final = ("AccountLimitExceeded", "AccountQuotaExceeded", "QuotaExceeded")
TAKEN: Final = ("InvalidAccountName.Duplicate", "InvalidAccountNameAlreadyExist", "InvalidAccountName.Exist")
_CODES: Final[tuple[Code, ...]] = (
    *each(
        _ABSENT,
        Blocked,
        Reason.INVALID_SPEC,
        NO_INSTANCE,
    ),
    *each(TAKEN, Retry, Reason.WRITTEN_BY_ANOTHER, "an account of this name was made at the same moment"),
    (GONE, Retry, Reason.WRITTEN_BY_ANOTHER, "the account was deleted at the same moment"),
    (
        "InvalidAccountName",
        Blocked,
        Reason.INVALID_SPEC,
        "the cloud takes no account of this name on this instance: it is reserved or too long there: choose another",
    ),
    *each(
        ("InvalidAccountPassword", "InvalidPassword"),
        Rejected,
        Reason.PASSWORD_REFUSED,
        "the cloud refused the password",
    ),
    *each(
        _NO_DATABASE,
        Blocked,
        Reason.DATABASE_MISSING,
        "the instance has no such database: make it, or correct the name",
    ),
    *each(_FULL, Blocked, Reason.CLOUD_REFUSED, "the instance has as many accounts as it can: delete one in the cloud"),
    *LOCKED,
    *each(_BUSY, Retry, Reason.BUSY, "the cloud is at work on the instance or the account"),
)


async def named(operation: str, work: Awaitable[Any]) -> Any:
    """The body of the answer. Raises Failure that knows what was called."""
    try:
        return (await work).body
    except Failure as failure:
        failure.operation = operation
        raise


def translate(failure: Failure, product: str, *, sends: bool = False) -> KeywardError:
    """As `errors.translate`, of a call that changes or reads one instance of RDS or PolarDB."""
    action = "".join(word.capitalize() for word in failure.operation.split("_")).replace("Db", "DB")
    action = action.replace("DBinstance", "DBInstance").replace("DBcluster", "DBCluster")
    words = errors.Words(f"{_ACTIONS[product]}:{action} on the instance", _CODES, FIELD)
    return errors.translate(failure, words, sends=sends)
