"""One writer per account and node, on a server that knows no locks.

A command of an earlier session may still be on its way when its client has given up: delayed by the network, or in the
buffer of a server that was busy. So each session says which accounts it writes, by its connection's name, and ends older
ones of the same name before it writes: what they sent is not carried out any more. The youngest session wins.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Final

from keyward.engines.redis import errors
from keyward.engines.redis.connect import Node
from keyward.errors import Conflict, Reason

_PREFIX: Final = "keyward"
_CLIENT: Final = re.compile(r"id=(\d+) .*? name=(\S*) ")


async def take(node: Node, accounts: Iterable[str]) -> None:
    """Be the one session that writes these accounts on this node.

    Raises:
        Conflict: a younger session is at it.
        Retry, Blocked: as the server answers.
    """
    ours = {_digest(name) for name in accounts}
    await node.ask("CLIENT", "SETNAME", ".".join((_PREFIX, *sorted(ours))), doing="run CLIENT SETNAME")
    own = int(await node.ask("CLIENT", "ID", doing="run CLIENT ID"))
    listed = (await node.ask("CLIENT", "LIST", doing="run CLIENT LIST")).decode("utf-8", "replace")
    for found in _CLIENT.finditer(listed):
        number, (prefix, *theirs) = int(found[1]), found[2].split(".")
        if number == own or prefix != _PREFIX or not ours & set(theirs):
            continue
        if number > own:
            text = "another session is changing the same account"
            raise errors.at(node.endpoint, Conflict(Reason.WRITTEN_BY_ANOTHER, text))
        await node.ask("CLIENT", "KILL", "ID", number, doing="run CLIENT KILL")


def _digest(account: str) -> str:
    """Names of clients hold no spaces and are seen by everybody who may list them."""
    return hashlib.sha256(account.encode()).hexdigest()[:16]
