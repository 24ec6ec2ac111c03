"""When a leak is over: not when the value was replaced, but when a login with it was refused (protocol §6). Pure.

Where one account holds two values, the end of the older one is proven before it is recorded, by the step that ends it.
"""

from __future__ import annotations

from datetime import datetime

from keyward.domain import commands, doubt, lineage, schedule
from keyward.domain.history import History
from keyward.domain.model import Observed
from keyward.domain.steps import Disprove, Wait
from keyward.domain.version import Mode, Version

_NOTHING = Wait(None, "NothingLeaked")


def plan(seen: Observed, now: datetime) -> Disprove | Wait:
    """Try the next leaked value that is replaced, and has to be refused now."""
    resolution = lineage.resolve(seen)
    if isinstance(resolution, Wait) or resolution.annotate or not _may_work(seen):
        return _NOTHING
    history = resolution.history
    if history.pending or doubt.why(seen, history) is not None:
        return _NOTHING
    retry = schedule.retry_at(seen.failures, seen.wish.uid, now)
    if retry is not None and retry > now:
        return Wait(retry, "BackOff")
    leaked = unproven(seen, history)
    return Disprove(leaked[0]) if leaked else _NOTHING


def unproven(seen: Observed, history: History) -> tuple[Version, ...]:
    """What was published before the newest forced rotation, is replaced, and was not seen to be refused yet."""
    if seen.wish.mode not in (Mode.DUAL, Mode.SINGLE):
        return ()
    forced = [v for v in history.versions if commands.is_forced(v.cause.text)]
    if not forced:
        return ()
    first = min(v.sequence for v in forced if v.cause.text == forced[-1].cause.text)
    return tuple(
        v
        for v in history.versions
        if v.sequence < first
        and v.promoted is not None
        and v.retired is None
        and v.sequence not in seen.memory.ended
        and _is_replaced(v, history)
    )


def _is_replaced(version: Version, history: History) -> bool:
    return any(
        later.sequence > version.sequence and later.account == version.account and later.promoted is not None
        for later in history.versions
    )


def _may_work(seen: Observed) -> bool:
    target = seen.target
    return seen.obstacle is None and target is not None and not target.suspended and target.is_approved
