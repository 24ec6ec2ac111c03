"""The calls that RDS and PolarDB have in common: the same requests, with the id of the instance under another name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from keyward.engines.alibaba import descriptions
from keyward.engines.alibaba.calls import Caller
from keyward.engines.alibaba.databases.errors import GONE, named
from keyward.engines.alibaba.databases.instance import Account
from keyward.engines.alibaba.failures import Failure, Way
from keyward.engines.base import Login, Place

_MOST_PAGES: Final = 50


class Accounts(ABC):
    """The part of `Instance` that is alike. Each call raises Failure."""

    client: ClassVar[Any]  # of the SDK
    models: ClassVar[Any]  # of the SDK, its requests among them
    service: ClassVar[str]
    key: ClassVar[str]  # the field of a request that has the instance's id
    page: ClassVar[int]  # accounts in one answer, at most

    def __init__(self, place: Place, login: Login, timeout: float) -> None:
        assert place.cloud is not None
        self.id = place.cloud.instance
        self._caller = Caller(place, login, timeout, chain=place.cloud.default_chain)

    @abstractmethod
    def listed(self, body: Any) -> list[Any]:
        """The accounts in an answer to DescribeAccounts."""

    @abstractmethod
    def read(self, found: Any) -> Account:
        """One of them."""

    async def account(self, name: str) -> Account | None:
        found = await self._accounts(account_name=name)
        return next((self.read(one) for one in found if one.account_name == name), None)

    async def accounts(self) -> list[Account]:
        found: list[Account] = []
        for number in range(1, _MOST_PAGES + 1):
            shown = await self._accounts(page_number=number, page_size=self.page)
            found += [self.read(one) for one in shown]
            if len(shown) < self.page:
                return found
        raise Failure(Way.MALFORMED)

    async def _accounts(self, **asked: Any) -> list[Any]:
        try:
            return self.listed(await self.ask("describe_accounts", "DescribeAccountsRequest", **asked))
        except Failure as failure:
            if failure.code != GONE:
                raise
        return []

    async def grant(self, name: str, privileges: Mapping[str, str]) -> str:
        databases = sorted(privileges)
        return await self.change(
            "grant_account_privilege",
            "GrantAccountPrivilegeRequest",
            account_name=name,
            dbname=",".join(databases),
            account_privilege=",".join(privileges[one] for one in databases),
        )

    async def revoke(self, name: str, databases: list[str]) -> str:
        names = ",".join(databases)
        return await self.change(
            "revoke_account_privilege", "RevokeAccountPrivilegeRequest", account_name=name, dbname=names
        )

    async def describe(self, name: str, comment: str) -> str:
        text = descriptions.written(comment)
        return await self.change(
            "modify_account_description",
            "ModifyAccountDescriptionRequest",
            account_name=name,
            account_description=text,
        )

    async def delete(self, name: str) -> str:
        return await self.change("delete_account", "DeleteAccountRequest", account_name=name)

    async def change(self, operation: str, request: str, **fields: Any) -> str:
        """The request's id, of a call that changes something."""
        return (await self.ask(operation, request, **fields)).request_id or ""

    async def ask(self, operation: str, request: str, **fields: Any) -> Any:
        """The answer to a request of this name, about this instance."""
        made = getattr(self.models, request)(**{self.key: self.id}, **fields)
        return await named(operation, self._caller.call(self.client, self.service, operation, made))
