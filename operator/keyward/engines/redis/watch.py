"""Looks at all nodes over connections that are kept: two commands a node, whatever the number of accounts.

Only digests of what it sees leave it. A node that does not answer is tried anew at each look, for a short time. One that refuses
the admin again and again is asked seldom from then on: it would write down each of these logins.
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
from keyward.errors import Blocked, KeywardError, Reason

SECONDS: Final = 2.0  # for a connection, and for each answer
AGAIN: Final = 10
"""Of so many looks, one has those try again that could not write their accounts down: each half minute."""
PATIENCE: Final = 3
"""Refusals in a row until a node is asked seldom: an admin may be made a moment after its node is there."""
REST: Final = 20
"""Looks between two attempts then: a minute."""


@dataclass(slots=True)
class _Refusal:
    """A node that does not let the admin in: what it said, how often in a row, and for how many looks it is left alone."""

    said: KeywardError
    times: int = 0
    rest: int = 0


@dataclass(slots=True)
class Watch:
    """Implements `NodeWatch`."""

    way: Way
    _nodes: Nodes = field(default_factory=Nodes)
    _looks: int = 0
    _refusals: dict[Endpoint, _Refusal] = field(default_factory=dict)

    async def look(self) -> tuple[NodeView, ...]:
        """See `NodeWatch`."""
        kept = {member.endpoint: member.node for member in self._nodes.members}
        found = Nodes()
        try:
            await gather(found, self.way, kept, {e: one.said for e, one in self._refusals.items() if one.rest})
        except KeywardError as error:
            found.missing[self.way.place.primary] = error
        finally:
            self._nodes = found
            for node in kept.values():
                if all(member.node is not node for member in found.members):
                    await node.close()
        self._note(found)
        self._looks += 1
        again = self._looks % AGAIN == 0
        views = await all_of([_view(member, again) for member in found.members])
        seen = zip((m.endpoint for m in found.members), views, strict=True)
        return tuple(_named(endpoint, view) for endpoint, view in (*seen, *found.missing.items()))

    def _note(self, found: Nodes) -> None:
        refused = {e: why for e, why in found.missing.items() if why.reason is Reason.ADMIN_LOGIN_REFUSED}
        self._refusals = {
            e: self._refusals.get(e) or _Refusal(Blocked(why.reason, why.message)) for e, why in refused.items()
        }
        for one in self._refusals.values():
            if one.rest:
                one.rest -= 1
                continue
            one.times += 1
            one.rest = 0 if one.times < PATIENCE else REST

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
