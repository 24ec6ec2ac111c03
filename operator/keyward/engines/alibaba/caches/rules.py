"""What an instance has to be, what an account of it may be called and given. Pure, but for one value that nobody learns."""

from __future__ import annotations

import re
import secrets
import string
from typing import Final

from keyward.engines import differences
from keyward.engines.alibaba.caches.calls import About
from keyward.engines.alibaba.caches.errors import LIMIT
from keyward.engines.alibaba.errors import FIELD
from keyward.engines.base import AccountSet, Flip, Level
from keyward.errors import Blocked, Reason
from keyward.sensitive import Sensitive

MOST_ACCOUNTS: Final = 18  # per instance, beside its own: CreateAccount of R-kvstore 2015-01-01
_OLDEST: Final = 4  # of Redis; Tair has versions of its own, each of which knows accounts
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,99}")
_PRIVILEGES: Final = {Level.READ_WRITE: "RoleReadWrite", Level.READ_ONLY: "RoleReadOnly"}
_SOME_OF_EACH: Final = "aA1"  # the cloud wants three of four classes


def privilege_of(accounts: AccountSet) -> str:
    """What the accounts may do, as the cloud calls it. Raises Blocked with INVALID_SPEC for a level that it does not have."""
    levels = {privilege.level for privilege in accounts.privileges}
    if len(levels) != 1 or not levels <= _PRIVILEGES.keys():
        raise Blocked(Reason.INVALID_SPEC, "privilege: an account of Tair or Redis is ReadWrite or ReadOnly")
    return _PRIVILEGES[levels.pop()]


def may_do(found: str, wished: str) -> bool:
    """Whether an account with this privilege can do what is wished."""
    return found in (wished, _PRIVILEGES[Level.READ_WRITE])


def judge_rights(flip: Flip | None, held: str | None, wished: str) -> None:
    """Raise Blocked as `differences` words it, if the flip refuses to change the privilege that its account has."""
    if flip is not None and flip.refuse and held is not None and held != wished:
        differences.refuse(flip, [wished], [held])


def check_names(names: tuple[str, ...]) -> None:
    """Raises Blocked with INVALID_SPEC for a name that the cloud takes for no account."""
    for name in names:
        if _NAME.fullmatch(name) is None:
            text = f"account {name!r}: must begin with a-z, go on with a-z, 0-9 or _, and have at most 100 characters"
            raise Blocked(Reason.INVALID_SPEC, text)


def judge(instance: str, about: About, stated: str) -> None:
    """Whether the instance is what the Target says, and one that accounts can be made on.

    Raises:
        Blocked: ENGINE_UNSUPPORTED or INVALID_SPEC, naming what it is and what was said.
    """
    what = f"{instance} is {about.kind} {about.version}"
    if about.kind.casefold() != stated.casefold():
        raise Blocked(
            Reason.INVALID_SPEC, f"{what}, but spec.redis.engine of the Target says {stated}: correct it there"
        )
    if stated == "Redis" and _major(about.version) < _OLDEST:
        raise Blocked(
            Reason.ENGINE_UNSUPPORTED,
            f"{FIELD}{what}: accounts need Redis {_OLDEST}.0 or newer: upgrade it in the cloud",
        )
    if not about.asks_passwords:
        text = "lets everybody of its VPC in without a password, so that none proves anything: switch that off in the cloud"
        raise Blocked(Reason.ENGINE_UNSUPPORTED, f"{FIELD}{instance} {text}")


def _major(version: str) -> int:
    found = re.match(r"\d+", version)
    return int(found[0]) if found else 0


def check_room(normal: int, absent: int) -> None:
    """Whether so many more accounts can be made. Raises Blocked with CLOUD_REFUSED."""
    if absent and normal + absent > MOST_ACCOUNTS:
        raise Blocked(Reason.CLOUD_REFUSED, f"{absent} more cannot be made beside {normal}: {LIMIT}")


def nobody_knows() -> Sensitive:
    """A password that the cloud takes and that is kept nowhere."""
    drawn = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(29))
    return Sensitive(_SOME_OF_EACH + drawn)
