"""What a pass tells beside the status: events that a person can act on, and metrics.

Nothing here is a record, and nothing waits: an event goes into the recorder's queue. The recorder counts repetitions.
An event is a write to the API server, so that what goes well is told only where it changed something outside.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from keyward.controller.metrics import Metrics
from keyward.controller.target_health import OF_A_TARGET, Finding
from keyward.domain import retiring
from keyward.domain.model import Identity, Memory, Observed, TargetView, Wish
from keyward.domain.steps import (
    Apply,
    Disprove,
    Drop,
    End,
    Issue,
    MakeRoom,
    Project,
    Promote,
    Release,
    Reserve,
    Retire,
    Verify,
)
from keyward.domain.version import RetiredAs, Version
from keyward.errors import KeywardError, Reason, Rejected
from keyward.kube.events import Ref, Type
from keyward.kube.kinds import CREDENTIALS

Post = Callable[[Ref, Type, str, str], None]
Note = Callable[[str, Finding], None]
_REQUEST: Final = re.compile(r", request [A-Za-z0-9-]{1,64}(?=\))")
_OF_A_ROTATION: Final = frozenset(step.__name__ for step in (Reserve, Apply, MakeRoom, Issue, Verify, Promote))


class Telling:
    """The port `Teller`."""

    def __init__(self, metrics: Metrics, post: Post, note: Note) -> None:
        self._metrics, self._post, self._note = metrics, post, note

    def did(self, seen: Observed, step: Any, memory: Memory, seconds: float) -> None:
        """A step was done. `memory` is what the process knows after it."""
        wish = seen.wish
        self._metrics.step_duration.labels(type(step).__name__.lower()).observe(seconds)
        match step:
            case Promote(version=version):
                self._metrics.rotations.labels(wish.type, "success").inc()
                if version.cause.kind != "Initial":
                    self._say(
                        wish.identity, "Normal", "Rotated", f"version {version.version_id} logs in and is current"
                    )
            case Project(version=version) if memory.gap is not None and memory.gap != seen.memory.gap:
                self._metrics.single_gap.labels(wish.type).observe(memory.gap[1].total_seconds())
            case Disprove(version=version):
                self._leak_ended(wish.identity, version)
            case End(version=version, current=current) if retiring.is_forced(seen, current):
                self._leak_ended(wish.identity, version)
            case Retire(as_=RetiredAs.REFUSED):
                self._metrics.rotations.labels(wish.type, "refused").inc()
            case Verify(version=version) if memory.denies(version, wish.target.digest if wish.target else ""):
                self._metrics.failed_verifications.inc()
            case Drop() if memory.accounts_kept:
                self.left_behind(wish.identity, f"{', '.join(wish.accounts)} (owns objects: disabled, not dropped)")
            case Release(left=left) if left:
                self.left_behind(wish.identity, left)

    def failed(self, wish: Wish, step: str, error: KeywardError) -> None:
        """A step ended in an error that ends the pass."""
        if step in _OF_A_ROTATION and not isinstance(error, Rejected):
            self._metrics.rotations.labels(wish.type, "failure").inc()
        if step == Verify.__name__:
            self._metrics.failed_verifications.inc()
        self._say(wish.identity, "Warning", error.reason, error.message)

    def warn(self, of: Identity, reason: str, message: str) -> None:
        """Something waits for a person."""
        self._say(of, "Warning", reason, message)

    def found(self, seen: Observed, problem: tuple[Reason, str] | None, *, reached: bool) -> None:
        """A pass is over: what it says of the Target. `reached`: the admin has logged in."""
        speaks = problem is not None and problem[0] in OF_A_TARGET
        view = seen.target or (TargetView(seen.wish.target) if seen.wish.target else None)
        if view is not None and (reached or speaks):
            said = (problem[0], _steady(problem[1])) if problem is not None and speaks else None
            self._note(seen.wish.namespace, Finding(view, said))

    def _leak_ended(self, of: Identity, version: Version) -> None:
        self._say(of, "Normal", "LeakEnded", f"a login with version {version.version_id}, which has leaked, is refused")

    def left_behind(self, of: Identity, left: str) -> None:
        """A Credential was let go although not everything could be undone."""
        self._metrics.deletions_left_behind.inc()
        text = f"the Credential is let go; what could not be undone stays on the target: {left}"
        self._say(of, "Warning", "LeftBehind", text)

    def _say(self, of: Identity, type_: Type, reason: str, message: str) -> None:
        self._post(Ref(CREDENTIALS, of.namespace, of.name, of.uid), type_, str(reason), _steady(message))


def _steady(message: str) -> str:
    """Without the id that a cloud gave the request, another one each time: the same is counted, not said anew."""
    return _REQUEST.sub("", message)
