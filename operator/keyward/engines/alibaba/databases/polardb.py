"""Calls of the PolarDB API with the official SDK, on one cluster."""

from __future__ import annotations

import hashlib
from typing import Any

from alibabacloud_polardb20170801 import models
from alibabacloud_polardb20170801.client import Client

from keyward.engines.alibaba import descriptions
from keyward.engines.alibaba.databases.accounts import Accounts
from keyward.engines.alibaba.databases.errors import TAKEN
from keyward.engines.alibaba.databases.instance import NORMAL, About, Account, Making
from keyward.engines.alibaba.failures import Failure, Way
from keyward.sensitive import Sensitive


class PolarDBCluster(Accounts):
    """Implements `Instance`."""

    client, models, service, key, page = Client, models, "PolarDB", "dbcluster_id", 100
    resets = "ModifyAccountPassword"
    takes_all_at_once = True

    async def about(self) -> About:
        found = await self.ask("describe_dbcluster_attribute", "DescribeDBClusterAttributeRequest")
        if found.dbcluster_id != self.id:
            raise Failure(Way.MALFORMED)
        return About(found.dbtype or "", found.dbversion or "", found.dbcluster_status or "")

    def listed(self, body: Any) -> list[Any]:
        return body.accounts or []

    def read(self, found: Any) -> Account:
        rights = found.database_privileges or ()
        return Account(
            name=found.account_name,
            status=found.account_status or "",
            type=found.account_type or NORMAL,
            privileges={one.dbname: one.account_privilege or "" for one in rights if one.dbname},
            comment=descriptions.read(found.account_description),
            is_locked=found.account_lock_state == "Lock",
        )

    async def check_name(self, name: str) -> None:
        try:
            await self.ask("check_account_name", "CheckAccountNameRequest", account_name=name)
        except Failure as failure:
            # One that was made meanwhile is no bad name: the next look tells whose it is.
            if not failure.code.startswith(TAKEN):
                raise

    async def create(self, made: Making) -> str:
        databases = sorted(made.privileges)
        return await self.change(
            "create_account",
            "CreateAccountRequest",
            account_name=made.name,
            account_password=made.password.reveal_text(),
            account_type=NORMAL,  # absent, it would be a super account
            account_description=descriptions.written(made.comment),
            dbname=",".join(databases) or None,
            account_privilege=",".join(made.privileges[one] for one in databases) or None,
            client_token=_token(made),
        )

    async def reset(self, name: str, password: Sensitive) -> str:
        return await self.change(
            "modify_account_password",
            "ModifyAccountPasswordRequest",
            account_name=name,
            new_account_password=password.reveal_text(),
        )


def _token(made: Making) -> str:
    """The same for the same version and account: its mark names the store, the lineage and the version."""
    return hashlib.sha256(f"{made.comment} {made.name}".encode()).hexdigest()
