"""RAM users and their AccessKeys: changes through RAM, proof through STS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from keyward.domain import access_keys, issuing
from keyward.domain.access_keys import Pair
from keyward.engines.alibaba.failures import Failure
from keyward.engines.alibaba.ram.errors import INACTIVE, NO_USER, NOT_FOUND, WRONG_SECRET, translate
from keyward.engines.alibaba.ram.sdk import Cloud, Owner
from keyward.engines.alibaba.ram.session import Session
from keyward.engines.base import AdminSession, Endpoint, Expectation, Login, Place
from keyward.errors import Blocked, KeywardError, Reason, Retry, Underway

AGAIN: Final = 5.0  # seconds until a key that is not known everywhere yet is tried again
_TIMEOUT: Final = 10.0
_USER: Final = "RAMUser"


class Ram:
    """Implements `Engine`; its sessions are `IssuingSession`s. A value is what `access_keys` encodes."""

    name = "AlibabaCloud"

    def __init__(self) -> None:
        self._accounts: dict[str, str] = {}  # by the admin's AccessKey id: the cloud account that it is of

    def open(self, place: Place, admin: Login, timeout: float) -> AbstractAsyncContextManager[AdminSession]:
        return _opened(_admin(place, admin, timeout))

    async def verify(self, place: Place, endpoint: Endpoint, login: Login, expect: Expectation) -> str | None:  # noqa: ARG002 - the place has one
        """STS says whose each key is. Of the keys beside the first, one that is gone or switched off is no failure."""
        assert expect.admin is not None
        admin = _admin(place, expect.admin, _TIMEOUT)
        account = await self._account(admin, expect.admin)
        first, *others = access_keys.decode(login.password)
        _judge(login.account, account, await self._caller(place, login.account, first, admin))
        for pair in others:
            caller = await self._other(place, pair)
            if caller is not None:
                _judge(login.account, account, caller)
        return None

    async def _account(self, admin: Cloud, login: Login) -> str:
        if login.account not in self._accounts:
            found, failure = await _tried(admin)
            if failure is not None:
                raise translate(failure)
            assert found is not None
            self._accounts[login.account] = found.account
        return self._accounts[login.account]

    async def _caller(self, place: Place, user: str, pair: Pair, admin: Cloud) -> Owner:
        found, failure = await _tried(_of(place, pair))
        if found is not None:
            return found
        assert failure is not None
        if failure.code != NOT_FOUND:
            raise _refused(failure)
        raise await _unknown(user, pair, admin, failure)

    async def _other(self, place: Place, pair: Pair) -> Owner | None:
        found, failure = await _tried(_of(place, pair))
        if failure is not None and failure.code not in (NOT_FOUND, INACTIVE):
            raise _refused(failure)
        return found


@asynccontextmanager
async def _opened(cloud: Cloud) -> AsyncIterator[Session]:
    yield Session(cloud)


def _admin(place: Place, login: Login, timeout: float) -> Cloud:
    assert place.cloud is not None
    return Cloud(place, login, timeout, chain=place.cloud.default_chain)


def _of(place: Place, pair: Pair) -> Cloud:
    return Cloud(place, Login(pair.id, pair.secret), _TIMEOUT)


async def _tried(cloud: Cloud) -> tuple[Owner | None, Failure | None]:
    try:
        return await cloud.whoami(), None
    except Failure as failure:
        return None, failure


def _refused(failure: Failure) -> KeywardError:
    if failure.code in WRONG_SECRET:
        return Blocked(Reason.LOGIN_REFUSED, f"the secret is not that of the AccessKey ({failure})")
    if failure.code == INACTIVE:
        return Blocked(Reason.ACCOUNT_DISABLED, f"somebody switched the AccessKey off: switch it on again ({failure})")
    return translate(failure)


async def _unknown(user: str, pair: Pair, admin: Cloud, failure: Failure) -> KeywardError:
    """STS does not know the key: it is new and not known everywhere yet, or it is gone. RAM tells which."""
    try:
        listing = await admin.keys(user)
    except Failure as other:
        if other.code == NO_USER:
            return Blocked(Reason.LOGIN_REFUSED, f"the cloud account has no RAM user of this name any more ({other})")
        return translate(other)
    found = next((key for key in listing.keys if key.id == pair.id), None)
    if found is None:
        return Blocked(Reason.LOGIN_REFUSED, f"the user has no such AccessKey any more ({failure})")
    if not found.active:
        return Blocked(Reason.ACCOUNT_DISABLED, f"somebody switched the AccessKey off: switch it on again ({failure})")
    text = f"the new AccessKey is not known everywhere yet, which takes up to 5 minutes ({failure})"
    if listing.at - found.created <= issuing.PROPAGATION:
        return Underway(Reason.PROPAGATION_TIMEOUT, text, AGAIN)
    return Retry(Reason.PROPAGATION_TIMEOUT, text)


def _judge(user: str, account: str, caller: Owner) -> None:
    """Raise Blocked with WRONG_IDENTITY if the key is another user's, or of another cloud account."""
    if caller.kind == _USER and caller.account == account and caller.arn.partition(":user/")[2] == user:
        return
    raise Blocked(Reason.WRONG_IDENTITY, f"the AccessKey is not one of RAM user {user!r} of the admin's cloud account")
