"""Calls of ECS with the official SDK, for one instance and one login. Every call raises Failure and nothing else."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from alibabacloud_ecs20140526 import models as ecs
from alibabacloud_ecs20140526.client import Client as EcsClient

from keyward.engines.alibaba.calls import Caller
from keyward.engines.alibaba.failures import Failure, Way

SHELL: Final = "RunShellScript"
POWERSHELL: Final = "RunPowerShellScript"
_TIMEOUT: Final = 30  # seconds after which Cloud Assistant ends a command by force
_NAME: Final = "keyward"
_ENDED: Final = frozenset({"Finished", "Success"})
_OVER: Final = _ENDED | {"Failed", "PartialFailed", "Stopped"}


@dataclass(frozen=True, slots=True)
class Script:
    """What is run, as root or as System. `parameters`: secret parameters are put into it on the instance."""

    kind: str
    content: str
    parameters: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of a script that is over. `code` is the cloud's, if it was not run to its end; `dropped`: bytes of output that are lost."""

    ended: bool  # by itself, with whatever status
    code: str
    output: bytes = field(repr=False)
    dropped: int = 0
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A script that was accepted, now or earlier: the ids of invocation and request, and the cloud's time of the answer."""

    id: str
    request: str
    asked: datetime | None


@dataclass(frozen=True, slots=True)
class Assistant:
    """Cloud Assistant on an instance. `system`: Linux or Windows."""

    answers: bool
    system: str


class Instance:
    """One ECS instance."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self.id = caller.api.instance
        self._region = caller.api.region

    async def run(self, script: Script, client_token: str) -> Run:
        """Have it run; with a token that the cloud knows already, find the run that it had."""
        request = ecs.RunCommandRequest(
            region_id=self._region,
            instance_id=[self.id],
            name=_NAME,
            type=script.kind,
            command_content=base64.b64encode(script.content.encode()).decode("ascii"),
            content_encoding="Base64",
            client_token=client_token,
            keep_command=False,
            enable_parameter=script.parameters,
            termination_mode="ProcessTree",
            timeout=_TIMEOUT,
        )
        answer = await self._caller.call(EcsClient, "ECS", "run_command", request)
        if not answer.body.invoke_id:
            raise Failure(Way.MALFORMED)
        return Run(str(answer.body.invoke_id), answer.body.request_id or "", _date(answer.headers.get("date")))

    async def outcome(self, invocation: str) -> Outcome | None:
        """Of an invocation; None while it is not over."""
        request = ecs.DescribeInvocationResultsRequest(
            region_id=self._region, invoke_id=invocation, instance_id=self.id, content_encoding="Base64"
        )
        found = (await self._ecs("describe_invocation_results", request)).invocation
        results = found.invocation_results.invocation_result if found and found.invocation_results else None
        if not results:
            return None  # not known yet
        one = results[0]
        if one.invoke_record_status not in _OVER:
            return None
        return Outcome(
            ended=one.invoke_record_status in _ENDED,
            code=one.error_code or "",
            output=_decoded(one.output or ""),
            dropped=one.dropped or 0,
            at=_stamp(one.finished_time),
        )

    async def assistant(self) -> Assistant | None:
        """None if the region has no such instance, or it is not shown to the caller."""
        request = ecs.DescribeCloudAssistantStatusRequest(region_id=self._region, instance_id=[self.id])
        body = await self._ecs("describe_cloud_assistant_status", request)
        shown = body.instance_cloud_assistant_status_set
        for one in (shown.instance_cloud_assistant_status or ()) if shown else ():
            if one.instance_id == self.id:
                return Assistant((one.cloud_assistant_status or "").lower() == "true", one.ostype or "")
        return None

    async def role(self) -> str:
        """Name of the RAM role that is attached to it; empty if there is none."""
        request = ecs.DescribeInstanceRamRoleRequest(region_id=self._region, instance_ids=f'["{self.id}"]')
        shown = (await self._ecs("describe_instance_ram_role", request)).instance_ram_role_sets
        sets = (shown.instance_ram_role_set or ()) if shown else ()
        return next((one.ram_role_name or "" for one in sets if one.instance_id == self.id), "")

    async def _ecs(self, operation: str, request: Any) -> Any:
        return (await self._caller.call(EcsClient, "ECS", operation, request)).body


def _stamp(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text or "").astimezone(UTC)
    except ValueError:
        return None


def _date(text: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(text or "").astimezone(UTC)
    except (TypeError, ValueError):
        return None


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        pass
    raise Failure(Way.MALFORMED)
