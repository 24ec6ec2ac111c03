"""Nodes that keep accounts by themselves, and the one that was away or is new (protocol §5). Pure.

What all nodes agree on is left to the login that tells whether it is right. Where they differ, or where one changed since it
was last found right, the stored values are held against each: that step writes only what a node lacks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from keyward.domain import doubt, lineage
from keyward.domain.model import Mended, NodeView, Observed
from keyward.domain.steps import Mend, Wait

PAUSE: Final = timedelta(seconds=3)
Entry = tuple[str, tuple[str, ...]]
"""A node, and digests of what it has of each account; empty for none."""
_NOTHING: Final = Wait(None, "NodesCurrent")


def plan(seen: Observed, now: datetime) -> Mend | Wait:
    """Bring nodes in line that lack what is stored, whatever the rotation waits for."""
    resolution, target = lineage.resolve(seen), seen.target
    if isinstance(resolution, Wait) or seen.obstacle or seen.frozen or seen.wish.deleting_since is not None:
        return _NOTHING
    history = resolution.history
    current = history.current
    if current is None or target is None or target.suspended or not target.is_approved or not _is_news(seen):
        return _NOTHING
    if doubt.why(seen, history) is not None:
        return _NOTHING  # what is stored may be older than what the nodes hold
    failed = seen.memory.mending_failed_at
    if failed is not None and min(failed, now) + PAUSE > now:
        return Wait(min(failed, now) + PAUSE, "NodesCurrent")
    settled = tuple(version for version in (current, history.previous) if version is not None)
    return Mend(settled, tuple(version for version in history.pending if version.applying))


def entries(nodes: Iterable[NodeView], accounts: Iterable[str]) -> frozenset[Entry]:
    """What the nodes that can be used have of these accounts."""
    wanted = tuple(accounts)
    return frozenset(
        (node.name, tuple(node.accounts.get(name, "") for name in wanted)) for node in nodes if not node.problem
    )


def agree(found: frozenset[Entry]) -> bool:
    """Whether every node has every account, and all have the same."""
    kinds = {digests for _, digests in found}
    return len(kinds) == 1 and all(all(digests) for digests in kinds)


def behind(seen: Observed) -> list[str]:
    """The nodes that differ from most others and were not found right."""
    if seen.nodes is None:
        return []
    found = entries(seen.nodes, seen.wish.accounts) - (seen.memory.nodes or frozenset()) - seen.memory.nodes_exceeding
    all_of_them = entries(seen.nodes, seen.wish.accounts)
    if not found or agree(all_of_them):
        return []
    whole = [digests for _, digests in all_of_them if all(digests)]
    ((usual, _),) = Counter(whole).most_common(1) or [((), 0)]
    return sorted(name for name, digests in found if digests != usual)


def exceeding(seen: Observed) -> list[str]:
    """The nodes that hold a value which others do not, and which nobody but a person may end."""
    return sorted(name for name, _ in entries(seen.nodes or (), seen.wish.accounts) & seen.memory.nodes_exceeding)


def learnt(seen: Observed, mended: Mended, now: datetime) -> dict[str, object]:
    """What is known once the stored values were held against every node."""
    if mended.given:
        return {"nodes": None, "nodes_changed_at": now, "mending_failed_at": None}
    found = entries(seen.nodes or (), seen.wish.accounts)
    usable = {name for name, _ in found}
    away = frozenset(entry for entry in seen.memory.nodes or () if entry[0] not in usable)
    more = frozenset(entry for entry in found if entry[0] in mended.exceeding)
    news: dict[str, object] = {"nodes": (found - more) | away, "nodes_exceeding": more, "mending_failed_at": None}
    if agree(found):
        # Something changed everywhere, or nowhere that counts: a login tells, and not as late as the next one is due.
        news["drift_checked_at"] = now - seen.wish.drift_interval
    return news


def _is_news(seen: Observed) -> bool:
    if seen.nodes is None:
        return False
    found = entries(seen.nodes, seen.wish.accounts)
    known = seen.memory.nodes
    if known is None:
        return bool(found) and not agree(found)
    return bool(found - known - seen.memory.nodes_exceeding)
