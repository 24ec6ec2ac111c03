"""Proves a login: as the row that was meant, with the rights that it shall have, for every host that is listed.

A login from here reaches one row of user@host. For the others the admin looks at what the server stores of them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import replace

from keyward.engines.base import AccountSet, Expectation, Login
from keyward.engines.mysql import grants, hashing, rows, text
from keyward.engines.mysql.connect import Goal, connect
from keyward.engines.mysql.flavour import Flavour, Server
from keyward.engines.mysql.grants import Grants
from keyward.engines.mysql.greeting import learn
from keyward.engines.mysql.rows import Row
from keyward.engines.mysql.wire import in_thread
from keyward.errors import Blocked, Reason

_EVERYWHERE = ("%",)


async def prove(flavour: Flavour, goal: Goal, expect: Expectation) -> None:
    """As of `Engine.verify`."""
    hosts = tuple(host.lower() for host in expect.accounts.hosts)
    if hosts == _EVERYWHERE or expect.admin is None:
        await _log_in(flavour, goal, expect.accounts)
        return
    elsewhere = await _elsewhere(flavour, goal, expect, expect.admin)
    if len(elsewhere) < len(hosts):
        await _log_in(flavour, goal, expect.accounts)


async def _log_in(flavour: Flavour, goal: Goal, accounts: AccountSet) -> None:
    wire = await connect(goal)
    try:
        server, _ = await learn(wire, flavour)
        who = str((await wire.rows("SELECT CURRENT_USER()"))[0][0])
        name, _, host = who.rpartition("@")
        if name != goal.login.account or not rows.is_listed(Row(name, host, "", b""), accounts):
            raise Blocked(
                Reason.WRONG_IDENTITY,
                f"the login of account {goal.login.account!r} ends as {who!r}, which is no user@host of this Credential",
            )
        _effective(server, who, accounts, await rows.granted(wire, server, "CURRENT_USER()"))
        if accounts.preset_role is not None:
            _by_default(server, who, accounts.preset_role, await rows.roles_on(wire, server))
    finally:
        await wire.close()


def _effective(server: Server, who: str, accounts: AccountSet, held: Grants) -> None:
    for obj, right in sorted(grants.wanted(accounts.privileges, server).rights):
        if not held.holds(obj, right):
            raise Blocked(Reason.PRIVILEGE_MISSING, f"{who!r} lacks {right} on {obj}")


def _by_default(server: Server, who: str, role: str, found: Sequence[str]) -> None:
    """A role that is granted and not put on gives nothing."""
    if text.role(role, server) not in found:
        raise Blocked(
            Reason.PRIVILEGE_MISSING,
            f"{who!r} does not put on the privilegedRole {role!r} at a login: make it a default role, or rotate",
        )


async def _elsewhere(flavour: Flavour, goal: Goal, expect: Expectation, admin: Login) -> list[Row]:
    """The rows that a login from here does not reach, each proven by what is stored of it."""
    # One that looks at itself is refused as the account that is to be proven.
    is_itself = admin.account == goal.login.account
    wire = await connect(replace(goal, login=admin, admin=not is_itself, database=None))
    try:
        server, _ = await learn(wire, flavour)
        found = await rows.read(wire, server, [goal.login.account])
        there = rows.by_host(found, goal.login.account)
        address = str((await wire.rows("SELECT USER()"))[0][0]).rpartition("@")[2]
        reached = _reached(address, list(there))
        hosts = [host.lower() for host in expect.accounts.hosts]
        for host in hosts:
            if host not in there:
                raise Blocked(Reason.LOGIN_REFUSED, f"account {goal.login.account!r} has no row for host {host!r}")
            if host != reached:
                await _stored(there[host], goal)
                held = await rows.granted(wire, server, there[host].sql)
                who = f"{goal.login.account}@{host}"
                _effective(server, who, expect.accounts, held)
                if expect.accounts.preset_role is not None:
                    defaults = await rows.default_roles(wire, server, there[host])
                    _by_default(server, who, expect.accounts.preset_role, defaults)
        return [there[host] for host in hosts if host != reached]
    finally:
        await wire.close()


async def _stored(row: Row, goal: Goal) -> None:
    if row.locked:
        raise Blocked(Reason.ACCOUNT_DISABLED, f"account {row.name!r} is locked for host {row.host!r}")
    held = [stored for stored in (row.stored, row.second) if stored is not None]
    password = goal.login.password
    if await in_thread(lambda: all(hashing.matches(row.plugin, one, password) is False for one in held)):
        raise Blocked(
            Reason.LOGIN_REFUSED, f"the server stores another password of account {row.name!r} for host {row.host!r}"
        )


def _reached(address: str, hosts: Sequence[str]) -> str | None:
    """The host that a login from this address ends at: of those that match, the most specific one."""
    matching = [host for host in hosts if matches(address, host)]
    # As the server sorts: without wildcards first, then by where the first wildcard stands.
    return min(matching, key=lambda host: (_wild(host) < len(host), -_wild(host)), default=None)


def matches(address: str, host: str) -> bool:
    """Whether a row's host covers an address or name, as the server sees the client."""
    if "/" in host:
        try:
            return ipaddress.ip_address(address) in ipaddress.ip_network(host, strict=False)
        except ValueError:
            return False
    pattern = "".join(".*" if c == "%" else "." if c == "_" else re.escape(c) for c in host)
    return re.fullmatch(pattern, address, re.IGNORECASE) is not None


def _wild(host: str) -> int:
    return min((i for i, c in enumerate(host) if c in "%_/"), default=len(host))
