"""What the admin's login does to the accounts of one instance: look, make, give rights, set, take away.

It holds no connection and no lock; the compare-and-swap of our records is what stops a second writer. The cloud does what it
accepts in its own time: an attempt changes one thing and ends, and the next one looks first. The order is: accounts, with a
password that nobody knows; rights; the stored password last, so that a call whose answer was lost is repeated as it was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping
from typing import TypeVar

from keyward.engines.alibaba import descriptions
from keyward.engines.alibaba.databases import compare, rules
from keyward.engines.alibaba.databases.errors import GONE, translate
from keyward.engines.alibaba.databases.instance import Account, Instance, Making
from keyward.engines.alibaba.failures import Failure
from keyward.engines.base import AccountSet, Action, BeforeSend, Change, Inspection, Removal
from keyward.errors import Blocked, KeywardError, Reason, Retry, Unsettled

T = TypeVar("T")


class Session:
    """Implements `AdminSession`."""

    def __init__(self, instance: Instance, product: str, stated: str) -> None:
        """`stated` is the kind of server that the Target says it is."""
        self._instance, self._product, self._stated = instance, product, stated
        self._requests: list[str] = []

    @property
    def requests(self) -> tuple[str, ...]:
        """The calls that changed something, with the ids that the cloud gave them, the newest last."""
        return tuple(self._requests)

    async def inspect(self, accounts: AccountSet) -> Inspection:
        found = await self._idle(accounts.names)
        # A description is not written with the password: our records say whose an account is, and what was sent.
        states = {name: rules.state(found.get(name), accounts) for name in accounts.names}
        return Inspection(states, keeps_marks=False)

    async def check(self, accounts: AccountSet, inspection: Inspection) -> None:
        """The cloud tells nobody what he may do: a right that is missing is named by the call that needs it."""
        rules.judge_instance(self._instance.id, await self._answer(self._instance.about()), self._stated)
        if accounts.flip is not None:
            compare.judge(await self._idle(accounts.names), accounts, self._stated)
        absent = [name for name in accounts.names if not inspection.accounts[name].exists]
        if not absent:
            return
        if not accounts.created:
            text = f"the cloud has no account {absent[0]!r} on {self._instance.id}: make it there, or correct the name"
            raise Blocked(Reason.ACCOUNT_MISSING, text)
        for name in absent:
            await self._answer(self._instance.check_name(name))
        if accounts.preset_role is not None:
            other = rules.other_super(await self._answer(self._instance.accounts()), accounts.names)
            if other is not None:
                raise Blocked(
                    Reason.CLOUD_REFUSED,
                    f"spec.rds.create.privileged: the instance has its one privileged account, {other!r}: use privileges",
                )

    async def apply(self, change: Change, before_send: BeforeSend) -> None:
        rules.may_be_set(change)
        accounts, name = change.accounts, change.account
        found = await self._as_judged(accounts, change.expected)
        for one in sorted(accounts.names, key=lambda account: account == name):
            if one not in found:
                await before_send()
                await self._create(one, change)
                if one == name and self._instance.takes_all_at_once:
                    return
                raise rules.at_work(f"account {one!r} is being made")
        like = found.get(change.like) if change.like is not None else None
        await self._give_rights(found[name], rules.wished(accounts, like), before_send)
        await before_send()
        await self._send(self._instance.resets, self._instance.reset(name, change.password), carries_value=True)

    async def remove(self, removal: Removal, before_send: BeforeSend) -> Action:
        found = await self._as_judged(removal.accounts, removal.expected)
        there = [found[name] for name in removal.accounts.names if name in found]
        if there:
            await before_send()
        is_told = [await self._undo(account, removal) for account in there]
        if all(is_told):
            # Accepted is not done: nobody may be let go whose value still logs in, and the next attempt sends nothing again.
            left = await self._idle(removal.accounts.names)
            if left and removal.action is Action.DROP:
                raise rules.at_work(f"account {min(left)!r} is being deleted")
        return removal.action

    # --- looking ---

    async def _idle(self, names: Iterable[str]) -> dict[str, Account]:
        """The accounts that are there, none of them being changed. Raises Underway."""
        found = {}
        for name in names:
            account = await self._answer(self._instance.account(name))
            if account is None:
                continue
            if not account.is_available and not account.is_locked:
                raise rules.at_work(f"account {name!r} is {account.status[:32]}")
            found[name] = account
        return found

    async def _as_judged(self, accounts: AccountSet, expected: Inspection) -> dict[str, Account]:
        found = await self._idle(accounts.names)
        rules.compare(found, accounts, expected)
        return found

    # --- changing ---

    async def _create(self, name: str, change: Change) -> None:
        """The account in use next may be made with its value where one call does all; no other one ever has a known one."""
        accounts, whole = change.accounts, self._instance.takes_all_at_once and name == change.account
        made = Making(
            name=name,
            password=change.password if whole else rules.nobody_knows(),
            is_super=accounts.preset_role is not None,
            privileges=rules.wished(accounts, None) or {},
            comment=change.comments[name],
        )
        await self._send("CreateAccount", self._instance.create(made), carries_value=whole)

    async def _give_rights(self, account: Account, wanted: Mapping[str, str] | None, before_send: BeforeSend) -> None:
        """Raises Underway if something had to be given or taken."""
        if wanted is None:
            return
        surplus, lacking = rules.surplus(account, wanted, self._stated), rules.lacking(account, wanted)
        if not surplus and not lacking:
            return
        await before_send()
        if surplus:
            await self._send("RevokeAccountPrivilege", self._instance.revoke(account.name, surplus))
        else:
            await self._send("GrantAccountPrivilege", self._instance.grant(account.name, lacking))
        raise rules.at_work(f"account {account.name!r} is given its rights")

    async def _undo(self, account: Account, removal: Removal) -> bool:
        """Whether the next look tells that it was done.

        Nothing can be switched off for all engines: the account gets a password that nobody knows, and says so.
        """
        if removal.action is Action.DROP:
            await self._send("DeleteAccount", self._unless_gone(account.name))
            return True
        comment = removal.comments.get(account.name)
        if removal.action is Action.ENABLE:
            if comment not in (None, account.comment):
                await self._describe(account.name, str(comment))
        elif not descriptions.is_disabled(account.comment):
            await self._send(self._instance.resets, self._instance.reset(account.name, rules.nobody_knows()))
            return comment is not None and await self._says(account.name, comment)
        return True

    async def _says(self, name: str, comment: str) -> bool:
        """Whether the cloud took it: it may be at work on the password, and what counts is accepted."""
        try:
            await self._describe(name, comment)
        except Retry:
            return False
        return True

    async def _describe(self, name: str, comment: str) -> None:
        await self._send("ModifyAccountDescription", self._instance.describe(name, comment))

    async def _unless_gone(self, name: str) -> str:
        try:
            return await self._instance.delete(name)
        except Failure as failure:
            if failure.code != GONE:
                raise
        return ""

    async def _send(self, operation: str, work: Awaitable[str], *, carries_value: bool = False) -> None:
        """Raises Retry in the place of Unsettled where no value was sent: whether it was done is seen at the next look."""
        try:
            request = await self._answer(work, sends=True)
        except Unsettled as error:
            if carries_value:
                raise
            unknown = error
        else:
            if request:
                self._requests.append(f"{operation} {request}")
            return
        raise Retry(unknown.reason, unknown.message, unknown.after)

    async def _answer(self, work: Awaitable[T], *, sends: bool = False) -> T:
        """Raises KeywardError in the place of Failure."""
        return await answered(work, self._product, sends=sends)


async def answered(work: Awaitable[T], product: str, *, sends: bool = False) -> T:
    """Raises KeywardError in the place of Failure."""
    error: KeywardError
    try:
        return await work
    except Failure as failure:
        error = translate(failure, product, sends=sends)
    raise error
