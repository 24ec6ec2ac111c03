"""The admin session: inspect, check, apply, end, remove.

There are no transactions for accounts. From the first look on, the session holds a lock for each name, which a statement
that outlives its client holds too. The order of a change is: accounts, with a password that nobody knows; rights; the
password, with the mark, last. A kill in between leaves accounts that nobody can log in to, and it can always be run again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, TypeVar

from keyward.engines.base import AccountSet, Action, BeforeSend, Change, Inspection, Removal
from keyward.engines.deadline import within
from keyward.engines.mysql import admin, check, compare, errors, overlap, rights, rows, statements, text
from keyward.engines.mysql.admin import Admin
from keyward.engines.mysql.connect import Goal
from keyward.engines.mysql.flavour import Server
from keyward.engines.mysql.passwords import Passwords, Place
from keyward.engines.mysql.rows import Row
from keyward.engines.mysql.wire import Wire
from keyward.engines.overlap import Ending
from keyward.errors import Blocked, KeywardError, Reason, Rejected, Retry, Unsettled

T = TypeVar("T")
_PATIENCE: Final = 5.0  # seconds for somebody else's lock


class _Progress:
    """What an interruption means: nothing was sent, something was, or the password may be set."""

    def __init__(self) -> None:
        self.sent = False

    def unsettled(self) -> Unsettled:
        return Unsettled(Reason.UNKNOWN_OUTCOME, "the connection was lost while the change was being made")


@dataclass(frozen=True, slots=True)
class Session:
    """Implements `OverlapSession`."""

    wire: Wire
    goal: Goal
    server: Server
    _locked: set[str] = field(default_factory=set)

    async def inspect(self, accounts: AccountSet) -> Inspection:
        text.whole(accounts.names, self.server)
        return await self._within(self._inspect(accounts), _Progress())

    async def check(self, accounts: AccountSet, inspection: Inspection) -> None:
        await self._within(self._check(accounts, inspection), _Progress())

    async def apply(self, change: Change, before_send: BeforeSend) -> None:
        progress = _Progress()
        await self._within(self._apply(change, before_send, progress), progress)
        if change.terminate_sessions:
            await self._end_sessions(change.account)

    async def end(self, ending: Ending, before_send: BeforeSend) -> None:
        progress = _Progress()
        await self._within(self._end(ending, before_send, progress), progress)
        if ending.terminate_sessions:
            await self._end_sessions(ending.account)

    async def _end_sessions(self, account: str) -> None:
        with suppress(KeywardError):
            await self._within(self._terminate(account), _Progress())

    async def remove(self, removal: Removal, before_send: BeforeSend) -> Action:
        progress = _Progress()
        return await self._within(self._remove(removal, before_send, progress), progress)

    async def _within(self, work: Coroutine[Any, Any, T], progress: _Progress) -> T:
        """The work's end, told right: a lost connection after something was sent is an unknown outcome."""
        failure: KeywardError
        try:
            return await within(self.goal.timeout, work)
        except TimeoutError:
            failure = Retry(Reason.TIMEOUT, f"the server did not finish within {self.goal.timeout:g} s")
        except (Unsettled, Rejected):
            raise
        except KeywardError as error:
            if not self.wire.lost:
                raise
            failure = error
        if progress.sent:
            raise progress.unsettled()
        raise type(failure)(failure.reason, failure.message)

    # --- looking ---

    async def _lock(self, names: Sequence[str]) -> None:
        """One lock for each name, in an order that all sessions share; the session's end gives them back."""
        patience = max(0, int(min(_PATIENCE, self.goal.timeout / 2)))
        for name in sorted(set(names) - self._locked):
            key = "keyward/" + hashlib.sha256(name.encode()).hexdigest()[:40]
            found = await self.wire.rows("SELECT GET_LOCK(%s, %s)", [key, patience])
            if found[0][0] != 1:
                raise Retry(Reason.BUSY, f"another session still works on account {name!r}")
            self._locked.add(name)

    async def _inspect(self, accounts: AccountSet) -> Inspection:
        await self._lock(accounts.names)
        try:
            found = await rows.read(self.wire, self.server, accounts.names)
            return await rows.inspection(self.wire, self.server, accounts, found)
        except Blocked as error:
            failure = error
        if failure.reason is Reason.ADMIN_PRIVILEGE_MISSING:
            await self._admin()  # the server does not say which
        raise failure

    async def _admin(self) -> Admin:
        """The admin, who may look at accounts and change them."""
        who = await admin.logged_in(self.wire, self.server)
        await who.demand(partial(check.admin_may, self.server))
        return who

    async def _check(self, accounts: AccountSet, inspection: Inspection) -> None:
        who = await self._admin()
        check.ordinary(accounts, inspection)
        overlap.supported(self.server, accounts)
        found = await rows.read(self.wire, self.server, accounts.names)
        rows.only_listed(found, accounts)
        check.settable(found, accounts, self.goal.place.transport)
        await self._passwords.possible()
        await check.databases_exist(who, accounts)
        if accounts.preset_role is not None:
            await check.preset(self.wire, self.server, accounts.preset_role)
            await who.demand(partial(check.can_give_preset, self.server, accounts.preset_role))
        await compare.judge(self.wire, self.server, accounts, found)
        if accounts.created:
            await rights.grantable(who, accounts, found)

    @property
    def _passwords(self) -> Passwords:
        return Passwords(self.wire, self.server, self.goal.place.transport)

    async def _judged(self, accounts: AccountSet, expected: Inspection) -> list[Row]:
        """The rows, if the world still is as it was judged."""
        text.whole(accounts.names, self.server)
        await self._lock(accounts.names)
        found = await rows.read(self.wire, self.server, accounts.names)
        judged = Inspection({name: expected.accounts[name] for name in accounts.names})
        rows.compare(judged, await rows.inspection(self.wire, self.server, accounts, found))
        rows.only_listed(found, accounts)
        return found

    # --- apply ---

    async def _apply(self, change: Change, before_send: BeforeSend, progress: _Progress) -> None:
        accounts, passwords = change.accounts, self._passwords
        found = await self._judged(accounts, change.expected)
        check.may_be_set(change)
        check.settable(found, accounts, self.goal.place.transport)
        made = {name: await passwords.unknown(places) for name, places in _missing(change, found).items()}
        more = await rights.plan(self.wire, self.server, change, found, made)
        to_set = _rows_to_set(change, found)
        if accounts.overlap:
            overlap.supported(self.server, accounts)
            proofs = await overlap.proofs(passwords, to_set, change.password, change.keep)
        else:
            proofs = await passwords.proofs(to_set, change.password)
        await before_send()
        progress.sent = True
        for name, new in made.items():
            await self.wire.rows(statements.create(new, self.server, change.comments.get(name)))
        for statement in more:
            await self.wire.rows(statement)
        if proofs:
            await self._set(change, proofs)

    async def _set(self, change: Change, proofs: Sequence[statements.Proof]) -> None:
        options = ["PASSWORD EXPIRE NEVER"] if change.accounts.created else []
        options += ["ACCOUNT UNLOCK"] if change.enable else []
        mark = change.comments.get(change.account)
        statement = statements.set_password(proofs, self.server, mark, options)
        failure: KeywardError | None = None
        try:
            await self.wire.rows(statement, setting_password=True)
        except KeywardError as error:
            failure = error
        if failure is not None and failure.reason is Reason.ACCOUNT_MISSING:
            failure = await self._refusal() or failure
        if self.wire.lost and failure is not None:
            raise failure
        # MariaDB may have set one row and not the next; replicas and triggers of managed services may have their own mind.
        await self._passwords.reread(proofs, change.password, failure)

    async def _refusal(self) -> KeywardError | None:
        """MariaDB says of a refused password that the operation failed, and why in its warnings."""
        codes = {int(row[1]) for row in await self.wire.rows("SHOW WARNINGS")}
        return errors.refusal() if codes & errors.POLICY_NUMBERS else None

    async def _terminate(self, account: str) -> None:
        query = "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = %s AND ID <> CONNECTION_ID()"
        for (number,) in await self.wire.rows(query, [account]):
            with suppress(KeywardError):
                await self.wire.rows("KILL CONNECTION %s", [int(number)])

    # --- end ---

    async def _end(self, ending: Ending, before_send: BeforeSend, progress: _Progress) -> None:
        found = rows.by_host(await self._judged(ending.accounts, ending.expected), ending.account)
        todo = await overlap.ending(self._passwords, list(found.values()), ending)
        if not todo.rows:
            return
        await before_send()
        progress.sent = True
        if todo.swapped:
            await self.wire.rows(statements.set_password(todo.swapped, self.server, None), setting_password=True)
        await self.wire.rows(statements.discard([row.sql for row in todo.rows]))
        left = await rows.read(self.wire, self.server, [ending.account])
        if any(row.second is not None for row in left):
            raise Unsettled(Reason.UNKNOWN_OUTCOME, "not every user@host of the account has lost the old password yet")

    # --- remove ---

    async def _remove(self, removal: Removal, before_send: BeforeSend, progress: _Progress) -> Action:
        found = [
            row
            for row in await self._judged(removal.accounts, removal.expected)
            if row.name in removal.accounts.names and rows.is_listed(row, removal.accounts)
        ]
        action = removal.action
        if action is Action.DROP and await rows.defines_objects(self.wire, found):
            action = Action.DISABLE
        await before_send()
        progress.sent = True
        if action is Action.DROP and not await self._dropped(found):
            action = Action.DISABLE
        if action is not Action.DROP:
            await self._switch(replace(removal, action=action), found)
        return action

    async def _dropped(self, found: Sequence[Row]) -> bool:
        try:
            if found:
                await self.wire.rows(statements.drop([row.sql for row in found]))
        except Blocked as error:
            if error.reason is not Reason.OBJECT_OWNER:
                raise
            return False
        return True

    async def _switch(self, removal: Removal, found: Sequence[Row]) -> None:
        for name in removal.accounts.names:
            of_name = [row.sql for row in found if row.name == name]
            if of_name:
                locked, mark = removal.action is Action.DISABLE, removal.comments.get(name)
                await self.wire.rows(statements.lock(of_name, self.server, mark, locked=locked))


def _missing(change: Change, found: Sequence[Row]) -> dict[str, list[Place]]:
    """Rows to be made, for each account."""
    if not change.create:
        return {}
    missing = {
        name: [(name, host) for host in change.accounts.hosts if host.lower() not in rows.by_host(found, name)]
        for name in change.accounts.names
        if name == change.account or not change.expected.accounts[name].exists
    }
    return {name: places for name, places in missing.items() if places}


def _rows_to_set(change: Change, found: Sequence[Row]) -> list[tuple[Place, Row | None]]:
    """Each row of the account; None for one that is made now."""
    there = rows.by_host(found, change.account)
    return [((change.account, host), there.get(host.lower())) for host in change.accounts.hosts]
