"""Where rotation is switched off: of one Credential by `spec.rotation.suspend`, of all by `--freeze` (protocol §5). Pure."""

from __future__ import annotations

from keyward.domain.situation import Situation
from keyward.domain.steps import Wait


def rest(s: Situation) -> Wait | None:
    """Nothing is reserved, applied or issued meanwhile, but for the first value of an account that we make."""
    if not (s.seen.frozen or s.seen.wish.suspended) or _is_first(s):
        return None
    return Wait(None, "Suspended", "rotation is switched off: spec.rotation.suspend, or the operator's freeze switch")


def _is_first(s: Situation) -> bool:
    """Whether nobody can hold an older value of the newest version's account: it was not there, or we made it for this."""
    top = s.history.highest
    return top is not None and s.history.current is None and top.account in {*top.absent, *top.made}
