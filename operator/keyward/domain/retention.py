"""Which versions are kept, and which wrap is out of date (protocol §3, §12). Pure."""

from __future__ import annotations

from keyward.domain import leaks, lineage
from keyward.domain.history import History
from keyward.domain.model import Observed
from keyward.domain.steps import Prune, Rewrap, Wait
from keyward.domain.version import RetiredAs, Version


def plan(seen: Observed) -> Prune | Wait:
    """The next version to remove. The highest sequence and the highest promotion are never pruned."""
    resolution = lineage.resolve(seen)
    if isinstance(resolution, Wait) or resolution.annotate or seen.wish.deleting_since is not None:
        return Wait(None, "NothingToPrune")
    history = resolution.history
    kept = {v.sequence for v in keep(seen, history)}
    for version in history.versions:
        if version.sequence not in kept:
            return Prune(version)
    return Wait(None, "NothingToPrune")


def plan_refused(seen: Observed) -> Prune | Wait:
    """A candidate that was refused or lost goes as soon as another one is reserved.

    Where every candidate is refused no pass comes to its end, and they would pile up.
    """
    resolution = lineage.resolve(seen)
    if not isinstance(resolution, Wait) and not resolution.annotate:
        for version in resolution.history.versions[:-1]:
            if version.retired in (RetiredAs.REFUSED, RetiredAs.LOST):
                return Prune(version)
    return Wait(None, "NothingToPrune")


def keep(seen: Observed, history: History) -> tuple[Version, ...]:
    """Managed types: current, previous, pending, and what has leaked until it is refused. Generic: the newest, pinned first."""
    always = [history.highest, history.current, history.previous, *history.pending, *history.to_import_again]
    always.extend(leaks.unproven(seen, history))
    if not seen.wish.logs_in:
        ranked = sorted(history.versions, key=lambda v: (v.pinned, v.sequence), reverse=True)
        always.extend(ranked[: seen.wish.keep_versions])
    return tuple(v for v in always if v is not None)


def plan_rewrap(seen: Observed) -> Rewrap | Wait:
    """The next version whose data key is wrapped by another key, or another version of it, than wraps now."""
    resolution = lineage.resolve(seen)
    if isinstance(resolution, Wait) or seen.writable_key is None or seen.wish.deleting_since is not None:
        return Wait(None, "NothingToRewrap")
    for version in reversed(resolution.history.versions):
        if version.wraps and version.wraps != (seen.writable_key,):
            return Rewrap(version)
    return Wait(None, "NothingToRewrap")
