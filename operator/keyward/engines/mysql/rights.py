"""Which statements give an account the rights that it shall have: those of the spec, or those of the account in use.

Only the account that is about to be set, and rows that are made now, are changed: whoever is logged in as the other one goes
on as before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from keyward.engines.base import AccountSet, Change
from keyward.engines.mysql import admin, check, grants, rows, text
from keyward.engines.mysql.admin import Admin
from keyward.engines.mysql.flavour import Server
from keyward.engines.mysql.grants import Grants
from keyward.engines.mysql.rows import Row
from keyward.engines.mysql.statements import Proof
from keyward.engines.mysql.wire import Wire
from keyward.errors import Blocked, Reason

_NONE = Grants()


async def grantable(who: Admin, accounts: AccountSet, found: Sequence[Row]) -> None:
    """Raise Blocked naming each right of a created account that the admin can neither give nor take."""
    wire, server = who.wire, who.server
    target = grants.wanted(accounts.privileges, server, accounts.preset_role)
    for name in accounts.names:
        there = rows.by_host(found, name)
        for host in accounts.hosts:
            row = there.get(host.lower())
            held = await rows.granted(wire, server, row.sql) if row else _NONE
            await who.demand(partial(check.can_give, server, name, held, target))


async def plan(
    wire: Wire, server: Server, change: Change, found: Sequence[Row], made: Mapping[str, Sequence[Proof]]
) -> list[str]:
    """The statements, in order; none where all is as it shall be. Raises Blocked as `grantable` does."""
    alone = change.like is None or change.like == change.account
    if not alone:
        await _equal(wire, change, found)
    if change.accounts.created:
        return await _of_spec(wire, server, change, made)
    if alone:
        return []
    return await _of_account(await admin.logged_in(wire, server), change, found)


async def _equal(wire: Wire, change: Change, found: Sequence[Row]) -> None:
    """Raise Blocked for what is asked of one of both accounts and not of the other: that is nobody's to change here."""
    assert change.like is not None
    used = rows.by_host(found, change.like)
    for host, row in rows.by_host(found, change.account).items():
        unequal = await rows.differing(wire, used[host], row) if host in used else []
        if unequal:
            text_ = (
                f"accounts {change.like!r} and {change.account!r} are not equal for host {host!r}: {', '.join(unequal)} of them "
                "differ, and who goes over from the one to the other may be refused: give both the same with ALTER USER"
            )
            raise Blocked(Reason.PRIVILEGE_MISSING, text_)


async def _of_spec(wire: Wire, server: Server, change: Change, made: Mapping[str, Sequence[Proof]]) -> list[str]:
    target = grants.wanted(change.accounts.privileges, server, change.accounts.preset_role)
    new = [proof.row for listed in made.values() for proof in listed]
    statements = []
    for row in new:
        statements += [*grants.change(row, _NONE, target), *_defaults(server, row, sorted(target.roles), [])]
    for host in change.accounts.hosts:
        row = text.account(change.account, host)
        if row not in new:
            statements += grants.change(row, await rows.granted(wire, server, row), target)
            if target.roles:
                held = await rows.default_roles(wire, server, Row(change.account, host, "", b""))
                statements += _defaults(server, row, sorted(target.roles), held)
    return statements


async def _of_account(who: Admin, change: Change, found: Sequence[Row]) -> list[str]:
    assert change.like is not None
    wire, server = who.wire, who.server
    models, there = rows.by_host(found, change.like), rows.by_host(found, change.account)
    statements = []
    for host, row in there.items():
        if host not in models:
            text_ = f"account {change.like!r} has no row for host {host!r}, as {change.account!r} has: make one there"
            raise Blocked(Reason.ACCOUNT_MISSING, text_)
        target = await rows.granted(wire, server, models[host].sql)
        held = await rows.granted(wire, server, row.sql)
        await who.demand(partial(check.can_give, server, change.account, held, target))
        statements += grants.change(row.sql, held, target)
        defaults = await _default_roles(wire, server, models[host], row)
        if defaults:
            await who.demand(partial(check.can_set_defaults, server))
        statements += defaults
    return statements


async def _default_roles(wire: Wire, server: Server, model: Row, row: Row) -> list[str]:
    """A role that is granted but is none of the defaults is not put on at a login."""
    if not server.has_roles:
        return []
    wanted, held = [await rows.default_roles(wire, server, one) for one in (model, row)]
    return _defaults(server, row.sql, wanted, held)


def _defaults(server: Server, row: str, wanted: Sequence[str], held: Sequence[str]) -> list[str]:
    if list(wanted) == list(held):
        return []
    listed = ", ".join(wanted) or "NONE"
    if server.mariadb:
        return [f"SET DEFAULT ROLE {listed} FOR {row}"]
    return [f"ALTER USER {row} DEFAULT ROLE {listed}"]
