"""Proves a login on one node: who it is, what it may do, and, if it is refused, why.

Redis says the same of a wrong password, an account that is off and one that is not there. The admin is asked which it is:
an account that somebody switched off is never healed, and a node that lacks a value that others hold is no wrong password.
"""

from __future__ import annotations

from typing import Final

from keyward.engines.base import Endpoint, Expectation, Level, Login, Topology
from keyward.engines.redis import acl, admin, rules, users
from keyward.engines.redis.connect import Node, Way, connect
from keyward.engines.redis.nodes import Member, about, opened
from keyward.errors import Blocked, KeywardError, Reason, Retry

# SETRANGE with an empty text needs the right to write and changes nothing, whatever is at the key.
_READS: Final = ("GET", "keyward:probe")
_WRITES: Final = ("SETRANGE", "keyward:probe", "0", "")


async def verify(way: Way, endpoint: Endpoint, expect: Expectation) -> None:
    """See `Engine.verify`."""
    try:
        node = await connect(way, endpoint)
    except Blocked as error:
        if error.reason is not Reason.LOGIN_REFUSED or expect.admin is None:
            raise
        refusal = error
    else:
        try:
            await _prove(node, way, expect)
        finally:
            await node.close()
        return
    raise await _why(way, endpoint, expect.admin) or refusal


async def _prove(node: Node, way: Way, expect: Expectation) -> None:
    where, account = node.endpoint, way.login.account
    if not await _is(node, way):
        text = f"{where}: the login of account {account!r} is another one on the server"
        raise Blocked(Reason.WRONG_IDENTITY, text)
    if expect.accounts.admins:
        await admin.may(Member(node, await about(node)), account)
    if not expect.accounts.created:
        return
    if not await _may(node, _READS):
        raise Blocked(Reason.PRIVILEGE_MISSING, f"{where}: account {account!r} may not read")
    if rules.level_of(expect.accounts) is Level.READ_WRITE and not await _may(node, _WRITES):
        raise Blocked(Reason.PRIVILEGE_MISSING, f"{where}: account {account!r} may not write")


async def _is(node: Node, way: Way) -> bool:
    """Whether the login ended as its account. A managed service may hide ACL: then AUTH, which names the account, has said so."""
    if way.place.combined_auth:
        await node.ask("PING")
        return True
    try:
        found: bytes = await node.ask("ACL", "WHOAMI")
    except Blocked:
        if way.place.cloud is None:
            raise
        return True
    return found.decode("utf-8", "surrogateescape") == way.login.account


async def _may(node: Node, command: tuple[str, ...]) -> bool:
    """Whether the right is there: the server looks at it before anything else that can stand in the way."""
    try:
        await node.ask(*command)
    except KeywardError as error:
        if not node.wire.is_connected or error.reason is Reason.TIMEOUT:
            raise
        return error.reason is not Reason.PRIVILEGE_MISSING
    return True


async def _why(way: Way, endpoint: Endpoint, looking: Login) -> KeywardError | None:
    """What the admin finds out about a refusal; None if it is a wrong password, or the admin cannot be asked."""
    wanted, account = users.hash_of(way.login.password), way.login.account
    try:
        async with opened(Way(way.place, looking, way.seconds, admin=True)) as nodes:
            found = {m.endpoint: (await acl.users_of(m, [account]))[account] for m in nodes.members}
    except KeywardError:
        return None
    here = found.pop(endpoint, None)
    if here is not None and not here.enabled:
        return Blocked(Reason.ACCOUNT_DISABLED, f"{endpoint}: account {account!r} is off: {users.GIVES_BACK}")
    elsewhere = [user for user in found.values() if user is not None]
    if way.place.topology is not Topology.STANDALONE and any(user.lets_in(wanted) for user in elsewhere):
        text = f"{endpoint} does not hold the value of account {account!r} that other nodes hold"
        return Retry(Reason.PROPAGATION_TIMEOUT, text)
    return None
