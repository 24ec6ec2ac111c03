"""A system with accounts, in memory: comments as marks and transactions, or neither; replicas, password policy.

It knows nothing of versions. What it does and whom it let in is written down for the invariants.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from keyward.engines.base import ABSENT, AccountSet, AccountState, Action, Change, Flip, Inspection, Removal
from keyward.engines.overlap import Ending
from keyward.errors import Blocked, Conflict, Reason, Rejected

if TYPE_CHECKING:
    from tests.world.controller import Process
    from tests.world.engine import Session


@dataclass
class Account:
    password: bytes | None = None
    second: bytes | None = None  # that logs in as well
    can_login: bool = False
    comment: str | None = None
    superuser: bool = False
    owns_objects: bool = False
    by_us: bool = False  # made by an engine, not by a person

    def lets_in(self, password: bytes) -> bool:
        return password in (self.password, self.second)

    def state(self) -> AccountState:
        return AccountState(
            exists=True,
            can_login=self.can_login,
            superuser=self.superuser,
            mark=self.comment,
            owns_objects=self.owns_objects,
        )


@dataclass
class Server:
    """One system's data. Several endpoints may lead to it, and an endpoint may come to lead to another one."""

    accounts: dict[str, Account] = field(default_factory=dict)
    policy: Callable[[bytes], bool] = lambda _password: True
    logged_in: set[tuple[str, bytes]] = field(default_factory=set)
    learnt: list[tuple[str, bytes]] = field(default_factory=list)  # every password that was set by an engine
    refused_logins: int = 0
    keeps_marks: bool = True  # in the same transaction as the change; else: neither
    flips: list[Flip] = field(default_factory=list)  # that were judged here
    drifted: set[str] = field(default_factory=set)  # accounts whose rights a person changed
    lock_holder: object | None = None  # without transactions: the session that looked last and is not over

    def session(self, process: Process) -> Session:
        """What an engine's session on this kind of server is."""
        from tests.world.engine import Session, UnmarkedSession

        return (Session if self.keeps_marks else UnmarkedSession)(process, self)

    def inspect(self, names: tuple[str, ...]) -> Inspection:
        found = {n: self.accounts[n].state() if n in self.accounts else ABSENT for n in names}
        return Inspection(found, self.keeps_marks)

    def would_let_in(self, name: str, password: bytes) -> bool:
        account = self.accounts.get(name)
        return account is not None and account.can_login and account.lets_in(password)

    def login(self, name: str, password: bytes) -> None:
        account = self.accounts.get(name)
        if account is None or not account.lets_in(password):
            self.refused_logins += 1
            raise Blocked(Reason.LOGIN_REFUSED, f"the server refuses the login of {name!r}")
        if not account.can_login:
            raise Blocked(Reason.ACCOUNT_DISABLED, f"account {name!r} may not log in")
        self.logged_in.add((name, password))

    def expect(self, accounts: AccountSet, expected: Inspection) -> None:
        """The check under the lock: what was judged is still so."""
        now = self.inspect(accounts.all_roles).accounts
        for name in accounts.all_roles:
            was, is_ = expected.accounts[name], now[name]
            if (was.exists, was.can_login, was.mark) != (is_.exists, is_.can_login, is_.mark):
                raise Conflict(Reason.WRITTEN_BY_ANOTHER, f"account {name!r} was changed meanwhile")

    def refuse_candidate(self, change: Change) -> None:
        if not self.policy(change.password.reveal()):
            raise Rejected(Reason.PASSWORD_REFUSED, "the server's policy refuses the password")

    def apply(self, change: Change) -> None:
        """The whole change, or nothing: one transaction."""
        self.expect(change.accounts, change.expected)
        self.refuse_candidate(change)
        self.make(change)
        self.set_password(change)
        for name, comment in change.comments.items():
            self.accounts[name].comment = comment

    def make(self, change: Change) -> None:
        """The accounts that are not there, without a password."""
        draft = {name: replace(account) for name, account in self.accounts.items()}
        for name in change.accounts.all_roles:
            if name not in draft:
                if not change.create:
                    raise Blocked(Reason.ACCOUNT_MISSING, f"account {name!r} is not there")
                draft[name] = Account(can_login=name != change.accounts.rights_role, by_us=True)
        self.accounts = draft

    def set_password(self, change: Change) -> None:
        """The last statement of a change."""
        self.refuse_candidate(change)
        account = self.accounts[change.account]
        if change.accounts.overlap and not self._makes_room(account, change):
            return
        if change.enable:
            account.can_login = True
        account.password = change.password.reveal()
        self.learnt.append((change.account, change.password.reveal()))

    def _makes_room(self, account: Account, change: Change) -> bool:
        """The value in use goes to the second place. False: the new one is there already, and nothing may be moved."""
        if account.password == change.password.reveal():
            return False
        if account.second is not None:
            raise Blocked(Reason.SECOND_PASSWORD, "the account holds a second password of somebody else's")
        if change.keep is not None and account.password == change.keep.reveal():
            account.second = account.password
        return True

    def end(self, ending: Ending) -> None:
        """The value to keep in the first place, nothing in the second."""
        self.expect(ending.accounts, ending.expected)
        account, old, keep = self.accounts[ending.account], ending.old.reveal(), ending.keep.reveal()
        if account.second is None:
            return
        if account.second == keep and account.password == old:
            account.password, account.second = keep, old
        if account.second != old:
            raise Blocked(Reason.SECOND_PASSWORD, "the account holds a second password of somebody else's")
        account.second = None

    def remove(self, removal: Removal) -> Action:
        self.expect(removal.accounts, removal.expected)
        action = removal.action
        names = removal.accounts.all_roles
        if action is Action.DROP and any(self.accounts[n].owns_objects for n in names if n in self.accounts):
            action = Action.DISABLE
        draft = {name: replace(account) for name, account in self.accounts.items()}
        for name in names:
            if name not in draft:
                continue
            if action is Action.DROP:
                del draft[name]
                continue
            if action is Action.ENABLE and self.keeps_marks and not (draft[name].comment or "").endswith(" disabled"):
                continue  # somebody else took its login: that is theirs to give back
            draft[name].can_login = action is Action.ENABLE and name != removal.accounts.rights_role
            if self.keeps_marks:
                draft[name].comment = removal.comments.get(name, draft[name].comment)
        self.accounts = draft
        return action
