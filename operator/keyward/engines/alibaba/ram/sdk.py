"""Calls of RAM and STS with the official SDK."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from alibabacloud_ram20150501 import models as ram
from alibabacloud_ram20150501.client import Client as RamClient
from alibabacloud_sts20150401.client import Client as StsClient

from keyward.engines.alibaba.calls import Caller
from keyward.engines.alibaba.failures import Failure, Way
from keyward.engines.base import Login, Place
from keyward.sensitive import Sensitive


@dataclass(frozen=True, slots=True)
class Key:
    """An AccessKey as the cloud lists it. `created` is by the cloud's clock, to the second."""

    id: str
    active: bool
    created: datetime


@dataclass(frozen=True, slots=True)
class Issued:
    """An AccessKey whose secret was just told, for the only time."""

    key: Key
    secret: Sensitive
    request_id: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The keys of a user, and what the cloud's clock said then."""

    keys: tuple[Key, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose AccessKey it is, as STS says."""

    kind: str
    account: str
    arn: str


class Cloud:
    """RAM and STS, called with one login. Every call raises Failure, and nothing else that tells of what was asked."""

    def __init__(self, place: Place, login: Login, timeout: float, *, chain: bool = False) -> None:
        """`timeout` in seconds bounds each answer; `chain`: the SDK's default chain has the login."""
        self._caller = Caller(place, login, timeout, chain=chain)

    async def keys(self, user: str) -> Listing:
        request = ram.ListAccessKeysRequest(user_name=user)
        answer = await self._ram("list_access_keys", request)
        found = answer.body.access_keys.access_key or ()
        return Listing(tuple(_key(one) for one in found), _date(answer))

    async def create(self, user: str) -> Issued:
        """A further key. Done or not, a call that gets no answer has no second one: see `Failure.is_unknown`."""
        answer = await self._ram("create_access_key", ram.CreateAccessKeyRequest(user_name=user))
        made = answer.body.access_key
        if not made.access_key_id or not made.access_key_secret:
            raise Failure(Way.MALFORMED)
        return Issued(_key(made), Sensitive(made.access_key_secret), answer.body.request_id or "")

    async def deactivate(self, user: str, key: str) -> str:
        """The request's id. A key that is not there raises Failure with the code `errors.GONE`."""
        request = ram.UpdateAccessKeyRequest(user_name=user, user_access_key_id=key, status="Inactive")
        return (await self._ram("update_access_key", request)).body.request_id or ""

    async def delete(self, user: str, key: str) -> str:
        """As `deactivate`."""
        request = ram.DeleteAccessKeyRequest(user_name=user, user_access_key_id=key)
        return (await self._ram("delete_access_key", request)).body.request_id or ""

    async def was_used(self, user: str, key: str) -> bool:
        request = ram.GetAccessKeyLastUsedRequest(user_name=user, user_access_key_id=key)
        used = (await self._ram("get_access_key_last_used", request)).body.access_key_last_used
        return bool(used and used.last_used_date and used.last_used_date[:1].isdigit())

    async def whoami(self) -> Owner:
        found = (await self._caller.call(StsClient, "STS", "get_caller_identity")).body
        return Owner(found.identity_type or "", found.account_id or "", found.arn or "")

    async def _ram(self, operation: str, request: Any) -> Any:
        return await self._caller.call(RamClient, "RAM", operation, request)


def _key(found: Any) -> Key:
    try:
        created = datetime.fromisoformat(found.create_date)
        return Key(str(found.access_key_id), found.status == "Active", created.astimezone(UTC))
    except (TypeError, ValueError):
        pass
    raise Failure(Way.MALFORMED)


def _date(answer: Any) -> datetime:
    try:
        return parsedate_to_datetime(answer.headers["date"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError):
        pass
    raise Failure(Way.MALFORMED)
