"""PolarDB 2017-08-01 on one cluster, as the published documentation describes the calls that we make."""

from __future__ import annotations

from typing import Any

from tests.cloud import databases
from tests.cloud.databases import Account, Databases, Json, password_of
from tests.cloud.signatures import Refused

VERSION = "2017-08-01"
databases.MYSQL["ReadIndex"] = "SELECT, SHOW VIEW, LOCK TABLES, INDEX"


class Polardb(Databases):
    levels = {"MySQL": ("ReadWrite", "ReadOnly", "DDLOnly", "DMLOnly", "ReadIndex"), "PostgreSQL": ()}  # noqa: RUF012
    longest = {"MySQL": 16, "PostgreSQL": 16}  # noqa: RUF012
    at_work = "Creating"
    busy = "OperationDenied.DBClusterStatus"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.tokens: dict[str, dict[str, str]] = {}  # what was asked with each

    def _addressed(self, asked: dict[str, str]) -> None:
        if asked.get("DBClusterId") != self.instance:
            raise Refused(404, "InvalidDBClusterId.NotFound")

    def _DescribeDBClusterAttribute(self, _asked: dict[str, str]) -> Json:  # noqa: N802 - the API's own names, as below
        return {
            "DBClusterId": self.instance,
            "DBClusterStatus": self.status,
            "DBType": self.engine,
            "DBVersion": "8.0",
        }

    def _DescribeAccounts(self, asked: dict[str, str]) -> Json:  # noqa: N802
        size, page = int(asked.get("PageSize", "30")), int(asked.get("PageNumber", "1"))
        if size not in (30, 50, 100):
            raise Refused(400, "InvalidPageSize")
        shown = [one for one in self.accounts.values() if asked.get("AccountName") in (None, one.name)]
        shown = shown[(page - 1) * size : page * size]
        listed = [_listed(one) for one in shown]
        self._looked(one.name for one in shown)
        return {"Accounts": listed, "PageNumber": page, "PageRecordCount": len(shown)}

    def _CheckAccountName(self, asked: dict[str, str]) -> Json:  # noqa: N802
        self._check_name(asked)
        return {}

    def _CreateAccount(self, asked: dict[str, str]) -> Json:  # noqa: N802
        token = asked.get("ClientToken", "")
        if not token or len(token) > 64:
            raise Refused(400, "InvalidClientToken.Format")
        if token in self.tokens:
            if self.tokens[token] != _meant(asked):
                raise Refused(400, "IdempotentParameterMismatch")
            return {}
        account = self._new(asked, asked.get("AccountType", "Super"))
        rights = self._rights(asked) if "DBName" in asked else {}
        self._made(account, password_of(asked), rights)
        self.tokens[token] = _meant(asked)
        return {}

    def _ModifyAccountPassword(self, asked: dict[str, str]) -> Json:  # noqa: N802
        account, password = self._named(asked, free=True), password_of(asked, "NewAccountPassword")
        self._change("ModifyAccountPassword", account, lambda: self.server.set(account.name, password))
        return {}


def _meant(asked: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in asked.items() if name != "ClientToken"}


def _listed(account: Account) -> Json:
    return {
        "AccountName": account.name,
        "AccountStatus": account.status,
        "AccountType": account.type,
        "AccountDescription": account.description,
        "AccountLockState": "Lock" if account.locked else "UnLock",
        "DatabasePrivileges": [{"DBName": db, "AccountPrivilege": level} for db, level in account.privileges.items()],
    }
