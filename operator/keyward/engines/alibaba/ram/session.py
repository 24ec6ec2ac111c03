"""What the admin's login does in RAM: list, issue, switch off, delete. It holds no connection and no lock.

There is no lock to be had: who comes second is stopped by the limit of two keys, and by the compare-and-swap of the records.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final, TypeVar

from keyward.domain import access_keys
from keyward.domain.access_keys import Pair
from keyward.engines.alibaba.failures import Failure
from keyward.engines.alibaba.ram.errors import GONE, translate
from keyward.engines.alibaba.ram.sdk import Cloud
from keyward.engines.base import (
    ABSENT,
    AccountSet,
    AccountState,
    Action,
    BeforeSend,
    Change,
    Inspection,
    Removal,
)
from keyward.engines.issuing import Held, Holdings, Issued
from keyward.engines.overlap import Ending
from keyward.errors import Blocked, KeywardError, Reason

T = TypeVar("T")
_STAMP: Final = "%Y-%m-%dT%H:%M:%SZ"
_ISSUED: Final = "AccessKeys are issued and withdrawn, users are neither made nor changed"


class Session:
    """Implements `IssuingSession`."""

    most = access_keys.MOST

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._requests: list[str] = []

    @property
    def requests(self) -> tuple[str, ...]:
        return tuple(self._requests)

    async def inspect(self, accounts: AccountSet) -> Inspection:
        found = {}
        for user in accounts.names:
            try:
                await _answer(self._cloud.keys(user))
            except Blocked as error:
                if error.reason is not Reason.ACCOUNT_MISSING:
                    raise
                found[user] = ABSENT
            else:
                found[user] = AccountState(exists=True, can_login=True)
        return Inspection(found, keeps_marks=False)

    async def check(self, accounts: AccountSet, inspection: Inspection) -> None:
        """RAM tells nobody what he may do: a right that is missing is named by the call that needs it."""

    async def holdings(self, account: str) -> Holdings:
        found = await _answer(self._cloud.keys(account))
        return Holdings(tuple(Held(key.id, key.active, key.created) for key in found.keys), found.at)

    async def was_used(self, account: str, id_: str) -> bool:
        return await _answer(self._cloud.was_used(account, id_))

    async def issue(self, account: str, before_send: BeforeSend) -> Issued:
        await before_send()
        made = await _answer(self._cloud.create(account), sends=True)
        self._note("CreateAccessKey", made.request_id)
        pair = Pair(made.key.id, made.secret, made.key.created.strftime(_STAMP))
        return Issued(pair.id, access_keys.encode([pair]))

    async def withdraw(self, account: str, id_: str, before_send: BeforeSend) -> None:
        await before_send()
        if await self._deactivate(account, id_):
            await before_send()
            request = await _unless_gone(self._cloud.delete(account, id_))
            self._note("DeleteAccessKey", request)

    async def end(self, ending: Ending, before_send: BeforeSend) -> None:
        kept = access_keys.ids(ending.keep)
        for id_ in access_keys.ids(ending.old):
            if id_ not in kept:
                await before_send()
                await self._deactivate(ending.account, id_)

    async def _deactivate(self, account: str, id_: str) -> bool:
        """Whether the key is there, and now off."""
        request = await _unless_gone(self._cloud.deactivate(account, id_))
        self._note("UpdateAccessKey", request)
        return request is not None

    def _note(self, operation: str, request: str | None) -> None:
        if request:
            self._requests.append(f"{operation} {request}")

    async def apply(self, change: Change, before_send: BeforeSend) -> None:  # noqa: ARG002
        """Never asked for. Raises Blocked."""
        raise Blocked(Reason.ENGINE_UNSUPPORTED, _ISSUED)

    async def remove(self, removal: Removal, before_send: BeforeSend) -> Action:  # noqa: ARG002
        """Never asked for. Raises Blocked."""
        raise Blocked(Reason.ENGINE_UNSUPPORTED, _ISSUED)


async def _answer(work: Awaitable[T], *, sends: bool = False) -> T:
    """Raises KeywardError in the place of Failure."""
    error: KeywardError
    try:
        return await work
    except Failure as failure:
        error = translate(failure, sends=sends)
    raise error


async def _unless_gone(work: Awaitable[str]) -> str | None:
    """The request's id; None if the key is not there."""
    error: KeywardError
    try:
        return await work
    except Failure as failure:
        if failure.code == GONE:
            return None
        error = translate(failure, sends=True)
    raise error
