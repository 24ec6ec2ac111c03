"""What the admin's login does to the accounts of one instance: look, make, set, take away.

It holds no connection and no lock; the compare-and-swap of our records is what stops a second writer. The cloud does what it
accepts in its own time, and does one thing at a time to an account: an attempt that finds it at work ends, and the next one
looks first. The value comes last, and is the stored one, so that a call whose answer was lost is repeated as it was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping
from typing import Final, TypeVar

from keyward.engines.alibaba import descriptions
from keyward.engines.alibaba.caches import rules
from keyward.engines.alibaba.caches.calls import Account, Instance
from keyward.engines.alibaba.caches.errors import GONE, translate
from keyward.engines.alibaba.errors import FIELD
from keyward.engines.alibaba.failures import Failure
from keyward.engines.base import (
    ABSENT,
    AccountSet,
    AccountState,
    Action,
    BeforeSend,
    Change,
    Inspection,
    Removal,
)
from keyward.errors import Blocked, Conflict, KeywardError, Reason, Underway

T = TypeVar("T")
AGAIN: Final = 3.0  # seconds until what the cloud is at work on is looked at again
Accounts = dict[str, Account]


class Session:
    """Implements `AdminSession`."""

    def __init__(self, instance: Instance, stated: str) -> None:
        """`stated` is what the Target says that the instance is."""
        self._instance, self._stated = instance, stated
        self._requests: list[str] = []
        self._seen: Accounts = {}  # at the last look

    @property
    def requests(self) -> tuple[str, ...]:
        """The calls that changed something, with the ids that the cloud gave them, the newest last."""
        return tuple(self._requests)

    async def inspect(self, accounts: AccountSet) -> Inspection:
        rules.check_names(accounts.all_roles)
        found = await self._idle(accounts.all_roles)
        # A description is not written with the password: our records say whose an account is, and what was sent.
        return Inspection({name: _state(found.get(name)) for name in accounts.all_roles}, keeps_marks=False)

    async def check(self, accounts: AccountSet, inspection: Inspection) -> None:
        """The cloud tells nobody what he may do: a right that is missing is named by the call that needs it."""
        wished = rules.privilege_of(accounts)
        about = await _answer(self._instance.about())
        rules.judge(self._instance.id, about, self._stated)
        if not about.is_running:
            raise _at_work(f"instance {self._instance.id} is {about.status}")
        normal = sum(one.is_normal for one in self._seen.values())
        rules.check_room(normal, sum(not state.exists for state in inspection.accounts.values()))
        next_ = self._seen.get(accounts.flip.account) if accounts.flip else None
        rules.judge_rights(accounts.flip, next_.privilege if next_ else None, wished)

    async def apply(self, change: Change, before_send: BeforeSend) -> None:
        _may_be_set(change)
        wished, name = rules.privilege_of(change.accounts), change.account
        found = await self._as_judged(change.accounts.all_roles, change.expected)
        for absent in [one for one in change.accounts.all_roles if one not in found]:
            # The first-named first: a name that the cloud keeps for itself is refused before anything is made.
            await before_send()
            made = self._instance.create(absent, rules.nobody_knows(), wished, change.comments[absent])
            await self._send("CreateAccount", made)
            found = await self._idle((absent,))
        if name not in found:
            raise _at_work(f"account {name!r} is being made")
        if found[name].privilege != wished:
            await before_send()
            await self._send("GrantAccountPrivilege", self._instance.grant(name, wished))
            await self._idle((name,))
        await before_send()
        await self._describe(found[name], change.comments)
        await self._send("ResetAccountPassword", self._instance.reset(name, change.password))

    async def remove(self, removal: Removal, before_send: BeforeSend) -> Action:
        found = await self._as_judged(removal.accounts.names, removal.expected)
        undo = self._delete if removal.action is Action.DROP else self._lock_out
        for account in (found[name] for name in removal.accounts.names if name in found):
            await before_send()
            if removal.action is Action.ENABLE:
                await self._describe(account, removal.comments)
            else:
                await undo(account, removal)
                left = await self._idle((account.name,))
                if removal.action is Action.DROP and account.name in left:
                    raise _at_work(f"account {account.name!r} is being deleted")
        return removal.action

    # --- looking ---

    async def _idle(self, names: Iterable[str]) -> Accounts:
        """All accounts, none of `names` being changed. Raises Underway with BUSY."""
        self._seen = found = await _answer(self._instance.accounts())
        for name in names:
            if name in found and not found[name].is_available:
                raise _at_work(f"account {name!r} is being changed")
        return found

    async def _as_judged(self, names: tuple[str, ...], expected: Inspection) -> Accounts:
        found = await self._idle(names)
        for name in names:
            if _state(found.get(name)) != expected.accounts[name]:
                raise Conflict(Reason.WRITTEN_BY_ANOTHER, f"account {name!r} changed after it was judged")
        return found

    # --- changing ---

    async def _describe(self, account: Account, comments: Mapping[str, str]) -> None:
        comment = comments.get(account.name)
        if comment is not None and comment != account.comment:
            await self._send("ModifyAccountDescription", self._instance.describe(account.name, comment))

    async def _lock_out(self, account: Account, removal: Removal) -> None:
        """Nothing can be switched off in the cloud: the account gets a password that nobody knows, and says so."""
        if not descriptions.is_disabled(account.comment):
            await self._send("ResetAccountPassword", self._instance.reset(account.name, rules.nobody_knows()))
            await self._describe(account, removal.comments)

    async def _delete(self, account: Account, _removal: Removal) -> None:
        await self._send("DeleteAccount", _unless_gone(self._instance.delete(account.name)))

    async def _send(self, operation: str, work: Awaitable[str]) -> None:
        request = await _answer(work, sends=True)
        if request:
            self._requests.append(f"{operation} {request}")


async def _answer(work: Awaitable[T], *, sends: bool = False) -> T:
    """Raises KeywardError in the place of Failure."""
    error: KeywardError
    try:
        return await work
    except Failure as failure:
        error = translate(failure, sends=sends)
    raise error


async def _unless_gone(work: Awaitable[str]) -> str:
    """The request's id; empty if there is nothing to delete. Raises Failure."""
    try:
        return await work
    except Failure as failure:
        if failure.code != GONE:
            raise
    return ""


def _at_work(what: str) -> Underway:
    return Underway(Reason.BUSY, f"{FIELD}the cloud is at work: {what}; it is looked at again", AGAIN)


def _state(account: Account | None) -> AccountState:
    if account is None:
        return ABSENT
    return AccountState(
        exists=True,
        can_login=not descriptions.is_disabled(account.comment),
        superuser=not account.is_normal,
        mark=account.comment,
    )


def _may_be_set(change: Change) -> None:
    state = change.expected.accounts[change.account]
    if not state.exists and not change.create:
        raise Blocked(Reason.ACCOUNT_MISSING, f"account {change.account!r} does not exist")
    if any(change.expected.accounts[name].superuser for name in change.accounts.all_roles):
        raise Blocked(Reason.ACCOUNT_RESERVED, "an account is the instance's own; such accounts are never touched")
    if state.exists and not state.can_login and not change.enable:
        raise Blocked(
            Reason.ACCOUNT_DISABLED, f"account {change.account!r} was disabled by us, and is not given back here"
        )
