"""Looks at all nodes over connections that are kept: two commands a node, whatever the number of accounts.

Only digests of what it sees leave it. A node that does not answer is tried anew at each look, for a short time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

from keyward.domain.model import NodeView
from keyward.engines.base import Endpoint
from keyward.engines.redis import acl, persist
from keyward.engines.redis.connect import Way, all_of
from keyward.engines.redis.nodes import Member, Nodes, gather
from keyward.errors import KeywardError

SECONDS: Final = 2.0  # for a connection, and for each answer
AGAIN: Final = (
    10  # of so many looks, one has those try again that could not write their accounts down: each half minute
)


@dataclass(slots=True)
class Watch:
    """Implements `NodeWatch`."""

    way: Way
    _nodes: Nodes = field(default_factory=Nodes)
    _looks: int = 0

    async def look(self) -> tuple[NodeView, ...]:
        """See `NodeWatch`."""
        kept = {member.endpoint: member.node for member in self._nodes.members}
        found = Nodes()
        try:
            await gather(found, self.way, kept)
        except KeywardError as error:
            found.missing[self.way.place.primary] = error
        finally:
            self._nodes = found
            for node in kept.values():
                if all(member.node is not node for member in found.members):
                    await node.close()
        self._looks += 1
        again = self._looks % AGAIN == 0
        views = await all_of([_view(member, again) for member in found.members])
        seen = zip((m.endpoint for m in found.members), views, strict=True)
        return tuple(_named(endpoint, view) for endpoint, view in (*seen, *found.missing.items()))

    async def close(self) -> None:
        await self._nodes.close()


def _named(endpoint: Endpoint, view: NodeView | KeywardError) -> NodeView:
    if isinstance(view, KeywardError):
        return NodeView(str(endpoint), endpoint.optional, view.message)
    return view


async def _view(member: Member, again: bool) -> NodeView:
    lines = await acl.all_lines(member)
    return NodeView(
        name=str(member.endpoint),
        optional=member.endpoint.optional,
        accounts={name: _digest(line) for name, line in lines.items()},
        keeps=await persist.keeps_accounts(member, again=again),
    )


def _digest(line: str) -> str:
    # Each process writes the rules of one account in an order of its own.
    words = " ".join(sorted(line.split(" ")))
    return hashlib.sha256(words.encode("utf-8", "surrogateescape")).hexdigest()[:16]
