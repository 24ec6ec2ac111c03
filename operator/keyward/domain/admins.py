"""What holds where a Credential's values are the admin login by which its own Target is worked on (protocol §9). Pure.

Of two accounts each is changed by the other, and a host's user has two keys, an account of Redis two passwords, until the new
one is published: what is published is never dead. A password that changes itself has a moment in which it is: it needs a person's
word on the Target, has the Target to itself, and whoever comes meanwhile waits. A lost answer or a kill is settled as everywhere:
the reserved value logs in once, then the current one does, and there is no third attempt.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from keyward.domain.model import AccountsPolicy, Observed, SecretsPolicy, Wish
from keyward.domain.situation import Situation
from keyward.domain.steps import Wait
from keyward.domain.version import Mode, TargetIdentity
from keyward.errors import Blocked, Reason

_PAIR: Final = (
    "import two accounts with accountManagement Dual, of which each is changed by the other (PostgreSQL: up to 15); or use "
    "Single, and allow it with spec.admin.selfChange"
)
_OTHERWISE: Final = {
    "ecs": "use secretType SSHKey, of which the old one is good until the new one is published, or another admin",
    "redis": "import the one account with spec.redis.import, as one that is made may change nothing there, or use another admin",
}
SOON: Final = timedelta(seconds=5)  # no watch of a waiting Credential tells that the login is published
BREAK_GLASS: Final = "see docs/operations.md, 'Nobody gets in any more'"


def changes_itself(seen: Observed) -> bool:
    """Whether the account of this Credential is changed by its own login, which is dead until the next one is published."""
    admin = seen.target.admin if seen.target is not None else None
    takes_turns = seen.wish.mode is Mode.DUAL or (
        seen.wish.mode is Mode.OVERLAP and admin is not None and admin.hands_over
    )
    return admin is not None and admin.projected and not takes_turns


def refuse_cycles(s: Situation) -> Wait | None:
    """A login that could be mended only through itself, but for a pair that takes turns and what the Target allows."""
    target, wish = s.seen.target, s.seen.wish
    if target is None or target.admin is None:
        return None
    admin, secret = target.admin, f"Secret {target.admin.secret}, the admin login of {target.identity.title}"
    if admin.way_back:
        return _stalled(
            Reason.ADMIN_CYCLE,
            f"spec.{wish.type}.targetRef: this Credential keeps an admin login by which, in the end, it is changed itself "
            f"({', '.join(admin.way_back)}): if one of them is lost, nobody can mend the others; give one of these Targets an "
            "admin Secret that no Credential projects",
        )
    if not admin.projected:
        elsewhere = not_the_admins(wish, target.identity, admin.secret)
        return _stalled(elsewhere.reason, elsewhere.message) if elsewhere else None
    if changes_itself(s.seen) and not (admin.self_change and wish.mode is Mode.SINGLE):
        return _stalled(
            Reason.ADMIN_CYCLE,
            f"spec.projections: {secret}, would be changed by itself: {_OTHERWISE.get(wish.type, _PAIR)} of "
            f"{target.identity.title}",
        )
    if wish.deletion.accounts is not AccountsPolicy.RETAIN or wish.deletion.secrets is not SecretsPolicy.RETAIN:
        return _stalled(
            Reason.INVALID_SPEC,
            f"spec.deletion: {secret}, has to outlive this Credential: set accounts and secrets to Retain",
        )
    return None


def not_the_admins(wish: Wish, target: TargetIdentity, secret: str) -> Blocked | None:
    """Of Redis no account is imported but the admin's login, and that only to be kept where the Target looks for it."""
    if wish.type != "redis" or not wish.imported:
        return None
    mine = ", ".join(p.secret_name for p in wish.projections[:3]) or "one of spec.projections"
    return Blocked(
        Reason.INVALID_SPEC,
        f"spec.redis.import: is for the login of the Target's admin alone, and Secret {secret}, which spec.admin.secretRef of "
        f"{target.title} names, is not made by this Credential: name there a Secret of its own that is not there yet ({mine}); "
        "other accounts are made, with spec.redis.create",
    )


def is_the_only_login(seen: Observed) -> bool:
    """Whether a value of this Credential is all by which the Target is worked on: it is proven before it is ever replaced."""
    admin = seen.target.admin if seen.target is not None else None
    return admin is not None and admin.projected and seen.wish.mode is not Mode.DUAL


def wait_for_the_admin(s: Situation) -> Wait | None:
    """While the admin login changes itself, the one that is published may be dead: nobody tries it."""
    admin = s.seen.target.admin if s.seen.target is not None else None
    if admin is None or not admin.changing:
        return None
    return Wait(s.now + SOON, "AdminChanging", f"Credential {admin.changing} is changing the admin login")


def spare_the_admin(seen: Observed) -> Wait | None:
    """The account that the admin logs in as is not changed by somebody who does not publish it to the admin Secret."""
    target = seen.target
    if target is None or target.admin is None or target.admin.account not in seen.wish.accounts:
        return None
    if not target.admin.projected:
        mine = ", ".join(p.secret_name for p in seen.wish.projections[:3]) or "one of spec.projections"
        return _stalled(
            Reason.ADMIN_CYCLE,
            f"spec.admin.secretRef of {target.identity.title}: account {target.admin.account!r} is the admin login in Secret "
            f"{target.admin.secret}, which would die with the first rotation: name there a Secret that this Credential projects "
            f"({mine}), or another admin",
        )
    return None


def locked_out(seen: Observed) -> Wait:
    """Neither the reserved nor the current value of a login that changes itself gets in: no third attempt is made."""
    assert seen.target is not None
    return _stalled(
        Reason.ADMIN_LOGIN_REFUSED,
        f"spec.admin.secretRef of {seen.target.identity.title}: neither the reserved nor the current value logs in, and each was "
        f"tried once: {BREAK_GLASS}",
    )


def _stalled(reason: Reason, message: str) -> Wait:
    return Wait(None, reason, message, stalled=True)
