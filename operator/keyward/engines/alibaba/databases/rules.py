"""What an instance has to be, and what an account of it has and shall have. Pure, but for one value that nobody learns."""

from __future__ import annotations

import secrets
import string
from collections.abc import Iterable, Mapping
from typing import Final

from keyward.engines.alibaba import descriptions
from keyward.engines.alibaba.databases.instance import SUPER, About, Account
from keyward.engines.alibaba.errors import FIELD
from keyward.engines.base import ABSENT, AccountSet, AccountState, Change, Inspection
from keyward.errors import Blocked, Conflict, Reason, Underway
from keyward.sensitive import Sensitive

AGAIN: Final = 2.0  # seconds until what the cloud is at work on is looked at again
POSTGRESQL: Final = "PostgreSQL"
_SOME_OF_EACH: Final = "aA1"  # the cloud wants three of four classes, and 8 to 32 characters


def judge_instance(instance: str, about: About, stated: str) -> None:
    """Whether the instance is of the kind that the Target says, one that accounts are made on, and running.

    Raises:
        Blocked: INVALID_SPEC, naming both kinds; READ_ONLY_ENDPOINT.
        Underway: BUSY, it is being changed or started.
    """
    if about.engine.lower() != stated.lower():
        raise Blocked(
            Reason.INVALID_SPEC,
            f"engine, openApi.instanceId: the Target says {stated}, but {instance} is {about.engine[:32] or 'of no kind'} in the "
            "cloud: correct one of them there",
        )
    if about.is_follower:
        raise Blocked(
            Reason.READ_ONLY_ENDPOINT,
            f"{FIELD}instanceId: {instance} is a read-only instance, with the accounts of its primary: name that",
        )
    if not about.is_running:
        raise at_work(f"{instance} is {about.status[:32]}, not Running")


def at_work(what: str) -> Underway:
    return Underway(Reason.BUSY, f"{FIELD}the cloud is at work: {what}; it is looked at again", AGAIN)


def state(account: Account | None, accounts: AccountSet) -> AccountState:
    """What the cloud has of one account, in the words of the contract."""
    if account is None:
        return ABSENT
    return AccountState(
        exists=True,
        can_login=not (account.is_locked or descriptions.is_disabled(account.comment)),
        # The one that was asked for as privileged is not a stranger's.
        superuser=account.type == SUPER and accounts.preset_role is None,
        mark=account.comment,
    )


def compare(found: Mapping[str, Account], accounts: AccountSet, expected: Inspection) -> None:
    """Raises Conflict if an account is not as it was judged."""
    for name in accounts.names:
        if state(found.get(name), accounts) != expected.accounts[name]:
            raise Conflict(Reason.WRITTEN_BY_ANOTHER, f"account {name!r} changed after it was judged")


def may_be_set(change: Change) -> None:
    """Raises Blocked if the account is none that may be given a password."""
    name, states = change.account, change.expected.accounts
    if not states[name].exists and not change.create:
        raise Blocked(Reason.ACCOUNT_MISSING, f"account {name!r} is not on the instance")
    if any(states[one].superuser for one in change.accounts.names):
        raise Blocked(Reason.ACCOUNT_RESERVED, "an account is the instance's privileged one, which is never touched")
    if states[name].exists and not states[name].can_login and not change.enable:
        raise Blocked(Reason.ACCOUNT_DISABLED, f"account {name!r} may not log in: give it that back in the cloud")


def wished(accounts: AccountSet, like: Account | None) -> Mapping[str, str] | None:
    """Levels by database: those of the spec, or of the account in use; None if rights are nobody's business here."""
    if accounts.preset_role is not None:
        return None
    if accounts.created:
        return {one.database: one.level.value for one in accounts.privileges}
    return like.privileges if like is not None else None


def lacking(account: Account, wanted: Mapping[str, str]) -> dict[str, str]:
    """What the account has to be given."""
    return {one: level for one, level in wanted.items() if account.privileges.get(one) != level}


def surplus(account: Account, wanted: Mapping[str, str], engine: str) -> list[str]:
    """The databases that the account shall have nothing on, where the API can take a right: on PostgreSQL it cannot."""
    return [] if engine == POSTGRESQL else sorted(account.privileges.keys() - wanted.keys())


def other_super(accounts: Iterable[Account], names: tuple[str, ...]) -> str | None:
    """The privileged account that the instance has already."""
    return next((one.name for one in accounts if one.type == SUPER and one.name not in names), None)


def nobody_knows() -> Sensitive:
    """A password that the cloud takes and that is kept nowhere."""
    drawn = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(29))
    return Sensitive(_SOME_OF_EACH + drawn)
