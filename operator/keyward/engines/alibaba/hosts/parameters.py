"""Secret parameters of OOS, with the official SDK: where a value is for as long as one command needs it.

A parameter is named by the version, so that whoever comes after a kill, or after a lost answer, finds it and deletes it.
"""

from __future__ import annotations

import base64
import hashlib
from types import TracebackType
from typing import Any, Final, Self

from alibabacloud_oos20190601 import models as oos
from alibabacloud_oos20190601.client import Client as OosClient

from keyward.engines.alibaba.calls import Caller
from keyward.engines.alibaba.errors import FIELD
from keyward.engines.alibaba.failures import Failure
from keyward.engines.alibaba.hosts.commands import Memory
from keyward.engines.alibaba.hosts.errors import NO_PARAMETER, PARAMETER_EXISTS, translate
from keyward.engines.alibaba.hosts.sdk import POWERSHELL, Script
from keyward.errors import KeywardError, Reason, Retry, Unsettled
from keyward.sensitive import Sensitive

_PAGE: Final = 50
_START: Final = "keyward-"


class Parameters:
    """Of one cloud account, in the instance's region. Every call raises Failure, and nothing else."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self.region, self.instance = caller.api.region, caller.api.instance

    async def create(self, name: str, value: Sensitive, client_token: str) -> None:
        """With the value in base64, in which nothing means anything to a shell."""
        request = oos.CreateSecretParameterRequest(
            region_id=self.region,
            name=name,
            type="Secret",
            value=base64.b64encode(value.reveal()).decode("ascii"),
            description="Of one step of Keyward, which deletes it",
            client_token=client_token,
        )
        await self._oos("create_secret_parameter", request)

    async def delete(self, name: str) -> None:
        """One that is not there is no failure."""
        request = oos.DeleteSecretParameterRequest(region_id=self.region, name=name)
        try:
            await self._oos("delete_secret_parameter", request)
        except Failure as failure:
            if failure.code != NO_PARAMETER:
                raise

    async def names(self, start: str) -> tuple[str, ...]:
        """Of those whose name begins so, the first fifty."""
        request = oos.ListSecretParametersRequest(region_id=self.region, name=start, max_results=_PAGE)
        found = (await self._oos("list_secret_parameters", request)).parameters or ()
        return tuple(one.name for one in found if (one.name or "").startswith(start))

    async def _oos(self, operation: str, request: Any) -> Any:
        return (await self._caller.call(OosClient, "OOS", operation, request)).body


class Step:
    """One parameter with the value of one version, there until the end of the block; while a command may still need it, it stays.

    Raises (on entering): Retry or Blocked. On leaving, if it could not be deleted: Retry, or Unsettled once something was `sent`
    that the value may have been set by; it may be there still, and the next attempt finds it.
    """

    def __init__(self, parameters: Parameters, memory: Memory, version: str, value: Sensitive) -> None:
        self._parameters, self._memory, self._value = parameters, memory, value
        self._start = _start(parameters.instance, version)
        self.name = f"{self._start}{_digest(version)}"
        self.sent = False

    def script(self, content: str) -> Script:
        """One that has the parameter's value put into it."""
        return Script(POWERSHELL, content, parameters=True)

    async def __aenter__(self) -> Self:
        failure: KeywardError
        try:
            for name in await self._parameters.names(self._start):
                if name != self.name:
                    await self._delete(name)  # of another version: nobody will ask for it any more
            await self._create()
        except Failure as error:
            failure = translate(error)
        else:
            return self
        raise failure

    async def _create(self) -> None:
        try:
            await self._parameters.create(self.name, self._value, self._memory.token(self.name))
        except Failure as failure:
            if not failure.code.startswith(PARAMETER_EXISTS):
                raise
        else:
            return
        if self._memory.token(self.name) in self._memory.made:
            return  # by us, for a command that is not over
        # Left by a process that was killed, or put there by somebody: what is in it is not known, so it is not used.
        await self._delete(self.name)
        await self._parameters.create(self.name, self._value, self._memory.token(self.name))

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: TracebackType | None) -> None:
        if error is not None and not _is_over(error):
            self._memory.made.add(self._memory.token(self.name))
            return
        failure: KeywardError
        try:
            await self._delete(self.name)
        except Failure as failed:
            failure = translate(failed)
        else:
            return
        if error is None:
            said = failure.message.removeprefix(FIELD)
            text = f"{FIELD}the secret parameter {self.name} could not be deleted, and nothing goes on before it is: {said}"
            raise Unsettled(Reason.UNKNOWN_OUTCOME, text) if self.sent else Retry(failure.reason, text)

    async def _delete(self, name: str) -> None:
        await self._parameters.delete(name)
        self._memory.made.discard(self._memory.token(name))
        self._memory.told(name)  # one that is made anew is asked for anew


def _is_over(error: BaseException) -> bool:
    """Whether no command can be under way any more that needs the value."""
    return isinstance(error, KeywardError) and error.reason not in (Reason.BUSY, Reason.UNKNOWN_OUTCOME)


def _start(instance: str, version: str) -> str:
    """What the names begin with of all versions of one lineage, on one instance."""
    lineage = version.rpartition(" ")[0].rpartition(" ")[0]
    return f"{_START}{_digest(instance, lineage)}-"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
