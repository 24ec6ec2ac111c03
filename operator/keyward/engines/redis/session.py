"""The admin session: a login at each node. Inspect, check, apply, remove.

Nothing replicates accounts, so every change is made on every node, in one command each, written down there, and read back.
A node that cannot be reached keeps anything from beginning, unless the Target marks it as optional. What several nodes say
of one account is taken together: it exists if one has it, and it may log in only if no node says that it may not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from keyward.domain.model import Mended
from keyward.engines.base import AccountSet, Action, BeforeSend, Change, Inspection, Removal
from keyward.engines.deadline import within
from keyward.engines.overlap import Ending
from keyward.engines.pernode import Mending
from keyward.engines.redis import acl, admin, compare, judging, lock, names, overlap, persist, rules, users
from keyward.engines.redis.connect import all_of
from keyward.engines.redis.mend import mend
from keyward.engines.redis.nodes import Member, Nodes
from keyward.engines.redis.users import User
from keyward.errors import Blocked, Conflict, KeywardError, Reason, Retry, Unsettled

T = TypeVar("T")


@dataclass(slots=True)
class _Sending:
    """How far a change got: whether anything was sent, and whether a node has said yes to any of it."""

    begun: bool = False
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """Implements `PerNodeSession` and `OverlapSession`."""

    nodes: Nodes
    admin: str
    timeout: float

    async def inspect(self, accounts: AccountSet) -> Inspection:
        names.check(accounts.all_roles)
        return await self._within(self._inspect(accounts.all_roles))

    async def check(self, accounts: AccountSet, inspection: Inspection) -> None:
        await self._within(self._check(accounts, inspection))

    async def apply(self, change: Change, before_send: BeforeSend) -> None:
        sending = _Sending()
        await self._within(self._apply(change, before_send, sending), sending)

    async def end(self, ending: Ending, before_send: BeforeSend) -> None:
        sending = _Sending()
        await self._within(self._end_old(ending, before_send, sending), sending)

    async def remove(self, removal: Removal, before_send: BeforeSend) -> Action:
        sending = _Sending()
        return await self._within(self._remove(removal, before_send, sending), sending)

    async def _within(self, work: Coroutine[Any, Any, T], sending: _Sending | None = None) -> T:
        try:
            return await within(self.timeout, work)
        except TimeoutError:
            pass
        text = f"the servers did not finish within {self.timeout:g} s"
        if sending is not None and sending.begun:
            raise Unsettled(Reason.UNKNOWN_OUTCOME, text)
        raise Retry(Reason.TIMEOUT, text)

    async def mend(self, mending: Mending, before_send: BeforeSend) -> Mended:
        """See `PerNodeSession`."""
        return await self._within(mend(self.nodes, mending, before_send))

    # --- looking ---

    async def _inspect(self, accounts: Iterable[str]) -> Inspection:
        owners = await self.nodes.each(_link_user)
        wanted = tuple(accounts)
        found = await self.nodes.each(lambda member: acl.users_of(member, wanted))
        states = {name: judging.together([of[name] for of in found], name in owners) for name in wanted}
        return Inspection(states, keeps_marks=False)

    async def _check(self, accounts: AccountSet, inspection: Inspection) -> None:
        judging.may_be_managed(accounts, inspection)
        if accounts.created:
            rules.level_of(accounts)
        lacking = self.nodes.lacking()
        if lacking is not None:
            raise lacking
        await self.nodes.each(lambda member: admin.may(member, self.admin))
        await compare.judge(self.nodes, accounts)

    # --- changing ---

    async def _apply(self, change: Change, before_send: BeforeSend, sending: _Sending) -> None:
        judging.may_be_set(change)
        made = [n for n in change.accounts.all_roles if not change.expected.accounts[n].exists and n != change.account]
        await self._locked((*made, change.account), change.expected)
        hashes_of = await self._hashes(change)
        await before_send()

        async def send(member: Member) -> None:
            for name in made:
                await acl.set_user(member, name, rules.of_created(change.accounts, (), member.info.version))
                sending.taken = True
            hashes = hashes_of[str(member.endpoint)]
            await acl.set_user(member, change.account, _rules_of(change, hashes, member))
            sending.taken = True
            await acl.prove(member, change.account, hashes)
            await persist.persist(member)

        await self._send(send, sending)
        if change.terminate_sessions:
            await self._end_sessions(change.account)

    async def _hashes(self, change: Change) -> dict[str, tuple[str, ...]]:
        """Node → all that the account is to hold there, the new value first."""
        new, nodes = users.hash_of(change.password), [str(member.endpoint) for member in self.nodes.members]
        if not change.accounts.overlap:
            return dict.fromkeys(nodes, (new,))
        found = await self._found(change.account)
        if not change.accounts.created:
            beside = [overlap.beside(change.account, user, new) for user in found]
            return dict(zip(nodes, beside, strict=True))
        keep = users.hash_of(change.keep) if change.keep else None
        return dict.fromkeys(nodes, overlap.hashes(change.account, found, new, keep))

    async def _found(self, account: str) -> list[User | None]:
        return [of[account] for of in await self.nodes.each(lambda member: acl.users_of(member, [account]))]

    async def _end_sessions(self, account: str) -> None:
        with suppress(KeywardError):
            # Not the one that does it, where the account is the admin's own: it would not learn what became of the change.
            await self.nodes.each(lambda m: m.node.ask("CLIENT", "KILL", "USER", account, "SKIPME", "yes"))

    async def _end_old(self, ending: Ending, before_send: BeforeSend, sending: _Sending) -> None:
        lacking = self.nodes.lacking()
        if lacking is not None:
            raise lacking  # the old value would go on to log in there
        await self._locked([ending.account], ending.expected)
        old, keep = users.hash_of(ending.old), users.hash_of(ending.keep)
        found = zip(self.nodes.members, await self._found(ending.account), strict=True)
        todo = {str(m.endpoint): overlap.ending(ending.account, user, old, keep) for m, user in found}
        if any(todo.values()):
            await before_send()
            await self._send(lambda member: _end_one(member, ending.account, todo, sending), sending)
        if ending.terminate_sessions:
            await self._end_sessions(ending.account)

    async def _remove(self, removal: Removal, before_send: BeforeSend, sending: _Sending) -> Action:
        present = [n for n in removal.accounts.names if removal.expected.accounts[n].exists]
        await self._locked(present, removal.expected)
        action = removal.action
        if action is Action.DROP and any(removal.expected.accounts[n].owns_objects for n in present):
            action = Action.DISABLE
        await before_send()
        if present:
            await self._send(lambda member: _end(member, present, action, sending), sending)
        lacking = self.nodes.lacking()
        if lacking is not None:
            raise lacking
        return action

    async def _locked(self, accounts: Iterable[str], expected: Inspection) -> None:
        wanted = tuple(accounts)
        await self.nodes.each(lambda member: lock.take(member.node, wanted))
        found = await self._inspect(expected.accounts)
        for name, state in expected.accounts.items():
            now = found.accounts[name]
            if (state.exists, state.can_login) != (now.exists, now.can_login):
                raise Conflict(Reason.WRITTEN_BY_ANOTHER, f"account {name!r} changed after it was judged")

    async def _send(self, work: Callable[[Member], Awaitable[None]], sending: _Sending) -> None:
        """The change itself, on every node; from here on a failure leaves it unknown what was changed."""
        sending.begun = True
        outcomes = await all_of([work(member) for member in self.nodes.members])
        failures = [one for one in outcomes if isinstance(one, KeywardError)]
        if not failures:
            return
        if all(isinstance(one, Blocked) for one in outcomes) and not sending.taken:
            raise failures[0]  # each node said no to the first command
        raise Unsettled(failures[0].reason, failures[0].message)


# --- one node ---


async def _link_user(member: Member) -> str:
    """The account that this node logs in with at its primary: it would lose its primary with it."""
    found = await member.node.ask("CONFIG", "GET", "masteruser", doing="run CONFIG GET")
    return found[1].decode("utf-8", "surrogateescape") if found else ""


async def _end(member: Member, accounts: list[str], action: Action, sending: _Sending) -> None:
    if action is Action.DROP:
        await acl.delete(member, accounts)
        sending.taken = True
    else:
        there = await acl.users_of(member, accounts)
        for name in accounts:
            # SETUSER would make an account that this node lacks.
            if there[name] is not None:
                await acl.set_user(member, name, ["on" if action is Action.ENABLE else "off"])
                sending.taken = True
    await persist.persist(member)


async def _end_one(member: Member, account: str, todo: Mapping[str, tuple[str, ...]], sending: _Sending) -> None:
    rules_of_node = todo[str(member.endpoint)]
    if rules_of_node:
        await acl.set_user(member, account, rules_of_node)
        sending.taken = True
        await persist.persist(member)


def _rules_of(change: Change, hashes: tuple[str, ...], member: Member) -> tuple[str, ...]:
    if change.accounts.created:
        return rules.of_created(change.accounts, hashes, member.info.version)
    if change.accounts.overlap:
        return rules.of_added(hashes[:1])  # the admin's own login: whatever else it has is not ours to touch
    return ("on", *rules.of_password(hashes)) if change.enable else rules.of_password(hashes)
