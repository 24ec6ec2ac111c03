"""What a rotation is about to do to the rights of one account, for the engine to judge before anything is reserved."""

from __future__ import annotations

from keyward.domain import commands
from keyward.domain.history import of_lineage
from keyward.domain.model import Observed, RightsPolicy
from keyward.domain.steps import Reserve
from keyward.domain.version import Origin
from keyward.engines.base import Flip


def of(seen: Observed, step: Reserve) -> Flip | None:
    """None before anything is current: whatever is made then is made as the spec says, and an import sets nothing."""
    current, wish = of_lineage(seen, step.lineage).current, seen.wish
    if current is None or step.origin is Origin.IMPORTED:
        return None
    other = current.account if wish.imported and current.account != step.account else None
    # A leak ends first: whose rights are whose can be seen to later.
    refuse = wish.on_rights_drift is RightsPolicy.REFUSE and not commands.is_forced(step.cause.text)
    return Flip(step.account, like=other, refuse=refuse, allowed=seen.target.allowed if seen.target else None)
