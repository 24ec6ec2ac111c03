"""Which lineage a Credential lives in, and what its versions mean (protocol §2, §4).

Everything is derived from the versions themselves; nothing here remembers anything.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from keyward.domain import commands
from keyward.domain.model import Observed, Wish
from keyward.domain.steps import Wait
from keyward.domain.version import Mode, Origin, RetiredAs, Version
from keyward.errors import Reason


def derive(uid: str) -> str:
    """The lineage that a Credential begins: derived from its uid, so that two racers make the same names."""
    return hashlib.sha256(b"keyward.dev/lineage\0" + uid.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class History:
    """The versions of one lineage, ascending."""

    lineage: str
    versions: tuple[Version, ...]

    @property
    def highest(self) -> Version | None:
        return self.versions[-1] if self.versions else None

    @property
    def current(self) -> Version | None:
        """Highest promotion; of two equal ones the higher sequence, as both were verified."""
        promoted = [v for v in self.versions if v.promoted is not None and v.retired is None]
        return max(promoted, key=_promotion_order) if promoted else None

    @property
    def previous(self) -> Version | None:
        current = self.current
        rest = [v for v in self.versions if v.promoted is not None and v.retired is None and v is not current]
        alive = [v for v in rest if not self.is_dead(v)]
        return max(alive, key=_promotion_order) if alive else None

    @property
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

    @property
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


def group(versions: Iterable[Version]) -> dict[str, History]:
    """Versions by lineage."""
    found: dict[str, list[Version]] = {}
    for version in versions:
        found.setdefault(version.lineage, []).append(version)
    return {
        lineage: History(lineage, tuple(sorted(members, key=lambda v: v.sequence)))
        for lineage, members in found.items()
    }


def named(observed: Observed, lineage: str) -> History:
    """The lineage of this name, without versions if it has none yet."""
    return group(observed.versions).get(lineage, History(lineage, ()))


@dataclass(frozen=True, slots=True)
class Resolution:
    """The live lineage. `retire` names versions of an abandoned one, `annotate` asks for the annotation."""

    history: History
    annotate: bool = False
    retire: tuple[Version, ...] = ()


def matches(wish: Wish, observed: Observed, history: History) -> bool:
    """Same type, target and accounts: such a lineage is taken up again (protocol §4)."""
    sample = history.highest
    if sample is None or sample.type != wish.type or sample.mode is not wish.mode:
        return False
    if wish.target is None or sample.target is None:
        return wish.target is sample.target
    chain = {wish.target.digest, *(observed.target.approved if observed.target else ())}
    return (
        wish.target.same_name(sample.target)
        and sample.target.digest in chain
        and set(sample.accounts) == set(wish.accounts)
    )


def resolve(observed: Observed) -> Resolution | Wait:
    """The lineage that this Credential lives in, or why that cannot be told. Every concern asks: it is found out once."""
    found: Resolution | Wait | None = observed.derived.get("lineage")
    if found is None:
        found = observed.derived["lineage"] = _resolved(observed)
    return found


def _resolved(observed: Observed) -> Resolution | Wait:
    wish, lineages = observed.wish, group(observed.versions)
    is_open = {name: h for name, h in lineages.items() if not any(v.closed for v in h.versions)}
    if wish.lineage is not None:
        return _annotated(observed, wish.lineage, is_open)
    derived = derive(wish.uid)
    if derived in is_open:
        return _beside_late_ones(observed, is_open[derived], is_open)
    fits = [h for h in is_open.values() if matches(wish, observed, h)]
    named = [h for h in fits if h.lineage == wish.commands.takeover]
    if len(fits) > 1 and not named:
        return _two_lineages(fits)
    if fits:
        return Resolution((named or fits)[0], annotate=True)
    return Resolution(History(derived, ()))


def ended(observed: Observed) -> History:
    """The annotated lineage if its accounts are dropped: no live one any more, but its versions may still have to go."""
    found = group(observed.versions).get(observed.wish.lineage or "")
    is_over = found is not None and any(v.closed for v in found.versions)
    return found if found is not None and is_over else History("", ())


def _annotated(observed: Observed, annotation: str, is_open: dict[str, History]) -> Resolution | Wait:
    history = is_open.get(annotation)
    if history is not None:
        return _beside_late_ones(observed, history, is_open)
    if commands.takeover_names(observed, commands.highest_seen(observed, History(annotation, ()))):
        return Resolution(History(annotation, ()))
    return Wait(
        None,
        Reason.RESTORE_INCOMPLETE,
        "metadata.annotations[keyward.dev/lineage] names versions that are not there: restore them, or start anew with "
        f"the annotation keyward.dev/takeover: {commands.takeover_text(observed, History(annotation, ()))}",
        stalled=True,
    )


def _beside_late_ones(observed: Observed, live: History, is_open: dict[str, History]) -> Resolution | Wait:
    """Versions of another lineage that turned up after the live one's first were restored late (protocol §4)."""
    began = live.versions[0].created_at
    late = [
        h
        for name, h in is_open.items()
        if name != live.lineage
        and h.highest is not None
        and h.highest.orphaned_at is None
        and min(v.created_at for v in h.versions) > began
        and matches(observed.wish, observed, h)
    ]
    if not late or observed.wish.commands.takeover == live.lineage:
        return Resolution(live)
    named = next((h for h in late if h.lineage == observed.wish.commands.takeover), None)
    if named is not None:
        return Resolution(named, annotate=True)
    if live.current is None and len(late) == 1:
        return Resolution(late[0], annotate=True, retire=tuple(v for v in live.versions if not v.settled))
    return _two_lineages([live, *late])


def _two_lineages(found: Iterable[History]) -> Wait:
    names = ", ".join(sorted(h.lineage for h in found))
    return Wait(
        None,
        Reason.TWO_LINEAGES,
        f"versions of more than one lineage belong to this Credential ({names}): name the one to keep with the "
        "annotation keyward.dev/takeover: <lineage>",
        stalled=True,
    )
