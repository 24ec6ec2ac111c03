"""What an engine has beside the contract where one account can hold two passwords that both log in.

A change keeps the value in use beside the new one; after the grace the old one is ended. Neither is done without a look at
what the account holds, under the lock: done twice, it would end the value in use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from keyward.engines.base import AccountSet, AdminSession, BeforeSend, Inspection
from keyward.sensitive import Sensitive


@dataclass(frozen=True, slots=True)
class Ending:
    """End `old` on this account, so that `keep` alone logs in, if the world still is as judged."""

    account: str
    accounts: AccountSet
    expected: Inspection
    old: Sensitive
    keep: Sensitive
    terminate_sessions: bool = False


@runtime_checkable
class OverlapSession(AdminSession, Protocol):
    async def end(self, ending: Ending, before_send: BeforeSend) -> None:
        """End the old value; one that is not there any more is no failure.

        Raises:
            Blocked: SECOND_PASSWORD, the account holds a value of somebody else's; nothing was changed.
            Unsettled: sent, outcome unknown. It may be done again.
            Conflict: the world is not as judged; nothing was changed.
            Retry, Blocked: nothing was changed.
        """
