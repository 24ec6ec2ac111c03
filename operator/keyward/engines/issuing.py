"""What an engine has beside the contract where the system itself picks the value, and tells it once.

Nothing can be stored before the system learns it. So an intent is stored, then the value issued; what a kill leaves behind is
found by its id, and withdrawn. A value that is withdrawn is switched off first, which can be undone, and then deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from keyward.engines.base import BeforeSend
from keyward.engines.overlap import OverlapSession
from keyward.engines.requests import Requesting
from keyward.sensitive import Sensitive


@dataclass(frozen=True, slots=True)
class Held:
    """One value that an account holds, by its id, which is no secret. `created` is by the system's clock."""

    id: str
    active: bool
    created: datetime


@dataclass(frozen=True, slots=True)
class Holdings:
    """What an account holds, and what the system's clock said then."""

    values: tuple[Held, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Issued:
    """A value that was just told, and its id."""

    id: str
    value: Sensitive


@runtime_checkable
class IssuingSession(OverlapSession, Requesting, Protocol):
    most: int  # values that an account can hold at once

    async def holdings(self, account: str) -> Holdings:
        """What the account holds as it is known now: a value that was issued a moment ago may not be seen yet."""

    async def was_used(self, account: str, id_: str) -> bool:
        """Whether anybody has ever logged in with it, as far as the system knows yet."""

    async def issue(self, account: str, before_send: BeforeSend) -> Issued:
        """Have a further value issued.

        Raises:
            Rejected: the account holds as many as it can; nothing was issued.
            Unsettled: sent, outcome unknown: there may be a value that nobody knows.
            Retry, Blocked: nothing was issued.
        """

    async def withdraw(self, account: str, id_: str, before_send: BeforeSend) -> None:
        """Switch a value off, and delete it; one that is not there any more is no failure.

        Raises:
            Unsettled: sent, outcome unknown. It may be done again.
            Retry, Blocked: nothing was changed, or it is switched off and not deleted.
        """
