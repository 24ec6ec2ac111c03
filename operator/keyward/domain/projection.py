"""Which projected Secret is not what it should be (protocol §11). Pure; rendering is elsewhere.

A Secret is made or changed only to a current value that is proven. A failure never blanks or shrinks one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from keyward.domain import commands, lineage, settling
from keyward.domain.history import History
from keyward.domain.model import Observed, SecretsPolicy
from keyward.domain.steps import Project, Unproject, Wait
from keyward.errors import Reason

_BOOKED: Final = timedelta(seconds=1)  # the server's book has whole seconds


def written_at(noted: datetime | None, booked: datetime | None) -> datetime | None:
    """When readers got what a Secret holds: by its own note, or by the API server's book where that says later.

    A write that was given up may be done after all, later than it says of itself. Whoever sent it may be dead by then.
    """
    if noted is None or booked is None or booked <= noted:
        return noted
    return booked + _BOOKED


def plan(seen: Observed) -> Project | Unproject | Wait:
    """The next Secret to write, or why there is none."""
    resolution = lineage.resolve(seen)
    if isinstance(resolution, Wait):
        return resolution
    history, wish = resolution.history, seen.wish
    current = history.current
    if current is None or resolution.annotate:
        return Wait(None, "NothingCurrent")
    if settling.importing(seen, history):
        return Wait(None, "ImportPending")
    if wish.deleting_since is not None or seen.namespace_terminating:
        return Wait(None, Reason.NAMESPACE_TERMINATING)
    if not seen.proven(current) or _newer_stands_there(seen, history):
        return Wait(None, "Unproven")
    for projection in settling.unwritten(seen, history):
        if projection.secret_name not in seen.blocked_secrets:
            previous = history.previous if projection.include_previous else None
            return Project(projection, current, previous)
    return _remove_unwished(seen, history.lineage)


def _newer_stands_there(seen: Observed, history: History) -> bool:
    """A Secret that names a later version than any that is stored is not even repaired: it is the only trace of it."""
    top = max(v.sequence for v in history.versions)
    newer = any(s.managed and s.lineage == history.lineage and s.sequence > top for s in seen.secrets.values())
    takeover = commands.takes_over(seen, history)
    return newer and not (takeover and seen.wish.logs_in)


def _remove_unwished(seen: Observed, live: str) -> Unproject | Wait:
    wished = {p.secret_name for p in seen.wish.projections}
    if seen.wish.deletion.secrets is SecretsPolicy.DELETE:
        for secret in seen.secrets.values():
            ours = secret.managed and secret.lineage == live and secret.credential == seen.wish.name
            if ours and secret.name not in wished and secret.name not in seen.blocked_secrets:
                return Unproject(secret)
    return Wait(None, "Projected")
