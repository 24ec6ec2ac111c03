"""Tair and Redis instances and their accounts, as the published documentation of R-kvstore 2015-01-01 describes them.

State and rules only: no network. Each call that is accepted reaches a real Redis later; until then the account is Unavailable,
and calls that would change it are denied. `combined`: the server is told no ACL users; the default user takes `user:password`, as
instances do that know no AUTH with two words. Rights are then not told apart.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.cloud.pace import Unhurried
from tests.cloud.signatures import Call, Refused
from tests.cluster.redis import RedisServer, hashed

Json = dict[str, object]
VERSION: Final = "2015-01-01"
INSTANCE: Final = "r-bp1keyward"
MOST: Final = 18
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,99}")
_TEXT: Final = re.compile(r"(?!https?://)[A-Za-z\u4e00-\u9fff][\w-]{1,255}")
_SPECIALS: Final = "!@#$%^&*()_+-="
_CLASSES: Final = (string.ascii_lowercase, string.ascii_uppercase, string.digits, _SPECIALS)
_RESERVED: Final = frozenset({"default", "root", "admin", "select", "replicator"})  # some of those that are documented
_RULES: Final = {
    "RoleReadWrite": ("+@all", "-@admin", "-@dangerous", "+info", "+acl|whoami"),
    "RoleReadOnly": ("-@all", "+@read", "+@connection", "+info", "+acl|whoami"),
}


@dataclass
class Account:
    name: str
    password: str
    privilege: str = "RoleReadWrite"
    description: str = ""
    status: str = "Unavailable"
    type: str = "Normal"

    def listed(self, instance: str) -> Json:
        return {
            "InstanceId": instance,
            "AccountName": self.name,
            "AccountStatus": self.status,
            "AccountType": self.type,
            "AccountDescription": self.description,
            "DatabasePrivileges": {"DatabasePrivilege": [{"AccountPrivilege": self.privilege}]},
        }


class Fleet:
    """Several instances, by their ids."""

    def __init__(self) -> None:
        self.instances: dict[str, Tair] = {}

    def answer(self, call: Call) -> Json:
        """See `Tair`."""
        found = self.instances.get(call.parameters().get("InstanceId", ""))
        if found is None:
            raise Refused(404, "InvalidInstanceId.NotFound")
        return found.answer(call)


class Tair(Unhurried):
    """One instance. Several may have one server, if their accounts have names of their own."""

    def __init__(self, server: RedisServer, *, combined: bool = False, instance: str = INSTANCE) -> None:
        super().__init__()
        self.server, self.combined, self.instance = server, combined, instance
        self.instance_type, self.engine_version, self.status, self.auth_mode = "Redis", "7.0", "Normal", "Open"
        self.accounts: dict[str, Account] = {}
        self.page = 50  # accounts in one answer
        if combined:
            server.run("ACL", "SETUSER", "default", "reset", "on", "~*", "&*", "+@all")

    # --- what a person does in the console ---

    def account(self, name: str, password: str = "Somebody-else-5", **told: str) -> Account:
        made = Account(name, password, **told)
        self.accounts[name] = made
        self._apply(made)
        return made

    def delete(self, name: str) -> None:
        self._drop(self.accounts.pop(name))

    def close(self) -> None:
        """Do what was accepted, and drop what is left."""
        self.hurry()
        for account in self.accounts.values():
            self._drop(account)

    # --- the API ---

    def answer(self, call: Call) -> Json:
        """What a call gets whose signature is known to be right. Raises Refused."""
        with self._lock:
            operation = getattr(self, f"_{call.action}", None)
            if operation is None:
                raise Refused(400, "InvalidAction.NotFound")
            asked = call.parameters()
            if asked.get("InstanceId") != self.instance:
                raise Refused(404, "InvalidInstanceId.NotFound")
            if self.status != "Normal" and not call.action.startswith("Describe"):
                raise Refused(403, "IncorrectDBInstanceState")
            answer: Json = operation(asked)
            return answer

    def _DescribeInstanceAttribute(self, _asked: dict[str, str]) -> Json:  # noqa: N802 - the API's own names, as below
        found = {
            "InstanceId": self.instance,
            "InstanceType": self.instance_type,
            "Engine": "Redis",
            "EngineVersion": self.engine_version,
            "InstanceStatus": self.status,
            "VpcAuthMode": self.auth_mode,
        }
        return {"Instances": {"DBInstanceAttribute": [found]}}

    def _DescribeAccounts(self, asked: dict[str, str]) -> Json:  # noqa: N802
        wanted = asked.get("AccountName")
        found = [one.listed(self.instance) for one in self.accounts.values() if wanted in (None, one.name)]
        self._looked(str(one["AccountName"]) for one in found)
        number = int(asked.get("PageNumber", "1"))
        shown = found[(number - 1) * self.page : number * self.page]
        told = {"PageNumber": number, "PageSize": self.page, "TotalCount": len(found)}
        return {"Accounts": {"Account": shown}} | told

    def _CreateAccount(self, asked: dict[str, str]) -> Json:  # noqa: N802
        name = asked.get("AccountName", "")
        if self.instance_type != "Tair" and int(self.engine_version.split(".")[0]) < 4:
            raise Refused(400, "InvalidEngineVersion.Format")
        if not _NAME.fullmatch(name):
            raise Refused(400, "InvalidAccountName.Format")
        if name in _RESERVED:
            raise Refused(400, "InvalidAccountName.Forbid")
        if name in self.accounts:
            raise Refused(400, "InvalidAccountName.Duplicate")
        if sum(one.type == "Normal" for one in self.accounts.values()) >= MOST:
            raise Refused(403, "AccountLimitExceeded")
        if asked.get("AccountType") != "Normal":
            raise Refused(400, "InvalidAccountType.Malformed")
        password, privilege = _password(asked), asked.get("AccountPrivilege", "RoleReadWrite")
        if privilege not in _RULES:
            raise Refused(400, "InvalidAccountPrivilege.Malformed")
        made = Account(name, password, privilege, _description(asked) if "AccountDescription" in asked else "")
        self.accounts[name] = made
        self._change("CreateAccount", made, lambda: self._apply(made))
        return {"InstanceId": self.instance, "AcountName": name}  # so it is spelt

    def _ResetAccountPassword(self, asked: dict[str, str]) -> Json:  # noqa: N802
        account, password = self._free(asked), _password(asked)
        self._change("ResetAccountPassword", account, lambda: self._apply(account, password))
        return {}

    def _GrantAccountPrivilege(self, asked: dict[str, str]) -> Json:  # noqa: N802
        account, privilege = self._free(asked), asked.get("AccountPrivilege", "")
        if privilege not in _RULES:
            raise Refused(400, "InvalidAccountPrivilege.Format")
        account.privilege = privilege
        self._change("GrantAccountPrivilege", account, lambda: self._apply(account))
        return {}

    def _ModifyAccountDescription(self, asked: dict[str, str]) -> Json:  # noqa: N802
        self._named(asked).description = _description(asked)
        return {}

    def _DeleteAccount(self, asked: dict[str, str]) -> Json:  # noqa: N802
        account = self._free(asked)

        def delete() -> None:
            self.accounts.pop(account.name, None)
            self._drop(account)

        self._change("DeleteAccount", account, delete)
        return {}

    def _named(self, asked: dict[str, str]) -> Account:
        account = self.accounts.get(asked.get("AccountName", ""))
        if account is None:
            raise Refused(404, "InvalidAccountName.NotFound")
        return account

    def _free(self, asked: dict[str, str]) -> Account:
        """The account, if nothing is being done to it."""
        account = self._named(asked)
        if account.status != "Available":
            raise Refused(403, "OperationDenied.AccountStatus")
        return account

    # --- the server ---

    def _change(self, action: str, account: Account, work: Callable[[], None]) -> None:
        account.status = "Unavailable"
        self._later(action, account.name, work)

    def _apply(self, account: Account, password: str = "") -> None:
        before, account.password = account.password, password or account.password
        if self.combined:
            gone = [f"<{account.name}:{before}"] if before != account.password else []
            self.server.run("ACL", "SETUSER", "default", *gone, f">{account.name}:{account.password}")
        else:
            rules = ("reset", "on", hashed(account.password), "~*", "&*", *_RULES[account.privilege])
            self.server.run("ACL", "SETUSER", account.name, *rules)
        account.status = "Available"

    def _drop(self, account: Account) -> None:
        if self.combined:
            self.server.run("ACL", "SETUSER", "default", f"<{account.name}:{account.password}")
        else:
            self.server.run("ACL", "DELUSER", account.name)


def _password(asked: dict[str, str]) -> str:
    found = asked.get("AccountPassword", "")
    used = sum(any(char in members for char in found) for members in _CLASSES)
    if not 8 <= len(found) <= 32 or used < 3 or set(found) - set("".join(_CLASSES)):
        raise Refused(400, "InvalidAccountPassword.Format")
    return found


def _description(asked: dict[str, str]) -> str:
    found = asked.get("AccountDescription", "")
    if not _TEXT.fullmatch(found):
        raise Refused(400, "InvalidAccountDescription.Format")
    return found
