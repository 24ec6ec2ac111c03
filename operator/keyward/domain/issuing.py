"""Where the system picks the value, and tells it once: a version is reserved without a value, as an intent (protocol §5). Pure.

Whatever is told is stored before anything else is done. An intent that may have been sent and has no value is given up first;
then what the system issued for it, and nobody knows, is withdrawn; then the next intent is reserved.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

from keyward.domain import located, suspension
from keyward.domain.history import History
from keyward.domain.model import Observed
from keyward.domain.situation import Situation
from keyward.domain.steps import Issue, MakeRoom, Retire, Step, Verify, Wait, Withdraw
from keyward.domain.version import RetiredAs, Version

PROPAGATION: Final = timedelta(minutes=5)
"""How long a value that was just issued may be unknown to those who check it."""
SIGNED_FOR: Final = timedelta(minutes=15)
"""How long a call that was signed is accepted, however late it arrives. Clocks may be apart by as much."""
_SAME_CLOCK: Final = timedelta(seconds=5)  # the system has more than one
_KEPT: Final = 8  # ids per version: those of values that are long gone tell nothing any more


class Value(Protocol):
    """A value as the system lists it."""

    @property
    def id(self) -> str: ...

    @property
    def created(self) -> datetime: ...


V = TypeVar("V", bound=Value)


def settle(s: Situation, version: Version, *, wanted: bool) -> Step | Wait:
    """The next step of a version whose value is issued by the system."""
    if version.digest:
        return _prove(s, version)
    unsent, memory = version.sequence in s.seen.memory.unsent, s.seen.memory
    if version.sequence in memory.refused or (version.applying and not unsent):
        return Retire(version, RetiredAs.LOST)
    if not wanted:
        return Retire(version, RetiredAs.SUPERSEDED)
    ready: Step = Issue(version) if version.sequence in memory.cleared else MakeRoom(version)
    return suspension.rest(s) or _same_system(s) or ready


def _same_system(s: Situation) -> Step | Wait | None:
    """Nothing is withdrawn or issued where the value in use does not log in, unless it does nowhere any more."""
    current = s.history.current
    if current is None or s.proven(current):
        return None
    if not s.denied(current):
        return Verify(current)
    moved = current.target is not None and current.target.digest != s.digest
    return located.other_data(s.seen.wish) if moved else None


def _prove(s: Situation, version: Version) -> Step:
    if s.denied(version) and not is_new(version, s.now):
        return Retire(version, RetiredAs.REFUSED)  # its id stays known: the next one takes its place
    return Verify(version)


def is_new(version: Version, now: datetime) -> bool:
    """Whether a refusal may be the system's slowness."""
    return version.issued_at is not None and now - version.issued_at <= PROPAGATION


def withdraw_lost(s: Situation) -> Step | Wait | None:
    """What was issued for an intent that is given up is withdrawn before anything else is reserved."""
    top = s.history.highest
    if not s.seen.wish.issued or top is None or top.retired is not RetiredAs.LOST:
        return None
    return None if top.sequence in s.seen.memory.swept else Withdraw(top)


@dataclass(frozen=True, slots=True)
class Note:
    """What an intent records: the ids that are this Credential's, and since when an unknown one may be of an intent."""

    known: tuple[str, ...]
    since: datetime


def note(history: History, ids: Iterable[str], at: datetime) -> Note:
    """The note of the next intent. `ids` are those of the stored values, `at` is the system's time.

    What follows an intent that was lost takes over since when: its value may still turn up.
    """
    top = history.highest
    lost = top is not None and top.retired is RetiredAs.LOST and top.since is not None
    known = (*(top.known if top else ()), *ids)
    since = top.since if lost and top is not None and top.since is not None else at
    # Those that are stored come last, wherever they stood: the id of the value in use is never the one that is dropped.
    newest = tuple(dict.fromkeys(reversed(known)))[:_KEPT]
    return Note(newest[::-1], since)


def strangers(known: Iterable[str], values: Iterable[V]) -> tuple[V, ...]:
    """Values of the account that are none of this Credential's."""
    ours = frozenset(known)
    return tuple(value for value in values if value.id not in ours)


def may_be_ours(version: Version, value: Value) -> bool:
    """Whether a value that is not known can have been issued for this intent, or for a lost one before it."""
    if version.since is None or value.created < version.since - _SAME_CLOCK:
        return False
    # A call is accepted for so long after it was signed; a version that was never sent follows one that was.
    return version.applying_at is None or value.created <= version.applying_at + 2 * SIGNED_FOR


def protected(seen: Observed) -> str:
    """What a person reads where a value is nobody's that we know."""
    return (
        f"RAM user {seen.wish.accounts[0]!r} has an AccessKey that is not this Credential's, and such a key is never deleted: "
        "delete it in the cloud, or make the Credential anew with id and secret of every key that the user has"
    )
