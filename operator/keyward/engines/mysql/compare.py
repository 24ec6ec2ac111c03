"""What a rotation would do to the rights of the account that it sets next. It writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from keyward.domain.allowances import Allowance
from keyward.engines import differences
from keyward.engines.base import AccountSet
from keyward.engines.mysql import grants, limits, rows
from keyward.engines.mysql.flavour import Server
from keyward.engines.mysql.grants import Grants
from keyward.engines.mysql.rows import Row
from keyward.engines.mysql.wire import Wire


@dataclass(frozen=True, slots=True)
class _Compared:
    """One row of the account that is set next, and what it is to become. Default roles are as the server writes them."""

    held: Grants
    target: Grants
    held_defaults: frozenset[str] = frozenset()
    target_defaults: frozenset[str] = frozenset()

    def lacks(self) -> list[str]:
        return _told(self.held, self.target, self.target_defaults - self.held_defaults)

    def beyond(self, allowed: Sequence[Allowance]) -> list[str]:
        """What would be given beyond these; a role is always beyond them, as what it gives may change."""
        given = self.target.rights - self.held.rights
        within = frozenset(right for right in given if limits.covers(allowed, right, literal=self.target.literal))
        return _told(self.held, replace(self.target, rights=self.target.rights - within), frozenset())

    def has(self) -> list[str]:
        return _told(self.target, self.held, self.held_defaults - self.target_defaults)


async def judge(wire: Wire, server: Server, accounts: AccountSet, found: Sequence[Row]) -> None:
    """Raise Blocked as `differences` words it, if the flip refuses what it would change, or would give more than is allowed."""
    flip = accounts.flip
    if flip is None or not (flip.refuse or (flip.like is not None and flip.allowed is not None)):
        return
    models = None if flip.like is None else rows.by_host(found, flip.like)
    if not accounts.created and models is None:
        return
    compared = [await _compared(wire, server, accounts, row, models) for row in _there(accounts, found)]
    if flip.refuse:
        lacks = dict.fromkeys(one for each in compared for one in each.lacks())
        has = dict.fromkeys(one for each in compared for one in each.has())
        differences.refuse(flip, list(lacks), list(has))
    if models is not None and flip.allowed is not None:
        beyond = dict.fromkeys(one for each in compared for one in each.beyond(flip.allowed))
        differences.limit(flip, list(beyond))


def _there(accounts: AccountSet, found: Sequence[Row]) -> list[Row]:
    """What is not there yet is made as it is to be."""
    assert accounts.flip is not None
    return [row for row in found if row.name == accounts.flip.account]


async def _compared(
    wire: Wire, server: Server, accounts: AccountSet, row: Row, models: Mapping[str, Row] | None
) -> _Compared:
    held = await rows.granted(wire, server, row.sql)
    if models is None:
        target = grants.wanted(accounts.privileges, server, accounts.preset_role)
        defaults = frozenset(await rows.default_roles(wire, server, row)) if target.roles else frozenset[str]()
        return _Compared(held, target, defaults, target.roles)
    model = models.get(row.host.lower())
    if model is None:
        return _Compared(held, held)  # what is lacking is a row, which is named by the change
    target = await rows.granted(wire, server, model.sql)
    if not server.has_roles:
        return _Compared(held, target)
    defaults = frozenset(await rows.default_roles(wire, server, row))
    return _Compared(held, target, defaults, frozenset(await rows.default_roles(wire, server, model)))


def _told(less: Grants, more: Grants, defaults: frozenset[str]) -> list[str]:
    """What `more` has beyond `less`, one line for each object, and each role."""
    by_object: dict[str, list[str]] = {}
    for obj, right in sorted(more.rights - less.rights):
        by_object.setdefault(obj, []).append(right)
    roles = [f"role {role}" for role in sorted(more.roles - less.roles)]
    put_on = [f"role {role} by default" for role in sorted(defaults) if role in less.roles]
    return [*(f"{'/'.join(rights)} on {obj}" for obj, rights in by_object.items()), *roles, *put_on]
