"""Accounts of Tair and Redis instances: changed through the R-kvstore API, proven by a login at each endpoint."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Final

from keyward.engines import registry
from keyward.engines.alibaba.caches import rules
from keyward.engines.alibaba.caches.calls import Account, Instance
from keyward.engines.alibaba.caches.errors import translate
from keyward.engines.alibaba.caches.session import AGAIN, Session
from keyward.engines.alibaba.errors import FIELD
from keyward.engines.alibaba.failures import Failure
from keyward.engines.base import AdminSession, Endpoint, Expectation, Login, Place
from keyward.errors import Blocked, KeywardError, Reason, Underway

_TIMEOUT: Final = 10.0
_WIRE: Final = "Redis"
_TWO_WORDS: Final = (Reason.LOGIN_REFUSED, Reason.ENGINE_UNSUPPORTED)
"""What an instance says to user name and password that takes one word alone; an older one knows no such command."""


class CloudRedis:
    """Implements `Engine`. Values log in as the engine of Redis does it; what they may do is the cloud's to say."""

    name = "AlibabaCloud/Redis"

    def open(self, place: Place, admin: Login, timeout: float) -> AbstractAsyncContextManager[AdminSession]:
        assert place.cloud is not None
        return _opened(Session(Instance(place, admin, timeout), place.cloud.kind))

    async def verify(self, place: Place, endpoint: Endpoint, login: Login, expect: Expectation) -> str | None:
        # Which commands an account may use differs from version to version of the service: its record is compared instead.
        on_the_wire = replace(expect, accounts=replace(expect.accounts, created=False), admin=None)
        try:
            await registry.get(_WIRE).verify(place, endpoint, login, on_the_wire)
        except Blocked as error:
            if error.reason not in _TWO_WORDS or expect.admin is None:
                raise
            refusal = error
        else:
            if expect.admin is not None:
                _judge(login.account, await _record(place, login.account, expect.admin), expect)
            return None
        raise await _why(place, login.account, expect.admin, refusal)


@asynccontextmanager
async def _opened(session: Session) -> AsyncIterator[Session]:
    yield session


async def _record(place: Place, account: str, admin: Login) -> Account | None:
    """What the cloud has of the account. Raises Retry or Blocked."""
    error: KeywardError
    try:
        return (await Instance(place, admin, _TIMEOUT).accounts()).get(account)
    except Failure as failure:
        error = translate(failure)
    raise error


def _judge(account: str, found: Account | None, expect: Expectation) -> None:
    if found is None:
        raise Underway(
            Reason.PROPAGATION_TIMEOUT, f"{FIELD}account {account!r} logs in, and the cloud does not list it yet", AGAIN
        )
    if not found.is_available:
        raise _not_yet(account)
    wished = rules.privilege_of(expect.accounts)
    if not rules.may_do(found.privilege, wished):
        text = f"account {account!r} has {found.privilege or 'no privilege'} in the cloud, and {wished} is wished"
        raise Blocked(Reason.PRIVILEGE_MISSING, text)


async def _why(place: Place, account: str, admin: Login, refusal: Blocked) -> KeywardError:
    """A refusal, and what the cloud's record says of it, if the cloud can be asked."""
    try:
        found = await _record(place, account, admin)
    except KeywardError:
        return refusal
    if found is None:
        return refusal
    if not found.is_available:
        return _not_yet(account)
    assert place.cloud is not None
    way = "Combined" if place.combined_auth else "ACL"
    text = (
        f"{refusal.message}; the cloud has account {account!r} on {place.cloud.instance}: see whether this endpoint is that "
        f"instance's, whether it takes logins as the Target says (authentication: {way}), and whether somebody set another "
        "password"
    )
    return Blocked(refusal.reason, text)


def _not_yet(account: str) -> Underway:
    text = f"{FIELD}the cloud is still at work on account {account!r}: nothing is published before it is done"
    return Underway(Reason.PROPAGATION_TIMEOUT, text, AGAIN)
