"""Which lineage a Credential lives in (protocol §4)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from keyward.domain import commands
from keyward.domain.history import History, all_lineages
from keyward.domain.model import Observed, Wish
from keyward.domain.steps import Wait
from keyward.domain.version import Version
from keyward.errors import Reason


def derive(uid: str) -> str:
    """The lineage that a Credential begins: derived from its uid, so that two racers make the same names."""
    return hashlib.sha256(b"keyward.dev/lineage\0" + uid.encode()).hexdigest()[:32]


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
    wish, lineages = observed.wish, all_lineages(observed)
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
    found = all_lineages(observed).get(observed.wish.lineage or "")
    is_over = found is not None and any(v.closed for v in found.versions)
    return found if found is not None and is_over else History("", ())


def _annotated(observed: Observed, annotation: str, is_open: dict[str, History]) -> Resolution | Wait:
    history = is_open.get(annotation)
    if history is not None:
        return _beside_late_ones(observed, history, is_open)
    if commands.takes_over(observed, History(annotation, ())):
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
