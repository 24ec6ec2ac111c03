"""Our mark on an account of the target, and what an account's mark allows (protocol §8).

Pure judgement: an engine re-reads the world under its lock and refuses to write if it is not as judged here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from keyward.api import managed
from keyward.domain.model import MarkView
from keyward.domain.version import Version
from keyward.errors import Blocked, Reason

_FORM = re.compile(
    r"keyward/1 (?P<store>[0-9a-f-]{1,64}) (?P<lineage>[0-9a-f]{32}) (?P<sequence>[0-9]{1,9}) (?P<digest8>[0-9a-f]{8})"
    r"(?P<disabled> disabled)?"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """`keyward/1 <store> <lineage> <sequence> <8 hex of the envelope digest>[ disabled]`."""

    store: str
    lineage: str
    sequence: int
    digest8: str
    disabled: bool = False

    def __str__(self) -> str:
        suffix = " disabled" if self.disabled else ""
        return f"keyward/1 {self.store} {self.lineage} {self.sequence} {self.digest8}{suffix}"


def parse(comment: str | None) -> Mark | None:
    """The mark in a comment: its last line. Other people's text above it is theirs."""
    found = _FORM.fullmatch((comment or "").rsplit("\n", 1)[-1])
    if found is None:
        return None
    return Mark(
        found["store"], found["lineage"], int(found["sequence"]), found["digest8"], found["disabled"] is not None
    )


def write(comment: str | None, mark: Mark) -> str:
    """The comment with this mark as its last line, other people's text kept."""
    lines = (comment or "").split("\n")
    kept = lines[:-1] if parse(comment) else [line for line in lines if line]
    return "\n".join([*kept, str(mark)])


@dataclass(frozen=True, slots=True)
class Account:
    """What the engine saw of one account, in the words of this page."""

    exists: bool
    can_login: bool = False
    superuser: bool = False
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """Who wants to write, and what is known of other lineages."""

    store: str
    version: Version
    names: tuple[str, ...]  # accounts that log in
    others: tuple[str, ...] = ()  # roles that hold rights
    imported: bool = False
    known_lineages: frozenset[str] = frozenset()  # with a live Credential or versions in this store
    takeover: bool = False
    takeover_text: str = ""
    returning: bool = False  # our own deletion had disabled the account
    recorded: frozenset[str] | None = None  # ours by records, on a server without marks; None: it keeps them


class Fenced(Exception):  # noqa: N818 - a verdict that the planner turns into a reason to stop
    """Another writer of this lineage went further, or apart: remember its mark and write nothing."""

    def __init__(self, mark: MarkView) -> None:
        super().__init__("a mark of this lineage is ahead of or apart from ours")
        self.mark = mark


def judge(claim: Claim, accounts: Mapping[str, Account]) -> None:
    """Whether `claim.version` may be written to its account, creating what is absent.

    Raises:
        Fenced: a mark of this lineage has a higher sequence, or the same with another digest.
        Blocked: an account belongs to somebody else, is reserved, is disabled or is missing.
    """
    for name in (*claim.names, *claim.others):
        account = accounts[name]
        if account.exists:
            _judge_existing(claim, name, account)
        elif claim.imported:
            raise Blocked(
                Reason.ACCOUNT_MISSING,
                f"account {name!r} is not on the server: create it there, or delete this Credential",
            )
    account = accounts[claim.version.account]
    if account.exists and not account.can_login and not _ours_to_enable(claim, account):
        raise Blocked(
            Reason.ACCOUNT_DISABLED,
            f"somebody took the right to log in from account {claim.version.account!r}: give it back on the server, we "
            "never do",
        )


def _ours_to_enable(claim: Claim, account: Account) -> bool:
    if claim.recorded is not None:
        return claim.returning
    mark = parse(account.comment)
    return claim.returning and mark is not None and mark.disabled and mark.lineage == claim.version.lineage


def _judge_existing(claim: Claim, name: str, account: Account) -> None:
    if account.superuser:
        raise Blocked(
            Reason.ACCOUNT_RESERVED,
            f"account {name!r} has rights over the whole server (superuser, replication or the like), and such accounts are "
            "never touched: choose another",
        )
    mark = parse(account.comment)
    if claim.recorded is not None and name in claim.recorded:
        return
    if mark is not None and mark.lineage == claim.version.lineage:
        _judge_own(claim.version, mark)
    elif mark is not None:
        _judge_foreign(claim, name, mark)
    elif not claim.imported:
        raise Blocked(
            Reason.ACCOUNT_EXISTS,
            f"account {name!r} is on the server already and was not made by this Credential: choose another name, or "
            f"{_way_out(claim)}",
        )


def _way_out(claim: Claim) -> str:
    """What else can be done with an account that is in the way."""
    kind = claim.version.type
    return f"import it with spec.{kind}.import" if kind in managed.IMPORTING else "drop it on the server"


def _judge_own(version: Version, mark: Mark) -> None:
    ahead = mark.sequence > version.sequence
    apart = mark.sequence == version.sequence and mark.digest8 != version.digest[:8]
    if ahead or apart:
        raise Fenced(MarkView(mark.sequence, mark.digest8))


def _judge_foreign(claim: Claim, name: str, mark: Mark) -> None:
    if not claim.imported:
        raise Blocked(
            Reason.ACCOUNT_EXISTS,
            f"account {name!r} carries the mark of another Credential (lineage {mark.lineage[:8]}): choose another name, or if "
            f"that Credential is gone, {_way_out(claim)}",
        )
    if mark.lineage in claim.known_lineages:
        raise Blocked(
            Reason.ACCOUNT_CLAIMED,
            f"account {name!r} is managed by another Credential (lineage {mark.lineage[:8]}), and each account has one: choose "
            "another account",
        )
    if mark.store == claim.store and not claim.takeover:
        raise Blocked(
            Reason.LINEAGE_CONFLICT,
            f"account {name!r} carries the mark of lineage {mark.lineage[:8]} of this store, whose versions are gone: "
            f"confirm the import with the annotation keyward.dev/takeover: {claim.takeover_text}",
        )
