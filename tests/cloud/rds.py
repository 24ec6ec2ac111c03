"""RDS 2014-08-15 on one instance, as the published documentation describes the calls that we make."""

from __future__ import annotations

from tests.cloud.databases import Account, Databases, Json, password_of
from tests.cloud.signatures import Refused

VERSION = "2014-08-15"
_FOUR = ("ReadWrite", "ReadOnly", "DDLOnly", "DMLOnly")


class Rds(Databases):
    levels = {"MySQL": _FOUR, "MariaDB": _FOUR, "PostgreSQL": ("DBOwner",)}  # noqa: RUF012
    longest = {"MySQL": 32, "MariaDB": 16, "PostgreSQL": 63}  # noqa: RUF012

    def _addressed(self, asked: dict[str, str]) -> None:
        if asked.get("DBInstanceId") != self.instance:
            raise Refused(404, "InvalidDBInstanceId.NotFound")

    def _DescribeDBInstanceAttribute(self, _asked: dict[str, str]) -> Json:  # noqa: N802 - the API's own names, as below
        about = {
            "DBInstanceId": self.instance,
            "DBInstanceStatus": self.status,
            "DBInstanceType": self.role,
            "Engine": self.engine,
            "EngineVersion": "8.0",
        }
        return {"Items": {"DBInstanceAttribute": [about]}}

    def _DescribeAccounts(self, asked: dict[str, str]) -> Json:  # noqa: N802
        size, page = int(asked.get("PageSize", "30")), int(asked.get("PageNumber", "1"))
        if not 30 <= size <= 200:
            raise Refused(400, "InvalidPageSize.Malformed")
        shown = [one for one in self.accounts.values() if asked.get("AccountName") in (None, one.name)]
        shown = shown[(page - 1) * size : page * size]
        listed = [self._listed(one) for one in shown]
        self._looked(one.name for one in shown)
        return {"Accounts": {"DBInstanceAccount": listed}, "PageNumber": page}

    def _listed(self, account: Account) -> Json:
        rights = [{"DBName": db, "AccountPrivilege": level} for db, level in account.privileges.items()]
        return {
            "DBInstanceId": self.instance,
            "AccountName": account.name,
            "AccountStatus": "Locked" if account.locked else account.status,
            "AccountType": account.type,
            "AccountDescription": account.description,
            "DatabasePrivileges": {"DatabasePrivilege": rights},
        }

    def _CreateAccount(self, asked: dict[str, str]) -> Json:  # noqa: N802
        type_ = asked.get("AccountType", "Normal")
        if type_ not in ("Normal", "Super"):
            raise Refused(400, "InvalidAccountType.Format")
        self._made(self._new(asked, type_), password_of(asked), {})
        return {}

    def _ResetAccountPassword(self, asked: dict[str, str]) -> Json:  # noqa: N802
        account, password = self._named(asked, free=True), password_of(asked)
        self._change("ResetAccountPassword", account, lambda: self.server.set(account.name, password))
        return {}
