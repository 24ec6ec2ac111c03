"""How an engine says what the rights of an account differ by. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from keyward.engines.base import Flip
from keyward.errors import Blocked, Reason

_SHOWN: Final = 5  # of what is lacking, and of what is too much
_LONGEST: Final = 72  # of one of them: a name may have any length


def refuse(flip: Flip, lacks: Sequence[str], has: Sequence[str]) -> None:
    """Raise Blocked with RIGHTS_DIFFER, naming what the change would give and take; nothing if that is nothing."""
    if not lacks and not has:
        return
    found = [f"{verb} {listed(what)}" for verb, what in (("lacks", lacks), ("has", has)) if what]
    model = "the spec" if flip.like is None else f"account {flip.like!r}, which is in use"
    text = (
        f"compared with {model}, account {flip.account!r} {', and '.join(found)}: mend it on the server, or set Align"
    )
    raise Blocked(Reason.RIGHTS_DIFFER, text)


def limit(flip: Flip, beyond: Sequence[str]) -> None:
    """Raise Blocked with PRIVILEGE_NOT_ALLOWED, naming what would be given and is not allowed; nothing if that is nothing."""
    if beyond:
        text = (
            f"account {flip.account!r} would be given {listed(beyond)}, as account {flip.like!r} has, which is more than is "
            "allowed: add it there, or give or take it on the server"
        )
        raise Blocked(Reason.PRIVILEGE_NOT_ALLOWED, text)


def listed(what: Sequence[str]) -> str:
    """The first of them, cut where they are long, and how many more there are."""
    shown = [one if len(one) <= _LONGEST else one[:_LONGEST] + "…" for one in what[:_SHOWN]]
    more = len(what) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
