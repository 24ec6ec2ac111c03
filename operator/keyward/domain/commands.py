"""The annotations that are commands: rotate, promote, takeover. Each text is acted on once (protocol §6, §8)."""

from __future__ import annotations

from keyward.domain.history import History
from keyward.domain.model import Observed, Obstacle
from keyward.domain.version import Mode, RetiredAs, Version
from keyward.errors import Reason

FORCE = "#force"


def rotate_text(observed: Observed, history: History) -> str | None:
    """The token of a rotation that was asked for and not yet reserved, or None."""
    text = observed.wish.commands.rotate
    if not text:
        return None
    top = history.highest
    if top is None or top.cause.handled.rotate != text:
        return text
    if top.cause.text != text:
        # Whatever was reserved since then, the versions that it caused may have been pruned: it is done.
        return None
    done = sum(1 for v in history.versions if v.cause.text == text and v.retired in (None, RetiredAs.ENDED))
    return text if done < _rotations_wanted(text, observed.wish.mode) else None


def _rotations_wanted(text: str, mode: Mode) -> int:
    # A leaked value is `previous` after one rotation in dual mode and still logs in: the second one ends it.
    return 2 if is_forced(text) and mode is Mode.DUAL else 1


def is_forced(text: str | None) -> bool:
    return text is not None and text.endswith(FORCE)


def promote_text(observed: Observed, history: History) -> str | None:
    """The text of a promotion that was asked for and not yet recorded, or None."""
    text = observed.wish.commands.promote
    if not text:
        return None
    top = history.highest
    handled = {v.promoted.by for v in history.versions if v.promoted}
    if top is not None and top.cause.handled.promote:
        handled.add(top.cause.handled.promote)
    return None if text in handled else text


def promote_candidate(observed: Observed, history: History) -> Version | Obstacle | None:
    """The version that the command names, or why it cannot be promoted."""
    text = promote_text(observed, history)
    if text is None:
        return None
    named = text.partition("#")[0]
    version = history.by_id(named)
    if version is None:
        return Obstacle(
            Reason.UNKNOWN_VERSION,
            "metadata.annotations[keyward.dev/promote] names a version id that is not kept: list them with "
            "kubectl get credentialversions",
        )
    if version.retired or history.is_dead(version):
        return Obstacle(
            Reason.VERSION_DEAD,
            "metadata.annotations[keyward.dev/promote] names a version whose password a later one has replaced: rotate "
            "instead with keyward.dev/rotate",
        )
    if observed.denied(version):
        return Obstacle(
            Reason.VERSION_DEAD,
            "metadata.annotations[keyward.dev/promote] names a version whose value the target refuses, as its password was "
            "changed there: rotate instead with keyward.dev/rotate",
        )
    return version


def highest_seen(observed: Observed, history: History) -> int:
    """The highest sequence of this lineage that versions, Secrets or marks name."""
    top = history.highest
    named = [s.sequence for s in observed.secrets.values() if s.managed and s.lineage == history.lineage]
    mark = observed.memory.mark.sequence if observed.memory.mark else 0
    return max(top.sequence if top else 0, mark, *named, 0)


def takeover_text(observed: Observed, history: History) -> str:
    """What the takeover annotation must say now. It lapses when that sequence is passed."""
    return f"{observed.cluster}:{highest_seen(observed, history)}"


def takes_over(observed: Observed, history: History) -> bool:
    """Whether the takeover annotation names this cluster and the highest sequence that is seen of this lineage."""
    return bool(observed.wish.commands.takeover) and takeover_names(observed, highest_seen(observed, history))


def takeover_names(observed: Observed, sequence: int) -> bool:
    """Whether the takeover annotation names this cluster and that sequence."""
    return observed.wish.commands.takeover == f"{observed.cluster}:{sequence}"
