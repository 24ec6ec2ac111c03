"""What the versions of a lineage mean (protocol §2). Nothing here remembers anything: all is derived from the versions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from keyward.domain.model import Observed
from keyward.domain.version import Mode, Origin, RetiredAs, Version


@dataclass(frozen=True)
class History:
    """The versions of one lineage, ascending. Every concern asks for the same few of them, so what is found is kept."""

    lineage: str
    versions: tuple[Version, ...]

    @property
    def highest(self) -> Version | None:
        return self.versions[-1] if self.versions else None

    @cached_property
    def current(self) -> Version | None:
        """Highest promotion; of two equal ones the higher sequence, as both were verified."""
        promoted = [v for v in self.versions if v.promoted is not None and v.retired is None]
        return max(promoted, key=_promotion_order) if promoted else None

    @cached_property
    def previous(self) -> Version | None:
        current = self.current
        rest = [v for v in self.versions if v.promoted is not None and v.retired is None and v is not current]
        alive = [v for v in rest if not self.is_dead(v)]
        return max(alive, key=_promotion_order) if alive else None

    @cached_property
    def pending(self) -> tuple[Version, ...]:
        """The unsettled highest sequence; all unsettled versions of an import."""
        if not self.versions:
            return ()
        # Nothing else is reserved before the imports are settled: one beside generated versions is the late POST of a
        # controller that slept, under a name that was pruned meanwhile.
        importing = all(v.origin is Origin.IMPORTED for v in self.versions)
        imports = tuple(v for v in self.versions if importing and not v.settled)
        top = self.versions[-1]
        return imports if top.settled or top in imports else (*imports, top)

    @cached_property
    def to_import_again(self) -> tuple[Version, ...]:
        """Imports that were given up for a corrected password, which is not stored yet."""
        last = {v.account: v for v in self.versions}
        return tuple(v for v in last.values() if v.origin is Origin.IMPORTED and v.retired is RetiredAs.SUPERSEDED)

    @property
    def next_number(self) -> int:
        return 1 + max((v.promoted.number for v in self.versions if v.promoted), default=0)

    def is_dead(self, version: Version) -> bool:
        """Whether a later version has overwritten, or will overwrite, this one's password."""
        if version.mode in (Mode.GENERIC, Mode.OVERLAP):
            return False  # an account that holds two values: the older one is ended, and that is recorded
        return any(
            later.sequence > version.sequence
            and later.account == version.account
            and later.retired in (None, RetiredAs.TAKEN_OVER)
            for later in self.versions
        )

    def altered(self, seen: frozenset[tuple[str, str]]) -> bool:
        """Whether a version is not the one that its successor was chained to, or was seen with another envelope."""
        kept = {v.sequence: v for v in self.versions}
        links = [(v.previous, kept.get(v.previous.sequence)) for v in self.versions if v.previous is not None]
        exchanged = any(there is not None and there.digest != link.digest for link, there in links)
        return exchanged or any((v.name, v.resource_version) in seen for v in self.versions)

    def by_id(self, version_id: str) -> Version | None:
        return next((v for v in reversed(self.versions) if v.version_id == version_id), None)

    def free_version_id(self, sequence: int, wanted: str = "") -> str:
        """`v<sequence>`, or that with -2, -3 … if somebody gave this id to another version."""
        base, taken = wanted or f"v{sequence}", {v.version_id for v in self.versions}
        if base not in taken:
            return base
        return next(f"{base}-{n}" for n in range(2, len(taken) + 3) if f"{base}-{n}" not in taken)


def _promotion_order(version: Version) -> tuple[int, int]:
    return (version.promoted.number if version.promoted else 0, version.sequence)


def by_lineage(versions: Iterable[Version]) -> dict[str, History]:
    """Versions by lineage."""
    found: dict[str, list[Version]] = {}
    for version in versions:
        found.setdefault(version.lineage, []).append(version)
    return {
        lineage: History(lineage, tuple(sorted(members, key=lambda v: v.sequence)))
        for lineage, members in found.items()
    }


def all_lineages(observed: Observed) -> dict[str, History]:
    """Every lineage of this name. Every concern asks: it is found out once."""
    found: dict[str, History] | None = observed.derived.get("lineages")
    if found is None:
        found = observed.derived["lineages"] = by_lineage(observed.versions)
    return found


def of_lineage(observed: Observed, lineage: str) -> History:
    """The lineage of this name, without versions if it has none yet."""
    return all_lineages(observed).get(lineage) or History(lineage, ())
