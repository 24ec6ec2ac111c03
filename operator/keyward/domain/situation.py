"""What every guard of the planner looks at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from keyward.domain.history import History
from keyward.domain.model import Observed
from keyward.domain.version import Version


@dataclass(frozen=True, slots=True)
class Situation:
    """One Credential as it was observed, its live lineage, and the time."""

    seen: Observed
    history: History
    now: datetime
    takeover: bool  # the takeover annotation names this cluster and the highest sequence seen

    @property
    def digest(self) -> str:
        return self.seen.digest

    def proven(self, version: Version) -> bool:
        return self.seen.proven(version)

    def denied(self, version: Version) -> bool:
        return self.seen.denied(version)
