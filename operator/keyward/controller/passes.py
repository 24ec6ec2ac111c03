"""What lives for one pass over one Credential: the admin session that is held, and the values in hand.

A session that failed is never opened again within the same pass: its step ends, and the next pass begins anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from keyward.controller.limits import Token
from keyward.controller.ports import Access, Subject
from keyward.domain import located
from keyward.domain.model import Memory
from keyward.domain.version import Version
from keyward.engines.base import AccountSet, AdminSession
from keyward.engines.requests import Requesting
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

T = TypeVar("T")

ADMIN_TIMEOUT = 15.0
_CALLS: Final = 4  # that are remembered, of a system that gives them ids


@dataclass(slots=True)
class Pass:
    """One pass. `memory` is replaced, never changed in place, so that a plan's observation stays what it was."""

    subject: Subject
    memory: Memory
    stack: AsyncExitStack
    access: Access | None = None
    accounts: AccountSet | None = None
    session: AdminSession | None = None
    reached: bool = False  # the admin has logged in during this pass
    slot: Token | None = None  # the right to rotate on this target now
    values: dict[tuple[str, str], Sensitive] = field(default_factory=dict)  # by name and digest of the version
    steps: list[str] = field(default_factory=list)

    async def admin(self) -> AdminSession:
        """The admin session of this pass, opened when it is first asked for."""
        if self.session is None:
            self.session = await self.as_admin(self._open)
            self.reached = True
        return self.session

    async def _open(self) -> AdminSession:
        assert self.access is not None
        opened = self.access.engine.open(self.access.place, self.access.admin, ADMIN_TIMEOUT)
        return await self.stack.enter_async_context(opened)

    async def as_admin(self, work: Callable[[], Awaitable[T]]) -> T:
        """Work that needs the admin login. Refused, it is done once more if the login was changed since it was read."""
        try:
            return await work()
        except Blocked as error:
            refused = error.reason is Reason.ADMIN_LOGIN_REFUSED
            if not (refused and self.access is not None and self.access.renew is not None):
                raise
            renewed = await self.access.renew()
            if renewed is None and self.access.given:
                text = located.imported(self.subject.wish, self.access.admin.account)
                raise Blocked(error.reason, text) from None
            if renewed is None:
                raise
            self.access = replace(self.access, admin=renewed)
        return await work()

    async def drop_session(self) -> None:
        """Close the admin session: what it was held for is done, or it failed. The ids of its calls are remembered."""
        if isinstance(self.session, Requesting) and self.session.requests:
            known = dict.fromkeys((*self.memory.requests, *self.session.requests))
            self.learn(requests=tuple(known)[-_CALLS:])
        self.session = None
        await self.stack.aclose()

    def learn(self, **changes: object) -> None:
        """Note what this process now knows."""
        self.memory = replace(self.memory, **changes)  # type: ignore[arg-type]

    def forget_sent(self, sequence: int) -> None:
        self.learn(unsent=self.memory.unsent - {sequence}, sent=self.memory.sent - {sequence})

    def proved(self, sequence: int, digest: str) -> None:
        login = (sequence, digest)
        self.learn(
            proven=self.memory.proven | {login},
            denied=self.memory.denied - {login},
            disabled=self.memory.disabled - {sequence},
        )

    def was_denied(self, version: Version, digest: str) -> None:
        sequence, early = version.sequence, self.memory.denied_early
        login = (sequence, digest)
        self.learn(
            denied_early=early - {sequence} if version.promoted is not None else early | {sequence},
            denied=self.memory.denied | {login},
            proven=self.memory.proven - {login},
            sent=self.memory.sent - {sequence},
        )


Hook = Callable[[str], Awaitable[None]]


async def no_hook(_point: str) -> None:
    """The hook of ordinary service: nothing happens at the named points."""
