"""One ECS instance and its Cloud Assistant, as the published documentation of Ecs 2014-05-26 describes them.

State and rules only: no network. Each RunCommand that is accepted is run after `delay`, as root: on a Linux host for real, as a
script in a file of its own; on a Windows host by whoever stands in for PowerShell there. A ClientToken is kept for good: the same
one with the same parameters has the same invocation.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import subprocess
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from tests.cloud.signatures import Call, Refused
from tests.cluster.sshd import SshServer

Json = dict[str, object]
INSTANCE: Final = "i-bp1keyward0000000000"
REGION: Final = "cn-hangzhou"
MOST: Final = 24 * 1024  # bytes: a command encoded, and its output
_TYPES: Final = {"Linux": ("RunShellScript",), "Windows": ("RunPowerShellScript", "RunBatScript")}
_numbers = itertools.count(1)


@dataclass
class Ran:
    """What became of a script."""

    exit_code: int | None
    output: bytes
    code: str = ""  # of the cloud, if it was not run to its end
    status: str = "Finished"


class Host(Protocol):
    """What the instance is."""

    system: str

    def run(self, script: str) -> Ran:
        """Run it, parameters and all."""


@dataclass
class LinuxHost:
    """A real one: root's shell in its namespaces."""

    server: SshServer
    system: str = "Linux"

    def run(self, script: str) -> Ran:
        with tempfile.NamedTemporaryFile(dir=self.server.path("/tmp")) as file:
            file.write(script.encode())
            file.flush()
            answer = subprocess.run(
                [*self.server.inside(), "/bin/sh", f"/tmp/{Path(file.name).name}"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
                env={"PATH": "/sbin:/bin:/usr/sbin:/usr/bin", "HOME": "/root"},
            )
        return Ran(answer.returncode, answer.stdout)


@dataclass
class Invocation:
    id: str
    asked: dict[str, str]
    ran: Ran | None = None
    at: datetime | None = None  # when it was over

    @property
    def script(self) -> str:
        return base64.b64decode(self.asked["CommandContent"]).decode()

    def result(self) -> Json:
        instance = self.asked["InstanceId.1"]
        shown: Json = {"InvokeId": self.id, "InstanceId": instance, "Username": "", "Dropped": 0, "Output": ""}
        if self.ran is None:
            return shown | {"InvokeRecordStatus": "Running", "InvocationStatus": "Running"}
        ran, output = self.ran, self.ran.output
        success = ran.status == "Finished" and ran.exit_code == 0
        assert self.at is not None
        return shown | {
            "FinishedTime": self.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "InvokeRecordStatus": ran.status,
            "InvocationStatus": "Success" if success else "Failed",
            "ExitCode": ran.exit_code if ran.exit_code is not None else -1,
            "ErrorCode": ran.code or ("" if success else "ExitCodeNonzero"),
            "Dropped": max(0, len(output) - MOST),
            "Output": base64.b64encode(output[:MOST]).decode("ascii"),
        }


def changes(script: str) -> bool:
    """Whether it is one of ours for Linux that changes something."""
    return any(f"\nkw_do 1 {function} " in script for function in ("kw_write", "kw_swap"))


class Ecs:
    """One instance. `held` says of a script that is accepted that it is not run before a test says so."""

    def __init__(self, host: Host, instance: str = INSTANCE) -> None:
        self.host, self.instance = host, instance
        self.delay = 0.0  # seconds until what was accepted is run
        self.held: Callable[[str], bool] = lambda _script: False
        self.assistant: str | None = "true"  # None: the instance is not shown
        self.role = ""
        self.next_ran: list[Ran] = []  # what becomes of the next scripts, in the place of running them
        self.commands: list[str] = []  # every script that was accepted, decoded
        self.found: Counter[str] = Counter()  # how often an invocation was asked for again by its token, by id
        self.invocations: dict[str, Invocation] = {}
        self.parameters: Callable[[str], str] | None = None  # of OOS, as the instance's role reads them
        self._tokens: dict[str, Invocation] = {}
        self._lock = threading.RLock()
        self._waiting: set[threading.Timer] = set()

    def release(self) -> None:
        """What was held is run now, one after the other, and nothing is held from now on."""
        self.held = lambda _script: False
        for invocation in list(self.invocations.values()):
            if invocation.ran is None:
                self._run(invocation)

    def waits(self) -> bool:
        """Whether anything that was accepted has not been run."""
        return bool(self.running())

    def running(self) -> dict[str, str]:
        """The scripts that are not over, by the ids of their invocations."""
        return {one.id: one.script for one in list(self.invocations.values()) if one.ran is None}

    def close(self) -> None:
        """What still waits is not done any more."""
        for timer in list(self._waiting):
            timer.cancel()

    # --- the API ---

    def answer(self, call: Call) -> Json:
        """What a call gets whose signature is known to be right. Raises Refused."""
        with self._lock:
            operation = getattr(self, f"_{call.action}", None)
            if operation is None:
                raise Refused(400, "InvalidAction.NotFound")
            asked = call.parameters()
            if asked.get("RegionId") != REGION:
                raise Refused(404, "InvalidRegionId.NotFound")
            answer: Json = operation(asked)
            return answer

    def _RunCommand(self, asked: dict[str, str]) -> Json:  # noqa: N802 - the API's own names, as below
        same = {name: value for name, value in asked.items() if not name.startswith(("Signature", "Timestamp"))}
        token = asked.get("ClientToken", "")
        if len(token) > 64 or not token.isascii():
            raise Refused(400, "InvalidClientToken.Malformed")
        if token and token in self._tokens:
            if self._tokens[token].asked != same:
                raise Refused(403, "IdempotentParameterMismatch")
            self.found[self._tokens[token].id] += 1
            return {"InvokeId": self._tokens[token].id, "CommandId": f"c-{self._tokens[token].id}"}
        self._judge(asked)
        invocation = Invocation(f"t-hz{next(_numbers):016d}", same)
        self.invocations[invocation.id] = invocation
        self.commands.append(invocation.script)
        if token:
            self._tokens[token] = invocation
        if not self.held(self.commands[-1]):
            timer = threading.Timer(self.delay, self._run, [invocation])
            timer.daemon = True
            self._waiting.add(timer)
            timer.start()
        return {"InvokeId": invocation.id, "CommandId": f"c-{invocation.id}"}

    def _judge(self, asked: dict[str, str]) -> None:
        if asked.get("InstanceId.1") != self.instance:
            raise Refused(404, "InvalidInstance.NotFound")
        if asked.get("Type") not in _TYPES[self.host.system]:
            raise Refused(400, "InvalidInstance.NotMatch")
        content = asked["CommandContent"]
        if len(content) > MOST:
            raise Refused(403, "CmdContent.ExceedLimit")
        try:
            assert asked["ContentEncoding"] == "Base64"
            base64.b64decode(content, validate=True).decode()
        except (AssertionError, ValueError, binascii.Error):
            raise Refused(400, "CmdContent.DecodeError") from None

    def _run(self, invocation: Invocation) -> None:
        script = invocation.script
        if self.next_ran:
            ran = self.next_ran.pop(0)
        elif self.assistant != "true":
            ran = Ran(None, b"", "ClientNotRunning", "Failed")
        else:
            try:
                if invocation.asked.get("EnableParameter", "").lower() == "true":
                    script = self._filled(script)
                ran = self.host.run(script)
            except LookupError:
                ran = Ran(None, b"", "ExecutionException", "Failed")
        with self._lock:
            invocation.ran, invocation.at = ran, datetime.now(UTC)

    def _filled(self, script: str) -> str:
        """With its secret parameters in their places, as the agent on the instance reads them. Raises LookupError."""
        assert self.parameters is not None
        while "{{oos-secret:" in script:
            before, _, rest = script.partition("{{oos-secret:")
            name, _, after = rest.partition("}}")
            script = before + self.parameters(name.strip()) + after
        return script

    def _DescribeInvocationResults(self, asked: dict[str, str]) -> Json:  # noqa: N802
        found = self.invocations.get(asked.get("InvokeId", ""))
        results = [found.result()] if found is not None else []
        return {"Invocation": {"InvocationResults": {"InvocationResult": results}, "TotalCount": len(results)}}

    def _DescribeCloudAssistantStatus(self, asked: dict[str, str]) -> Json:  # noqa: N802
        shown = []
        if asked.get("InstanceId.1") == self.instance and self.assistant is not None:
            shown = [{"InstanceId": self.instance, "CloudAssistantStatus": self.assistant, "OSType": self.host.system}]
        return {"InstanceCloudAssistantStatusSet": {"InstanceCloudAssistantStatus": shown}, "TotalCount": len(shown)}

    def _DescribeInstanceRamRole(self, asked: dict[str, str]) -> Json:  # noqa: N802
        is_asked = self.instance in asked.get("InstanceIds", "")
        shown = [{"InstanceId": self.instance, "RamRoleName": self.role}] if is_asked else []
        return {"InstanceRamRoleSets": {"InstanceRamRoleSet": shown}, "RegionId": REGION, "TotalCount": len(shown)}


class Fleet:
    """Several instances of one region."""

    def __init__(self, *instances: Ecs) -> None:
        self.instances = instances

    def answer(self, call: Call) -> Json:
        """As `Ecs.answer`, by the instance that the call names."""
        asked = call.parameters()
        named = " ".join(asked.get(name, "") for name in ("InstanceId", "InstanceId.1", "InstanceIds"))
        found = next((one for one in self.instances if one.instance in named), self.instances[0])
        return found.answer(call)
