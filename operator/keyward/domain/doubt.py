"""Whether the newest version that is stored here is the newest there is (protocol §5, §8). Pure."""

from __future__ import annotations

from keyward.domain import commands
from keyward.domain.history import History
from keyward.domain.model import Observed
from keyward.errors import Reason

TEXTS = {
    Reason.RESTORED_ELSEWHERE: "the newest version was reserved by another cluster, which may be alive",
    Reason.FENCED: "the target or a Secret names a later version than any that is stored here",
    Reason.FORKED: "the target carries a version with the same number and another value",
}


def why(seen: Observed, history: History) -> Reason | None:
    """The reason for doubt: restored elsewhere, behind a Secret or mark, or forked. None without versions or doubt."""
    top, mark = history.highest, seen.memory.mark
    if top is None:
        return None
    if mark is not None and mark.sequence == top.sequence and mark.digest8 != top.digest[:8]:
        return Reason.FORKED
    if commands.highest_seen(seen, history) > top.sequence:
        return Reason.FENCED
    if seen.wish.logs_in and top.cluster != seen.cluster:
        return Reason.RESTORED_ELSEWHERE
    return None
