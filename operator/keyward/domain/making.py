"""Whose an account is, where the server has no place for a mark (protocol §5, §8). Pure.

Before a version is sent to such a server, `record.applying` is written. An account that was recorded absent with the
reservation of a version that was then sent is ours, and so is one whose password we set. Each reservation carries on what
its predecessor knew, because old versions are pruned.
"""

from __future__ import annotations

from collections.abc import Iterable

from keyward.domain.version import Version


def ours(version: Version) -> frozenset[str]:
    """The accounts that this version and those before it made or set."""
    sent = {*version.absent, version.account} if version.applying else set[str]()
    return frozenset({*version.made, *sent})


def carried(top: Version | None, absent: Iterable[str]) -> tuple[str, ...]:
    """What the next reservation records as ours: an account that is absent now would be somebody else's if it came."""
    return tuple(sorted(ours(top).difference(absent))) if top else ()
