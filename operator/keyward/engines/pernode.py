"""What an engine has beside the contract where each node of a system keeps its own accounts and none passes them on.

A node that was away, or is new, lacks accounts or holds older ones. It is found by looking at all nodes, without any value,
and brought in line with the stored values. What all nodes agree on is left alone: whether it is right, a login tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from keyward.domain.model import Mended, NodeView
from keyward.engines.base import AccountSet, AdminSession, BeforeSend, Endpoint, Login, Place
from keyward.sensitive import Sensitive


@dataclass(frozen=True, slots=True)
class Stored:
    """One account's values that a node may be given, the newest first.

    `pending` was sent and is not promoted: it counts only where a node holds it already.
    """

    settled: Sensitive | None = None
    pending: Sensitive | None = None
    beside: Sensitive | None = None  # overlap: the value before `settled`, which is not ended yet


@dataclass(frozen=True, slots=True)
class Mending:
    """Bring the nodes in line: `accounts` are all of one credential, `stored` what is known of each."""

    accounts: AccountSet
    stored: Mapping[str, Stored] = field(default_factory=dict)


@runtime_checkable
class PerNodeSession(AdminSession, Protocol):
    async def mend(self, mending: Mending, before_send: BeforeSend) -> Mended:
        """Give the nodes that lack an account, or a value that another node holds, what they lack.

        An account that somebody switched off stays off, and a value that no node knows stays unknown: that is drift.

        Raises:
            Retry, Blocked: a node did not take it; others may have.
        """


class NodeWatch(Protocol):
    """Connections that are kept, to look at the nodes again and again."""

    async def look(self) -> tuple[NodeView, ...]:
        """All nodes as they are now. It never raises: what is wrong with a node stands in its view.

        No account is changed by it, but a node that could not write them down may be told to try again.
        """


@runtime_checkable
class PerNode(Protocol):
    """An engine whose sessions are `PerNodeSession`s."""

    async def nodes(self, place: Place, login: Login) -> tuple[Endpoint, ...]:
        """All endpoints at which a login has to be proven: the Target's, and those that the system names itself.

        Raises:
            Retry, Blocked: no node lets this login in.
        """

    def watch(self, place: Place, admin: Login) -> AbstractAsyncContextManager[NodeWatch]:
        """Begin to look; nothing is opened before the first look."""
