"""The admin session: one shell of root. Inspect, check, apply, end.

`inspect` takes the host's lock on the user; the shell, and whatever it started, holds it to its end. Users are never made,
disabled or dropped: they are the host's own.
"""

from __future__ import annotations

import os
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from keyward.engines.base import AccountSet, AccountState, Action, BeforeSend, Change, Inspection, Removal
from keyward.engines.deadline import within
from keyward.engines.overlap import Ending
from keyward.engines.ssh import errors, hashing, keyfile, lines, look, names, values
from keyward.engines.ssh.caller import Caller
from keyward.engines.ssh.look import User
from keyward.engines.ssh.shell import Shell
from keyward.errors import Blocked, Conflict, KeywardError, Reason, Rejected, Retry, Unsettled

T = TypeVar("T")


@dataclass(slots=True)
class _Sending:
    """Whether anything was sent that may have changed something."""

    begun: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """Implements `OverlapSession`."""

    shell: Caller
    in_clear: bool = False  # passwords go to the host as they are, for a policy that insists on judging them
    _settings: dict[str, dict[str, str]] = field(default_factory=dict)  # of sshd, by user: told by a start of it

    async def inspect(self, accounts: AccountSet) -> Inspection:
        names.check(accounts.names)
        return await self._within(self._inspect(accounts))

    async def check(self, accounts: AccountSet, inspection: Inspection) -> None:
        """A shell of root may do all of it, and what the host lacks was told when it was opened: the users have to be there."""
        if accounts.created:
            raise Blocked(Reason.INVALID_SPEC, "users of a host are not made: name one that is there")
        for name, state in inspection.accounts.items():
            if not state.exists:
                raise errors.at(self.shell.way.endpoint, _missing(name))

    async def apply(self, change: Change, before_send: BeforeSend) -> None:
        sending = _Sending()
        await self._within(self._apply(change, before_send, sending), sending)
        if change.terminate_sessions:
            await self._terminate(change.account)

    async def end(self, ending: Ending, before_send: BeforeSend) -> None:
        """See `OverlapSession`."""
        sending = _Sending()
        await self._within(self._end(ending, before_send, sending), sending)
        if ending.terminate_sessions:
            await self._terminate(ending.account)

    async def _terminate(self, account: str) -> None:
        if account != self.shell.way.login.account:  # that would be this very session
            with suppress(KeywardError):
                await self._within(self.shell.call("kw_terminate", account))

    async def remove(self, removal: Removal, before_send: BeforeSend) -> Action:
        """A user that was there before us stays as it is."""
        if removal.accounts.names:
            raise Blocked(Reason.INVALID_SPEC, "users of a host are neither disabled nor dropped: retain them")
        await before_send()
        return removal.action

    async def _within(self, work: Coroutine[Any, Any, T], sending: _Sending | None = None) -> T:
        failure: KeywardError
        seconds = self.shell.way.seconds
        begun = False
        try:
            return await within(seconds, work)
        except TimeoutError:
            failure = errors.at(self.shell.way.endpoint, Retry(Reason.TIMEOUT, f"did not finish within {seconds:g} s"))
        except Unsettled:
            raise
        except Retry as error:
            failure = error
        if sending is not None:
            begun = sending.begun
        lost = failure.reason in (Reason.TIMEOUT, Reason.UNREACHABLE, Reason.INTERNAL_ERROR)
        raise Unsettled(Reason.UNKNOWN_OUTCOME, failure.message) if begun and lost else failure

    # --- looking ---

    async def _inspect(self, accounts: AccountSet) -> Inspection:
        for name in accounts.names:
            # Half of what the session has: who waits for longer is told that it is busy, not that it is slow.
            patience = str(max(1, int(self.shell.way.seconds / 2)))
            answer = await self.shell.call("kw_lock", name, patience)
            if answer.status:
                text = f"the host gives no lock on user {name!r}"
                found = errors.of_status(answer.status, answer.said) or Blocked(Reason.ENGINE_UNSUPPORTED, text)
                raise errors.at(self.shell.way.endpoint, found)
        return await self._states(accounts)

    async def _states(self, accounts: AccountSet) -> Inspection:
        found = {name: await self._look(name) for name in accounts.names}
        states = {name: look.state_of(one, key_pair=accounts.key_pair) for name, one in found.items()}
        return Inspection(states, keeps_marks=False)

    async def _look(self, name: str) -> User | None:
        found = await look.user(self.shell, name, self._settings.get(name))
        if found is not None:
            self._settings[name] = found.settings
        return found

    async def _as_judged(self, account: str, accounts: AccountSet, expected: Inspection) -> User:
        """The user, if the world is as it was judged; raises otherwise."""
        judged = expected.accounts[account]
        if not judged.exists:
            raise Blocked(
                Reason.ACCOUNT_MISSING, f"user {account!r} is not on the host: create it, or correct the name"
            )
        now = await self._look(account)
        state = look.state_of(now, key_pair=accounts.key_pair)
        if now is None or _told_apart(state) != _told_apart(judged):
            raise Conflict(Reason.WRITTEN_BY_ANOTHER, f"user {account!r} changed after it was judged")
        if not state.can_login:
            text = f"user {account!r} is locked or has no password; somebody did that on purpose: usermod -U, or passwd"
            raise Blocked(Reason.ACCOUNT_DISABLED, text)
        if now.expired:
            raise Blocked(Reason.ACCOUNT_DISABLED, f"user {account!r}: {now.expired}; that is never undone by us")
        return now

    # --- changing ---

    async def _apply(self, change: Change, before_send: BeforeSend, sending: _Sending) -> None:
        if change.accounts.key_pair:
            values.check_new_key(change.password)
        else:
            values.check_new_password(change.account, change.password)
        user = await self._as_judged(change.account, change.accounts, change.expected)
        if change.accounts.key_pair:
            await self._add_key(user, change, before_send, sending)
        else:
            await self._set_password(user, change, before_send, sending)

    async def _add_key(self, user: User, change: Change, before_send: BeforeSend, sending: _Sending) -> None:
        new = values.public_key(change.password)
        in_use = values.public_key(change.keep) if change.keep is not None else None
        file = await keyfile.read(self.shell, user, *filter(None, (new, in_use)))
        content = lines.added(file.content or b"", new, in_use)
        await before_send()
        if content != file.content:
            sending.begun = True
            await keyfile.write(self.shell, file, content)

    async def _set_password(self, user: User, change: Change, before_send: BeforeSend, sending: _Sending) -> None:
        if not user.local:
            text = f"user {user.name!r} has no line in /etc/shadow: its password is kept by a directory, and is changed there"
            raise Blocked(Reason.ENGINE_UNSUPPORTED, text)
        await before_send()
        sending.begun = True
        await self._send_password(user, change)

    async def _send_password(self, user: User, change: Change) -> None:
        assert isinstance(self.shell, Shell)
        if self.in_clear:
            answer = await self.shell.call("kw_clear", user.name, change.password.reveal_text())
        else:
            stored = hashing.crypt(change.password, hashing.salt(os.urandom))
            answer = await self.shell.call("kw_hash", user.name, stored)
        if answer.status:
            raise errors.at(self.shell.way.endpoint, self._not_set(answer.said))
        if not self.in_clear and (await self.shell.stored_hash(user.name)) != stored:
            raise Unsettled(
                Reason.UNKNOWN_OUTCOME, f"the password of user {user.name!r} was set, and is another one already"
            )

    def _not_set(self, said: bytes) -> KeywardError:
        if self.in_clear and b"BAD PASSWORD" in said:
            return Rejected(Reason.PASSWORD_REFUSED, "the host's password policy refused the password")
        return errors.of_status(1, said) or Unsettled(Reason.UNKNOWN_OUTCOME, "chpasswd failed")

    async def _end(self, ending: Ending, before_send: BeforeSend, sending: _Sending) -> None:
        user = await self._look(ending.account)
        if user is None:
            return  # nothing of it is left
        old, kept = values.public_key(ending.old), values.public_key(ending.keep)
        file = await keyfile.read(self.shell, user, old, kept)
        content = lines.removed(file.content or b"", old, kept)
        await before_send()
        if content != (file.content or b""):
            sending.begun = True
            await keyfile.write(self.shell, file, content)


def _told_apart(state: AccountState) -> tuple[bool, bool, bool]:
    """What a user may not differ in from what was judged."""
    return state.exists, state.can_login, state.expired


def _missing(name: str) -> Blocked:
    return Blocked(Reason.ACCOUNT_MISSING, f"user {name!r} is not on the host: create it, or correct the name")
