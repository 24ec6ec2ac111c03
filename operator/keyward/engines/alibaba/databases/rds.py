"""Calls of the RDS API with the official SDK, on one instance."""

from __future__ import annotations

from typing import Any, Final

from alibabacloud_rds20140815 import models
from alibabacloud_rds20140815.client import Client

from keyward.engines.alibaba import descriptions
from keyward.engines.alibaba.databases.accounts import Accounts
from keyward.engines.alibaba.databases.instance import NORMAL, SUPER, About, Account, Making, level
from keyward.engines.alibaba.failures import Failure, Way
from keyward.sensitive import Sensitive

_LOCKED: Final = "Locked"
_FOLLOWERS: Final = frozenset({"readonly", "guard"})  # the cloud writes the first in two ways


class RdsInstance(Accounts):
    """Implements `Instance`."""

    client, models, service, key, page = Client, models, "RDS", "dbinstance_id", 200
    resets = "ResetAccountPassword"
    takes_all_at_once = False

    async def about(self) -> About:
        items = (await self.ask("describe_dbinstance_attribute", "DescribeDBInstanceAttributeRequest")).items
        for found in (items and items.dbinstance_attribute) or ():
            if found.dbinstance_id == self.id:
                follows = (found.dbinstance_type or "").lower() in _FOLLOWERS
                return About(found.engine or "", found.engine_version or "", found.dbinstance_status or "", follows)
        raise Failure(Way.MALFORMED)

    def listed(self, body: Any) -> list[Any]:
        return (body.accounts and body.accounts.dbinstance_account) or []

    def read(self, found: Any) -> Account:
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

    async def check_name(self, name: str) -> None:
        """Nothing is asked: CreateAccount says the same."""

    async def create(self, made: Making) -> str:
        return await self.change(
            "create_account",
            "CreateAccountRequest",
            account_name=made.name,
            account_password=made.password.reveal_text(),
            account_type=SUPER if made.is_super else NORMAL,
            account_description=descriptions.written(made.comment),
        )

    async def reset(self, name: str, password: Sensitive) -> str:
        return await self.change(
            "reset_account_password",
            "ResetAccountPasswordRequest",
            account_name=name,
            account_password=password.reveal_text(),
        )
