"""Calls of the R-kvstore API with the official SDK, on one instance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from alibabacloud_r_kvstore20150101 import models
from alibabacloud_r_kvstore20150101.client import Client

from keyward.engines.alibaba import descriptions
from keyward.engines.alibaba.calls import Caller
from keyward.engines.alibaba.failures import Failure, Way
from keyward.engines.base import Login, Place
from keyward.sensitive import Sensitive

AVAILABLE: Final = "Available"
_NORMAL: Final = "Normal"
_SERVICE: Final = "Tair"
_MOST_PAGES: Final = 20


@dataclass(frozen=True, slots=True)
class About:
    """What the cloud says of the instance. `asks_passwords` is false where it lets everybody of its VPC in without."""

    kind: str  # Redis, Tair, Memcache
    version: str
    status: str
    asks_passwords: bool

    @property
    def is_running(self) -> bool:
        return self.status == _NORMAL


@dataclass(frozen=True, slots=True)
class Account:
    """What the cloud says of one account."""

    name: str
    is_available: bool  # nothing is being done to it
    is_normal: bool  # neither the instance's own nor a super account
    privilege: str
    comment: str | None


class Instance:
    """One instance, called with one login. Every call raises Failure, and nothing else that tells of what was asked.

    Calls that change something answer with the request's id.
    """

    def __init__(self, place: Place, login: Login, timeout: float) -> None:
        assert place.cloud is not None
        self.id = place.cloud.instance
        self._caller = Caller(place, login, timeout, chain=place.cloud.default_chain)

    async def about(self) -> About:
        request = models.DescribeInstanceAttributeRequest(instance_id=self.id)
        instances = (await self._call("describe_instance_attribute", request)).instances
        for found in (instances and instances.dbinstance_attribute) or ():
            if found.instance_id == self.id:
                return About(
                    kind=found.instance_type or found.engine or "",
                    version=found.engine_version or "",
                    status=found.instance_status or "",
                    asks_passwords=found.vpc_auth_mode != "Close",
                )
        raise Failure(Way.MALFORMED)

    async def accounts(self) -> dict[str, Account]:
        """All of them, by name."""
        found: dict[str, Account] = {}
        for page in range(1, _MOST_PAGES + 1):
            number = page if page > 1 else None
            body = await self._call(
                "describe_accounts", models.DescribeAccountsRequest(instance_id=self.id, page_number=number)
            )
            shown = (body.accounts and body.accounts.account) or ()
            before = len(found)
            found |= {one.account_name: self._account(one) for one in shown if one.account_name}
            if len(found) == before or len(found) >= (body.total_count or 0):
                return found
        raise Failure(Way.MALFORMED)

    async def create(self, name: str, password: Sensitive, privilege: str, comment: str) -> str:
        request = models.CreateAccountRequest(
            instance_id=self.id,
            account_name=name,
            account_password=password.reveal_text(),
            account_type=_NORMAL,
            account_privilege=privilege,
            account_description=descriptions.written(comment),
        )
        return _id(await self._call("create_account", request))

    async def reset(self, name: str, password: Sensitive) -> str:
        request = models.ResetAccountPasswordRequest(
            instance_id=self.id, account_name=name, account_password=password.reveal_text()
        )
        return _id(await self._call("reset_account_password", request))

    async def grant(self, name: str, privilege: str) -> str:
        request = models.GrantAccountPrivilegeRequest(
            instance_id=self.id, account_name=name, account_privilege=privilege
        )
        return _id(await self._call("grant_account_privilege", request))

    async def describe(self, name: str, comment: str) -> str:
        request = models.ModifyAccountDescriptionRequest(
            instance_id=self.id, account_name=name, account_description=descriptions.written(comment)
        )
        return _id(await self._call("modify_account_description", request))

    async def delete(self, name: str) -> str:
        request = models.DeleteAccountRequest(instance_id=self.id, account_name=name)
        return _id(await self._call("delete_account", request))

    async def _call(self, operation: str, request: Any) -> Any:
        return (await self._caller.call(Client, _SERVICE, operation, request)).body

    def _account(self, found: Any) -> Account:
        rights = (found.database_privileges and found.database_privileges.database_privilege) or ()
        return Account(
            name=found.account_name,
            is_available=found.account_status == AVAILABLE,
            is_normal=found.account_type in (None, "", _NORMAL) and found.account_name not in (self.id, "default"),
            privilege=next((one.account_privilege for one in rights if one.account_privilege), ""),
            comment=descriptions.read(found.account_description),
        )


def _id(body: Any) -> str:
    return body.request_id or ""
