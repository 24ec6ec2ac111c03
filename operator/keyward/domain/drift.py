"""The periodic login with current (protocol §5). Pure."""

from __future__ import annotations

from datetime import datetime

from keyward.domain import lineage, schedule
from keyward.domain.model import Observed
from keyward.domain.steps import Verify, Wait


def plan(seen: Observed, now: datetime) -> Verify | Wait:
    """Log in with current when its last look is too long ago. A refusal is judged by the rotation planner."""
    resolution = lineage.resolve(seen)
    if isinstance(resolution, Wait) or seen.obstacle or not seen.wish.logs_in or seen.wish.deleting_since is not None:
        return Wait(None, "NoDriftLogin")
    target = seen.target
    current = resolution.history.current
    if current is None or resolution.history.pending or target is None or target.suspended or not target.is_approved:
        return Wait(None, "NoDriftLogin")
    checked = seen.memory.drift_checked_at
    if checked is None:
        return Wait(None, "NoDriftLogin")
    # A look in the future was taken before the clock was set back.
    due = checked + seen.wish.drift_interval if checked <= now else now
    # A system that is down is asked no oftener than the rotation would ask it.
    due = max(due, schedule.retry_at(seen.failures, seen.wish.uid, now) or due)
    return Verify(current) if due <= now else Wait(due, "NoDriftLogin")
