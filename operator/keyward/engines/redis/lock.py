"""One writer per account and node, on a server that knows no locks.

A command of an earlier session may still be on its way when its client has given up: delayed by the network, or in the
buffer of a server that was busy. So each session says which accounts it writes, by its connection's name. Who finds another
one of the same name waits for its end; one that has been silent for longer than a session of ours may be is ended, and what
it may have sent is then carried out no more.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Iterable
from typing import Final

from keyward.engines.redis import errors
from keyward.engines.redis.connect import Node
from keyward.errors import Reason, Retry

LONGEST_SILENCE: Final = 20  # seconds; an admin session waits for no answer as long as that
_WANTED, _HELD = "keyward-wants", "keyward-holds"
_PAUSE: Final = 0.02
_CLIENT: Final = re.compile(r"id=(\d+) .*? name=(\S*) .*? idle=(\d+) ")


async def take(node: Node, accounts: Iterable[str]) -> None:
    """Be the one session that writes these accounts on this node.

    Each first says what it wants and then looks around, so that of two at least one sees the other. The older one then waits
    until the younger one has gone, or has seen nobody and holds it.

    Raises:
        Retry: BUSY, another session is at it; and as the server answers.
        Blocked: as the server answers.
    """
    ours = frozenset(_digest(name) for name in accounts)
    await _say(node, _WANTED, ours)
    own = int(await node.ask("CLIENT", "ID", doing="run CLIENT ID"))
    while await _must_wait(node, own, ours):  # noqa: ASYNC110 - the server tells nobody that a connection has ended
        await asyncio.sleep(_PAUSE)
    await _say(node, _HELD, ours)


async def _say(node: Node, what: str, accounts: frozenset[str]) -> None:
    await node.ask("CLIENT", "SETNAME", ".".join((what, *sorted(accounts))), doing="run CLIENT SETNAME")


async def _must_wait(node: Node, own: int, ours: frozenset[str]) -> bool:
    listed = (await node.ask("CLIENT", "LIST", doing="run CLIENT LIST")).decode("utf-8", "replace")
    wait = False
    for found in _CLIENT.finditer(listed):
        number, (what, *theirs), idle = int(found[1]), found[2].split("."), int(found[3])
        if number == own or what not in (_WANTED, _HELD) or ours.isdisjoint(theirs):
            continue
        if idle >= LONGEST_SILENCE:
            await node.ask("CLIENT", "KILL", "ID", number, doing="run CLIENT KILL")
        elif what == _HELD or number < own:
            text = "another session is changing the same account"
            raise errors.at(node.endpoint, Retry(Reason.BUSY, text))
        else:
            wait = True
    return wait


def _digest(account: str) -> str:
    """Names of clients hold no spaces and are seen by everybody who may list them."""
    return hashlib.sha256(account.encode()).hexdigest()[:16]
