"""What the nodes say of an account taken together, and whether that lets it be worked on. Pure."""

from __future__ import annotations

from keyward.engines.base import ABSENT, AccountSet, AccountState, Change, Inspection
from keyward.engines.redis.users import GIVES_BACK, User
from keyward.errors import Blocked, Reason, Rejected


def together(found: list[User | None], is_link: bool) -> AccountState:
    """One account on all nodes; `is_link`: a replica logs in with it at its primary."""
    there = [user for user in found if user is not None]
    if not there:
        return ABSENT
    return AccountState(
        exists=True,
        can_login=all(user.enabled for user in there),
        superuser=any(user.mighty for user in there),
        owns_objects=is_link,
    )


def may_be_managed(accounts: AccountSet, inspection: Inspection) -> None:
    """Raise Blocked with ACCOUNT_RESERVED for accounts that nobody but their keeper may touch."""
    for name in accounts.all_roles:
        state = inspection.accounts[name]
        if accounts.admins and state.owns_objects:
            text = f"replicas log in as account {name!r} (masteruser), by a password that would be ended: give them another"
            raise Blocked(Reason.ACCOUNT_RESERVED, text)
        if state.superuser and not accounts.admins:
            text = f"account {name!r} may rule the server (ACL SETUSER, CONFIG SET or the like); such are never touched"
            raise Blocked(Reason.ACCOUNT_RESERVED, text)


def may_be_set(change: Change) -> None:
    """Raise Rejected or Blocked where the account must not get this value."""
    state = change.expected.accounts[change.account]
    if not change.password or change.password.reveal() == change.account.encode():
        # The server refuses no password; this is what any policy would refuse.
        raise Rejected(Reason.PASSWORD_REFUSED, "an empty password, or the account's own name, is none")
    if not state.exists and not change.create:
        raise Blocked(Reason.ACCOUNT_MISSING, f"account {change.account!r} does not exist")
    mighty = any(change.expected.accounts[name].superuser for name in change.accounts.all_roles)
    if mighty and not change.accounts.admins:
        raise Blocked(Reason.ACCOUNT_RESERVED, "an account may rule the server; such accounts are never touched")
    if state.exists and not state.can_login and not change.enable:
        raise Blocked(Reason.ACCOUNT_DISABLED, f"account {change.account!r} is off: {GIVES_BACK}")
