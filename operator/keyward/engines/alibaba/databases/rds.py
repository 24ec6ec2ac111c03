"""Calls of the RDS API with the official SDK, on one instance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from alibabacloud_rds20140815 import models
from alibabacloud_rds20140815.client import Client

from keyward.engines.alibaba import descriptions
from keyward.engines.alibaba.calls import Caller
from keyward.engines.alibaba.databases.errors import GONE, named
from keyward.engines.alibaba.databases.instance import NORMAL, SUPER, About, Account, Making, level
from keyward.engines.alibaba.failures import Failure, Way
from keyward.engines.base import Login, Place
from keyward.sensitive import Sensitive

_SERVICE: Final = "RDS"
_PAGE: Final = 200
_MOST_PAGES: Final = 50
_LOCKED: Final = "Locked"


class RdsInstance:
    """Implements `Instance`."""

    resets = "ResetAccountPassword"
    takes_all_at_once = False

    def __init__(self, place: Place, login: Login, timeout: float) -> None:
        assert place.cloud is not None
        self.id = place.cloud.instance
        self._caller = Caller(place, login, timeout, chain=place.cloud.default_chain)

    async def about(self) -> About:
        request = models.DescribeDBInstanceAttributeRequest(dbinstance_id=self.id)
        items = (await self._call("describe_dbinstance_attribute", request)).items
        for found in (items and items.dbinstance_attribute) or ():
            if found.dbinstance_id == self.id:
                return About(found.engine or "", found.engine_version or "", found.dbinstance_status or "")
        raise Failure(Way.MALFORMED)

    async def account(self, name: str) -> Account | None:
        found = await self._accounts(models.DescribeAccountsRequest(dbinstance_id=self.id, account_name=name))
        return next((_account(one) for one in found if one.account_name == name), None)

    async def accounts(self) -> list[Account]:
        found: list[Account] = []
        for page in range(1, _MOST_PAGES + 1):
            request = models.DescribeAccountsRequest(dbinstance_id=self.id, page_number=page, page_size=_PAGE)
            shown = await self._accounts(request)
            found += [_account(one) for one in shown]
            if len(shown) < _PAGE:
                return found
        raise Failure(Way.MALFORMED)

    async def _accounts(self, request: models.DescribeAccountsRequest) -> list[Any]:
        try:
            listed = (await self._call("describe_accounts", request)).accounts
        except Failure as failure:
            if failure.code != GONE:
                raise
            return []
        return (listed and listed.dbinstance_account) or []

    async def check_name(self, name: str) -> None:
        """Nothing is asked: CreateAccount says the same."""

    async def create(self, made: Making) -> str:
        request = models.CreateAccountRequest(
            dbinstance_id=self.id,
            account_name=made.name,
            account_password=made.password.reveal_text(),
            account_type=SUPER if made.is_super else NORMAL,
            account_description=descriptions.written(made.comment),
        )
        return _id(await self._call("create_account", request))

    async def grant(self, name: str, privileges: Mapping[str, str]) -> str:
        databases = sorted(privileges)
        request = models.GrantAccountPrivilegeRequest(
            dbinstance_id=self.id,
            account_name=name,
            dbname=",".join(databases),
            account_privilege=",".join(privileges[one] for one in databases),
        )
        return _id(await self._call("grant_account_privilege", request))

    async def revoke(self, name: str, databases: list[str]) -> str:
        request = models.RevokeAccountPrivilegeRequest(
            dbinstance_id=self.id, account_name=name, dbname=",".join(databases)
        )
        return _id(await self._call("revoke_account_privilege", request))

    async def reset(self, name: str, password: Sensitive) -> str:
        request = models.ResetAccountPasswordRequest(
            dbinstance_id=self.id, account_name=name, account_password=password.reveal_text()
        )
        return _id(await self._call("reset_account_password", request))

    async def describe(self, name: str, comment: str) -> str:
        request = models.ModifyAccountDescriptionRequest(
            dbinstance_id=self.id, account_name=name, account_description=descriptions.written(comment)
        )
        return _id(await self._call("modify_account_description", request))

    async def delete(self, name: str) -> str:
        request = models.DeleteAccountRequest(dbinstance_id=self.id, account_name=name)
        return _id(await self._call("delete_account", request))

    async def _call(self, operation: str, request: Any) -> Any:
        return await named(operation, self._caller.call(Client, _SERVICE, operation, request))


def _account(found: Any) -> Account:
    listed = found.database_privileges
    rights = (listed and listed.database_privilege) or ()
    return Account(
        name=found.account_name,
        status=found.account_status or "",
        type=found.account_type or NORMAL,
        privileges={one.dbname: level(one.account_privilege or "") for one in rights if one.dbname},
        comment=descriptions.read(found.account_description),
        is_locked=found.account_status == _LOCKED,
    )


def _id(body: Any) -> str:
    return body.request_id or ""
