"""Proves one login at every endpoint that consumers may use. It decides nothing about the version that is proven."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Final

from keyward.controller.ports import Access
from keyward.domain.version import Version
from keyward.engines.base import Endpoint, Expectation, Login, Role
from keyward.engines.pernode import PerNode
from keyward.errors import Blocked, KeywardError, Reason, Retry

# These tell of the account wherever it is looked at; everything else tells of one endpoint.
_OF_THE_ACCOUNT: Final = (Reason.LOGIN_REFUSED, Reason.ACCOUNT_DISABLED)


# A login that is let in, and is not all that consumers need.
_LET_IN: Final = (Reason.WRONG_IDENTITY, Reason.PRIVILEGE_MISSING)


async def see_refused(access: Access, login: Login, expect: Expectation, version: Version) -> None:
    """See each endpoint refuse the value of a version that has leaked; one that is optional is not waited for.

    Raises:
        Retry: LEAK_NOT_ENDED, one lets it in.
        Retry, Blocked: as `Engine.verify`, where that tells nothing of it.
    """
    for endpoint in await Proof(access, login, expect).endpoints():
        if await _lets_in(access, endpoint, login, expect):
            raise Retry(
                Reason.LEAK_NOT_ENDED,
                f"{endpoint}: version {version.version_id}, which has leaked, still logs in: it is tried again; see whether "
                "the server is behind its primary, or somebody set that value again",
            )


async def _lets_in(access: Access, endpoint: Endpoint, login: Login, expect: Expectation) -> bool:
    try:
        await access.engine.verify(access.place, endpoint, login, expect)
    except (Retry, Blocked) as error:
        if error.reason in _OF_THE_ACCOUNT or endpoint.optional:
            return False
        if error.reason in _LET_IN:
            return True
        raise
    return True


class Proof:
    """One round over the endpoints."""

    def __init__(self, access: Access, login: Login, expect: Expectation) -> None:
        self._access, self._login, self._expect = access, login, expect
        self._proven = 0
        self.witness = "Login"  # what proved it: a login, or what an engine has in its place
        self._passed_over: KeywardError | None = None

    async def endpoints(self) -> tuple[Endpoint, ...]:
        """The Target's, the primary first, then those that its system names."""
        engine, place = self._access.engine, self._access.place
        found = place.endpoints
        if isinstance(engine, PerNode):
            with suppress(Retry, Blocked):  # which of them refuses, and why, is told by each
                found = await engine.nodes(place, self._login)
        return tuple(sorted(found, key=lambda e: e.role is not Role.PRIMARY))

    async def at(self, endpoint: Endpoint, admin: Login | None = None) -> None:
        """Log in there. One that is optional and cannot be used is passed over.

        An admin login that changes itself looks with the very value that is to be proven, as its other one may be dead; where
        both are good, because it holds two, a look with the one to be proven would be a guess.

        Raises:
            Retry, Blocked: as `Engine.verify`; PROPAGATION_TIMEOUT for a node that holds everything back.
        """
        if admin is not None:
            is_itself = admin.account == self._login.account and not self._expect.accounts.overlap
            self._expect = replace(self._expect, admin=self._login if is_itself else admin)
        try:
            witness = await self._access.engine.verify(self._access.place, endpoint, self._login, self._expect)
        except (Retry, Blocked) as error:
            failure: KeywardError = error
        else:
            self._proven += 1
            self.witness = witness or self.witness
            return
        if endpoint.optional and failure.reason not in _OF_THE_ACCOUNT:
            self._passed_over = failure
            return
        if isinstance(failure, Retry) and isinstance(self._access.engine, PerNode):
            text = "nothing is published before each node takes it, but for those that the Target marks as optional"
            failure = Retry(Reason.PROPAGATION_TIMEOUT, f"{failure.message}; {text}")
        raise failure

    def must_be_one(self) -> None:
        """Raise what one of them said if none was there: that proves nothing."""
        if not self._proven and self._passed_over is not None:
            raise self._passed_over
