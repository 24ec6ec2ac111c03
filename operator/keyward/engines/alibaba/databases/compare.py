"""What a rotation would do to the rights of the account that it sets next, as the cloud lists them. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from keyward.domain.allowances import levels_on
from keyward.engines import differences
from keyward.engines.alibaba.databases import rules
from keyward.engines.alibaba.databases.instance import Account
from keyward.engines.base import AccountSet


def judge(found: Mapping[str, Account], accounts: AccountSet, engine: str) -> None:
    """Raise Blocked as `differences` words it, if the flip refuses what it would change, or would give more than is allowed."""
    flip = accounts.flip
    if flip is None or flip.account not in found:
        return
    account, wanted = found[flip.account], rules.wished(accounts, found.get(flip.like) if flip.like else None)
    if wanted is None:
        return
    lacking, surplus = rules.lacking(account, wanted), rules.surplus(account, wanted, engine)
    instead = [one for one in sorted(lacking) if one in account.privileges]
    lacks = [f"{level} on database {one!r}" for one, level in sorted(lacking.items())]
    has = [f"{account.privileges[one]} on database {one!r}" for one in (*instead, *surplus)]
    if flip.refuse:
        differences.refuse(flip, lacks, has)
    if flip.like is not None and flip.allowed is not None:
        beyond = [one for one, level in sorted(lacking.items()) if level not in levels_on(flip.allowed, one)]
        differences.limit(flip, [f"{lacking[one]} on database {one!r}" for one in beyond])
