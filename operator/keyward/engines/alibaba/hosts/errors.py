"""The codes of ECS and OOS, and why Cloud Assistant did not run a command to its end."""

from __future__ import annotations

import re
from typing import Final

from keyward.engines.alibaba import errors
from keyward.engines.alibaba.errors import FIELD, NO_INSTANCE, UNKNOWN_TO_RAM, Code, Words
from keyward.engines.alibaba.failures import Failure
from keyward.engines.alibaba.hosts.sdk import Outcome
from keyward.errors import Blocked, KeywardError, Reason, Retry, Unsettled

_CODES: Final[tuple[Code, ...]] = (
    ("InvalidInstance.NotFound", Blocked, Reason.INVALID_SPEC, NO_INSTANCE),
    ("InvalidInstanceId", Blocked, Reason.INVALID_SPEC, NO_INSTANCE),
    (UNKNOWN_TO_RAM, Blocked, Reason.INVALID_SPEC, NO_INSTANCE),
    (
        "InvalidRegionId",
        Blocked,
        Reason.INVALID_SPEC,
        f"{FIELD}regionId: the cloud has no such region: correct it",
    ),
    (
        "InvalidInstance.NotMatch",
        Blocked,
        Reason.INVALID_SPEC,
        "spec.ecs.engine: the instance does not run such commands: see whether it is Linux or Windows, and running",
    ),
    (
        "ParameterStore.NotSupported",
        Blocked,
        Reason.ENGINE_UNSUPPORTED,
        "this region has no parameters that commands could use, and passwords of Windows need them",
    ),
    (
        "ParameterStore",
        Blocked,
        Reason.ADMIN_PRIVILEGE_MISSING,
        "the admin login may not use the parameter: it needs {rights}",
    ),
    ("Invocation.ExceedQuota", Retry, Reason.BUSY, "the commands of today are used up in this region"),
    ("IdempotentProcessing", Retry, Reason.BUSY, "the same command is being accepted just now"),
)
_RIGHTS: Final = (
    "ecs:RunCommand, ecs:DescribeInvocationResults and ecs:DescribeCloudAssistantStatus on the instance; for Windows also "
    "ecs:DescribeInstanceRamRole, oos:CreateSecretParameter, oos:DeleteSecretParameter, oos:ListSecretParameters, "
    "oos:GetSecretParameter, kms:CreateSecret, kms:DeleteSecret and kms:GetSecretValue"
)
_WORDS: Final = Words(_RIGHTS, _CODES, FIELD)
# Of a command that never began on the instance.
_NEVER_BEGAN: Final[dict[str, str]] = {
    "InstanceNotExists": "the instance is not there any more",
    "InstanceReleased": "the instance was released",
    "InstanceNotRunning": "the instance is not running: start it",
    "CommandNotApplicable": "the instance does not run such commands: see whether it is Linux or Windows",
    "ClientNotRunning": "Cloud Assistant does not run on the instance: start its agent",
    "ClientNeedUpgrade": "Cloud Assistant's agent on the instance is too old: upgrade it",
    "ClientIsUpgrading": "Cloud Assistant's agent is being upgraded",
    "TaskConcurrencyLimit": "Cloud Assistant runs as many commands as it can at once",
    "SecurityGroupRuleDenied": "the instance's security group keeps Cloud Assistant out",
}
NO_PARAMETER: Final = "EntityNotExists.Parameter"
PARAMETER_EXISTS: Final = ("EntityAlreadyExist", "ParameterAlreadyExist")
"""How the code begins that says so: the documentation has none for it."""
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")


def translate(failure: Failure, *, sends: bool = False) -> KeywardError:
    """As `alibaba.errors.translate`, in the words of ECS and OOS."""
    return errors.translate(failure, _WORDS, sends=sends)


def unrun(outcome: Outcome, *, sent: bool = False) -> KeywardError:
    """Why a command did not run to its end. `sent`: it changes something, and what became of it a login tells."""
    code = f" ({outcome.code})" if _CODE.fullmatch(outcome.code) else ""
    text = FIELD + _NEVER_BEGAN.get(outcome.code, "Cloud Assistant ended a command before it was over") + code
    if sent:
        return Unsettled(Reason.UNKNOWN_OUTCOME, text)
    return Retry(Reason.UNREACHABLE if outcome.code in _NEVER_BEGAN else Reason.CLOUD_REFUSED, text)
