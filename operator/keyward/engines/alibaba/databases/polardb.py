"""Calls of the PolarDB API with the official SDK, on one cluster."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from alibabacloud_polardb20170801 import models
from alibabacloud_polardb20170801.client import Client

from keyward.engines.alibaba import descriptions
from keyward.engines.alibaba.calls import Caller
from keyward.engines.alibaba.databases.errors import GONE, named
from keyward.engines.alibaba.databases.instance import NORMAL, About, Account, Making
from keyward.engines.alibaba.failures import Failure, Way
from keyward.engines.base import Login, Place
from keyward.sensitive import Sensitive

_SERVICE: Final = "PolarDB"
_PAGE: Final = 100
_MOST_PAGES: Final = 50


class PolarDBCluster:
    """Implements `Instance`."""

    resets = "ModifyAccountPassword"
    takes_all_at_once = True

    def __init__(self, place: Place, login: Login, timeout: float) -> None:
        assert place.cloud is not None
        self.id = place.cloud.instance
        self._caller = Caller(place, login, timeout, chain=place.cloud.default_chain)

    async def about(self) -> About:
        request = models.DescribeDBClusterAttributeRequest(dbcluster_id=self.id)
        found = await self._call("describe_dbcluster_attribute", request)
        if found.dbcluster_id != self.id:
            raise Failure(Way.MALFORMED)
        return About(found.dbtype or "", found.dbversion or "", found.dbcluster_status or "")

    async def account(self, name: str) -> Account | None:
        found = await self._accounts(models.DescribeAccountsRequest(dbcluster_id=self.id, account_name=name))
        return next((_account(one) for one in found if one.account_name == name), None)

    async def accounts(self) -> list[Account]:
        found: list[Account] = []
        for page in range(1, _MOST_PAGES + 1):
            request = models.DescribeAccountsRequest(dbcluster_id=self.id, page_number=page, page_size=_PAGE)
            shown = await self._accounts(request)
            found += [_account(one) for one in shown]
            if len(shown) < _PAGE:
                return found
        raise Failure(Way.MALFORMED)

    async def _accounts(self, request: models.DescribeAccountsRequest) -> list[Any]:
        try:
            return (await self._call("describe_accounts", request)).accounts or []
        except Failure as failure:
            if failure.code != GONE:
                raise
        return []

    async def check_name(self, name: str) -> None:
        request = models.CheckAccountNameRequest(dbcluster_id=self.id, account_name=name)
        await self._call("check_account_name", request)

    async def create(self, made: Making) -> str:
        databases = sorted(made.privileges)
        request = models.CreateAccountRequest(
            dbcluster_id=self.id,
            account_name=made.name,
            account_password=made.password.reveal_text(),
            account_type=NORMAL,  # absent, it would be a super account
            account_description=descriptions.written(made.comment),
            dbname=",".join(databases) or None,
            account_privilege=",".join(made.privileges[one] for one in databases) or None,
            client_token=_token(made),
        )
        return _id(await self._call("create_account", request))

    async def grant(self, name: str, privileges: Mapping[str, str]) -> str:
        databases = sorted(privileges)
        request = models.GrantAccountPrivilegeRequest(
            dbcluster_id=self.id,
            account_name=name,
            dbname=",".join(databases),
            account_privilege=",".join(privileges[one] for one in databases),
        )
        return _id(await self._call("grant_account_privilege", request))

    async def revoke(self, name: str, databases: list[str]) -> str:
        request = models.RevokeAccountPrivilegeRequest(
            dbcluster_id=self.id, account_name=name, dbname=",".join(databases)
        )
        return _id(await self._call("revoke_account_privilege", request))

    async def reset(self, name: str, password: Sensitive) -> str:
        request = models.ModifyAccountPasswordRequest(
            dbcluster_id=self.id, account_name=name, new_account_password=password.reveal_text()
        )
        return _id(await self._call("modify_account_password", request))

    async def describe(self, name: str, comment: str) -> str:
        request = models.ModifyAccountDescriptionRequest(
            dbcluster_id=self.id, account_name=name, account_description=descriptions.written(comment)
        )
        return _id(await self._call("modify_account_description", request))

    async def delete(self, name: str) -> str:
        request = models.DeleteAccountRequest(dbcluster_id=self.id, account_name=name)
        return _id(await self._call("delete_account", request))

    async def _call(self, operation: str, request: Any) -> Any:
        return await named(operation, self._caller.call(Client, _SERVICE, operation, request))


def _token(made: Making) -> str:
    """The same for the same version and account: its mark names the store, the lineage and the version."""
    return hashlib.sha256(f"{made.comment} {made.name}".encode()).hexdigest()


def _account(found: Any) -> Account:
    return Account(
        name=found.account_name,
        status=found.account_status or "",
        type=found.account_type or NORMAL,
        privileges={one.dbname: one.account_privilege or "" for one in found.database_privileges or () if one.dbname},
        comment=descriptions.read(found.account_description),
        is_locked=found.account_lock_state == "Lock",
    )


def _id(body: Any) -> str:
    return body.request_id or ""
