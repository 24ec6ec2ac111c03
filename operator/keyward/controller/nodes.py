"""Looks at the nodes of systems that keep accounts per node, every few seconds, and wakes the Credentials that it concerns.

A node that returns empty, or joins, announces itself to nobody: to mend it within seconds it has to be looked for. One look
serves all Credentials of a Target, over connections that are kept. Nothing is decided here, and nothing is written.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NoReturn

from keyward.controller.limits import TargetKey
from keyward.controller.ports import Access
from keyward.controller.queue import Key
from keyward.domain import nodes
from keyward.domain.model import NodeView
from keyward.engines.pernode import NodeWatch, PerNode
from keyward.errors import KeywardError

PERIOD: Final = 3.0  # seconds between looks
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Followed:
    """One Target."""

    access: Access
    state: str
    accounts: dict[Key, tuple[str, ...]] = field(default_factory=dict)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    watch: NodeWatch | None = None
    views: tuple[NodeView, ...] | None = None
    looked_at: datetime | None = None


class NodeWatches:
    """All Targets whose nodes are looked at."""

    def __init__(
        self, wake: Callable[[Key], None], lives: Callable[[Key], bool], clock: Callable[[], datetime]
    ) -> None:
        self._wake, self._lives, self._clock = wake, lives, clock
        self._followed: dict[TargetKey, _Followed] = {}
        self._ended: list[_Followed] = []

    def follow(self, target: TargetKey, access: Access, state: str, of: tuple[Key, tuple[str, ...]]) -> None:
        """Look at this Target's nodes for a Credential; `state` changes with the endpoints and the admin's login."""
        if not isinstance(access.engine, PerNode):
            return
        found = self._followed.get(target)
        if found is None or found.state != state:
            accounts = found.accounts if found is not None else {}
            self._end(target)
            found = self._followed[target] = _Followed(access, state, accounts)
        found.accounts[of[0]] = of[1]

    def leave(self, target: TargetKey, key: Key) -> None:
        """Look no more for this Credential."""
        found = self._followed.get(target)
        if found is not None and found.accounts.pop(key, None) is not None and not found.accounts:
            self._end(target)

    def seen(self, target: TargetKey, since: datetime | None) -> tuple[NodeView, ...] | None:
        """The last look that began after `since`; None if there is none."""
        found = self._followed.get(target)
        if found is None or found.looked_at is None or (since is not None and found.looked_at <= since):
            return None
        return found.views

    async def run(self) -> NoReturn:
        """Look, again and again."""
        try:
            while True:
                await self.look()
                await asyncio.sleep(PERIOD)
        finally:
            for target in list(self._followed):
                self._end(target)
            await self._close()

    async def look(self) -> None:
        """One look at every Target."""
        for target, found in list(self._followed.items()):
            for key in [key for key in found.accounts if not self._lives(key)]:
                self.leave(target, key)
        await self._close()
        await asyncio.gather(*(self._look(found) for found in list(self._followed.values())))

    async def _look(self, found: _Followed) -> None:
        began = self._clock()
        try:
            views = await (await self._opened(found)).look()
        except KeywardError as error:
            _log.warning("the nodes of a Target could not be looked at: %s", error.message)
            return
        before, found.views, found.looked_at = found.views, views, began
        for key, accounts in list(found.accounts.items()):
            if before is None or _told(before, accounts) != _told(views, accounts):
                self._wake(key)

    async def _opened(self, found: _Followed) -> NodeWatch:
        if found.watch is None:
            engine = found.access.engine
            assert isinstance(engine, PerNode)
            opened = engine.watch(found.access.place, found.access.admin)
            found.watch = await found.stack.enter_async_context(opened)
        return found.watch

    def _end(self, target: TargetKey) -> None:
        found = self._followed.pop(target, None)
        if found is not None:
            self._ended.append(found)

    async def _close(self) -> None:
        while self._ended:
            await self._ended.pop().stack.aclose()


def _told(views: tuple[NodeView, ...], accounts: tuple[str, ...]) -> object:
    """All of it that concerns these accounts."""
    return nodes.entries(views, accounts), {(view.name, view.problem, view.keeps, view.optional) for view in views}
