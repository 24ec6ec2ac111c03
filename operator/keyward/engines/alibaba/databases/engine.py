"""Accounts of RDS and PolarDB: changed through their APIs, proven by a login at each endpoint and by the cloud's record."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Final

from keyward.engines import registry
from keyward.engines.alibaba.databases import equality, rules
from keyward.engines.alibaba.databases.instance import SUPER, Account, Instance
from keyward.engines.alibaba.databases.polardb import PolarDBCluster
from keyward.engines.alibaba.databases.rds import RdsInstance
from keyward.engines.alibaba.databases.session import Session, answered
from keyward.engines.alibaba.errors import FIELD
from keyward.engines.base import AdminSession, Endpoint, Expectation, Login, Place
from keyward.errors import Blocked, Reason, Underway

_TIMEOUT: Final = 10.0
_INSTANCES: Final[dict[str, Callable[[Place, Login, float], Instance]]] = {
    "RDS": RdsInstance,
    "PolarDB": PolarDBCluster,
}


class _Database:
    """What the engines have in common; `wire` is the engine of what listens at the endpoints."""

    def __init__(self, wire: str) -> None:
        self.name, self._wire = f"AlibabaCloud/{wire}", wire

    def open(self, place: Place, admin: Login, timeout: float) -> AbstractAsyncContextManager[AdminSession]:
        assert place.cloud is not None
        instance = _INSTANCES[place.cloud.product](place, admin, timeout)
        return _opened(Session(instance, place.cloud.product, self._wire))

    async def verify(self, place: Place, endpoint: Endpoint, login: Login, expect: Expectation) -> str | None:
        """The cloud's record is looked at first: while it is at work on the account, a login would be refused in vain."""
        account = None if expect.admin is None else await _record(place, login.account, expect.admin)
        # What an account may do by a level differs from version to version of the service: the record is compared instead.
        plain = replace(expect.accounts, created=False, rights_role=None, privileges=(), preset_role=None)
        wire, refusal = registry.get(self._wire), ""
        try:
            await wire.verify(replace(place, cloud=None), endpoint, login, Expectation(plain))
        except Blocked as error:
            if error.reason is not Reason.LOGIN_REFUSED or account is None:
                raise
            refusal = error.message
        if refusal:
            raise Blocked(Reason.LOGIN_REFUSED, f"{refusal}; {_not_there(place, login.account)}")
        if account is not None:
            _judge(account, expect)
        if self._wire == rules.POSTGRESQL and expect.accounts.created:
            await equality.prove(place, endpoint, login, expect.accounts)
        return None


class CloudMySQL(_Database):
    """Implements `Engine`."""

    def __init__(self) -> None:
        super().__init__("MySQL")


class CloudMariaDB(_Database):
    """Implements `Engine`."""

    def __init__(self) -> None:
        super().__init__("MariaDB")


class CloudPostgreSQL(_Database):
    """Implements `Engine`."""

    def __init__(self) -> None:
        super().__init__(rules.POSTGRESQL)


@asynccontextmanager
async def _opened(session: Session) -> AsyncIterator[Session]:
    yield session


def _not_there(place: Place, account: str) -> str:
    assert place.cloud is not None
    return (
        f"the cloud has account {account!r} on {place.cloud.instance}: see whether this endpoint is that instance's, and whether "
        "somebody set another password"
    )


async def _record(place: Place, name: str, admin: Login) -> Account:
    """What the cloud has of an account that can log in. Raises Blocked, Underway or Retry."""
    assert place.cloud is not None
    product = place.cloud.product
    instance = _INSTANCES[product](place, admin, _TIMEOUT)
    found = await answered(instance.account(name), product)
    if found is None:
        raise Blocked(Reason.LOGIN_REFUSED, f"the cloud has no account {name!r} on {instance.id}")
    if found.is_locked:
        raise Blocked(Reason.ACCOUNT_DISABLED, f"account {name!r} is locked in the cloud: unlock it there")
    if not found.is_available:
        text = f"{FIELD}the cloud is still at work on account {name!r}: nothing is published before it is done"
        raise Underway(Reason.PROPAGATION_TIMEOUT, text, rules.AGAIN)
    return found


def _judge(account: Account, expect: Expectation) -> None:
    accounts = expect.accounts
    if accounts.preset_role is not None and account.type != SUPER:
        raise Blocked(Reason.PRIVILEGE_MISSING, f"account {account.name!r} is not the privileged one of the instance")
    if not accounts.created:
        return
    for database, level in rules.lacking(account, rules.wished(accounts, None) or {}).items():
        has = account.privileges.get(database, "nothing")[:32]
        text = f"account {account.name!r} has {has} on database {database!r} in the cloud, and {level} is wished"
        raise Blocked(Reason.PRIVILEGE_MISSING, text)
