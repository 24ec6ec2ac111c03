"""When the value before current is ended, where one account holds both (protocol §4, §5). Pure.

Elsewhere nothing has to be done for it: in dual mode the next apply resets the account that previous names.
"""

from __future__ import annotations

from datetime import datetime

from keyward.domain import commands, doubt, lineage, reserving, schedule, settling
from keyward.domain.model import Observed
from keyward.domain.steps import End, Verify, Wait
from keyward.domain.version import Mode, Version

_NOTHING = Wait(None, "NothingToEnd")


def plan(seen: Observed, now: datetime) -> End | Verify | Wait:
    """End the previous value once every Secret holds current and its readers had the grace period."""
    resolution = lineage.resolve(seen)
    if isinstance(resolution, Wait) or resolution.annotate or not _may_work(seen):
        return _NOTHING
    history = resolution.history
    current, old = history.current, history.previous
    if current is None or old is None or history.pending or doubt.why(seen, history) is not None:
        return _NOTHING
    denied, proven = seen.denied(current), seen.proven(current)
    if current.target is not None and current.target.digest != seen.digest and not proven:
        return _NOTHING  # the Target leads elsewhere since then: first current has to log in there
    if settling.unwritten(seen, history) and not denied:
        return _NOTHING  # its readers still hold previous
    held = _held(seen, current, now)
    if held is not None:
        return held
    if not denied and not proven:
        return Verify(current)  # never the only one that logs in
    return End(old, current)


def is_forced(seen: Observed, current: Version) -> bool:
    """Whether the value before current, or current itself, has leaked: then nobody's grace counts."""
    resolution = lineage.resolve(seen)
    asked = None if isinstance(resolution, Wait) else commands.rotate_text(seen, resolution.history)
    return commands.is_forced(current.cause.text) or commands.is_forced(asked)


def _held(seen: Observed, current: Version, now: datetime) -> Wait | None:
    retry = schedule.retry_at(seen.failures, seen.wish.uid, now)
    if retry is not None and retry > now:
        return Wait(retry, "BackOff")
    if is_forced(seen, current):
        return None
    until = reserving.grace_ends(seen, current, now)
    if until > now:
        return Wait(until, "Grace", reserving.GRACE)
    if seen.gate is not None:
        return Wait(now + reserving.GATE, "ConsumersNotCurrent", seen.gate)
    return None


def _may_work(seen: Observed) -> bool:
    wish, target = seen.wish, seen.target
    if wish.mode is not Mode.OVERLAP or seen.obstacle is not None or wish.deleting_since is not None:
        return False
    if wish.suspended or seen.frozen or target is None or target.suspended or not target.is_approved:
        return False
    return set(wish.all_roles) <= set(target.may_manage)
