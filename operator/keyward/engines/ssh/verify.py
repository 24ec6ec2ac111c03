"""Proves a value by a login that runs nothing, and finds out why one was refused.

What a login runs is not ours: a forced command may be a backup. Where sshd takes no password of the user, as of root by
default, the admin compares it with /etc/shadow instead.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from keyward.engines.base import Expectation
from keyward.engines.ssh import connect, keyfile, lines, look, values
from keyward.engines.ssh.caller import Caller
from keyward.engines.ssh.connect import Asked, Way
from keyward.engines.ssh.look import User
from keyward.engines.ssh.probes import Probes
from keyward.errors import Blocked, KeywardError, Reason

SHADOW: Final = "Shadow"
Admin = Callable[[], Awaitable[Caller | None]]
"""Has the admin look at the host; None if it cannot."""


async def verify(way: Way, expect: Expectation, probes: Probes, admin: Admin) -> str | None:
    """See `Engine.verify`."""
    if not expect.accounts.key_pair:
        way, proven = await _password(way, admin)
        if proven:
            return SHADOW
    elif not values.is_key(way.login.password):
        raise Blocked(Reason.LOGIN_REFUSED, f"{way.endpoint}: the value is no private key")
    held = probes.held(way.endpoint)
    if held is not None:
        stands = await _stands_there(way, expect, admin)
        if stands is None:
            raise held
        if not stands:
            text = f"the value of user {way.login.account!r} is not the one on the host, as the admin finds it there"
            raise Blocked(Reason.LOGIN_REFUSED, f"{way.endpoint}: {text}")
    try:
        conn = await connect.attempt(way)
    except Asked as asked:
        failed = asked
    else:
        await connect.close(conn)
        return None
    if failed.counted:
        probes.failed(way.endpoint)
    raise await _why(way, expect, admin) or failed.error if failed.counted else failed.error


async def _password(way: Way, admin: Admin) -> tuple[Way, bool]:
    """How sshd takes the password; True if it takes none, and the stored hash is the password's."""
    if values.is_key(way.login.password):
        raise Blocked(Reason.LOGIN_REFUSED, f"{way.endpoint}: the value is a private key, and no password")
    shell = await admin()
    if shell is None:
        return way, False
    try:
        user = await look.user(shell, way.login.account)
        method = "" if user is None else user.takes_passwords()
        if user is None or method:
            return replace(way, method=method or way.method), False
        await _by_shadow(shell, user, way)
    finally:
        await shell.close()
    return way, True


async def _by_shadow(shell: Caller, user: User, way: Way) -> None:
    state = user.state(key_pair=False)
    if not state.can_login or state.expired:
        raise _shut(way, user)
    found = await shell.has_password(user.name, way.login.password)
    if found:
        return
    text = f"{way.endpoint}: the password of user {user.name!r} is not the one in /etc/shadow"
    if found is None:
        text = (
            f"{way.endpoint}: sshd takes no password of user {user.name!r}, and the one in /etc/shadow is kept in a way that can "
            "be compared on the host only: it is mended by the first rotation"
        )
    raise Blocked(Reason.LOGIN_REFUSED, text)


async def _stands_there(way: Way, expect: Expectation, admin: Admin) -> bool | None:
    """Whether the admin finds this very value on the host, so that a login is no guess; None if that cannot be told."""
    shell = await admin()
    if shell is None:
        return None
    try:
        user = await look.user(shell, way.login.account)
        state = look.state_of(user, key_pair=expect.accounts.key_pair)
        if user is None or not state.can_login or state.expired:
            return None
        return await _holds(shell, user, way, expect)
    except KeywardError:
        return None
    finally:
        await shell.close()


async def _holds(shell: Caller, user: User, way: Way, expect: Expectation) -> bool | None:
    if not expect.accounts.key_pair:
        return await shell.has_password(user.name, way.login.password) if user.local else None
    key = values.public_key(way.login.password)
    return lines.holds((await keyfile.read(shell, user, key)).content or b"", key) == 1


async def _why(way: Way, expect: Expectation, admin: Admin) -> KeywardError | None:
    """What the admin finds out about a refusal; None if it is a wrong value, or the admin cannot be asked."""
    shell = await admin()
    if shell is None:
        return None
    try:
        user = await look.user(shell, way.login.account)
        if user is None:
            return Blocked(Reason.LOGIN_REFUSED, f"{way.endpoint}: the host has no user {way.login.account!r}")
        state = user.state(key_pair=expect.accounts.key_pair)
        if not state.can_login or state.expired:
            return _shut(way, user)
        if await _holds(shell, user, way, expect):
            return _kept_out(way, user, key_pair=expect.accounts.key_pair)
    except Blocked as error:
        # What keeps every key out is told, and is no refusal of this one.
        return error if error.reason is Reason.KEY_FILE_UNUSABLE else None
    except KeywardError:
        return None
    finally:
        await shell.close()
    return Blocked(Reason.LOGIN_REFUSED, f"{way.endpoint}: the login of user {way.login.account!r} was refused")


async def by_login(way: Way, expect: Expectation, as_admin: Callable[[Way], Awaitable[Caller]]) -> Caller | None:
    """The admin's own login to the host; None if there is none, or it fails."""
    if expect.admin is None:
        return None
    try:
        return await as_admin(replace(way, login=expect.admin, admin=True))
    except KeywardError:
        return None


def _shut(way: Way, user: User) -> Blocked:
    why = user.expired or "it is locked, or has no password"
    return Blocked(Reason.ACCOUNT_DISABLED, f"{way.endpoint}: user {user.name!r}: {why}")


def _kept_out(way: Way, user: User, *, key_pair: bool) -> Blocked:
    # Another value would be refused as well: this one is right.
    found, others = ("the password", "PAM") if not key_pair else ("the key", "the options of its line")
    text = (
        f"user {user.name!r}: {found} is the one that the host has, and sshd refuses the login all the same: AllowUsers, "
        f"DenyUsers, AllowGroups, DenyGroups or {others} keep it out"
    )
    return Blocked(Reason.ACCOUNT_DISABLED, f"{way.endpoint}: {text}")
