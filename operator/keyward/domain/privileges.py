"""The Target's word on which rights are given (protocol §9). Pure."""

from __future__ import annotations

from typing import Final

from keyward.domain.allowances import Asked, levels_on
from keyward.domain.model import TargetView, Wish
from keyward.domain.situation import Situation
from keyward.domain.steps import Wait
from keyward.errors import Reason

_SHOWN: Final = 3


def refuse_beyond(s: Situation) -> Wait | None:
    """A wait for whoever asks for more than the Target allows, or for who says what it allows."""
    wish, target = s.seen.wish, s.seen.target
    allowed = None if target is None else target.allowed
    if target is None or allowed is None:
        return None
    beyond = [one for one in wish.asked if one.level not in levels_on(allowed, one.database)]
    return Wait(None, Reason.PRIVILEGE_NOT_ALLOWED, _told(wish, target, beyond), stalled=True) if beyond else None


def _told(wish: Wish, target: TargetView, beyond: list[Asked]) -> str:
    limit = f"spec.{wish.type}.allowedPrivileges of {target.identity.title}"
    if not beyond[0].level:
        return (
            f"spec.{wish.type}.create.privileged: the cloud's privileged account may do everything, and {limit} sets a limit: "
            "use spec.rds.create.privileges"
        )
    if wish.type == "redis":
        field = "spec.redis.create.privilege"
        told = [f"{one.level} is not allowed: {limit} allows {_levels(target, one)}" for one in beyond]
        return f"{field}: {told[0]}: ask for that, or add it there"
    shown = [
        f"{one.level} on database {one.database!r}, where it allows {_levels(target, one)}" for one in beyond[:_SHOWN]
    ]
    more = f" and {len(beyond) - _SHOWN} more" if len(beyond) > _SHOWN else ""
    return (
        f"spec.{wish.type}.create.privileges[].level: {limit} does not allow {', '.join(shown)}{more}: ask for less, or add it "
        "there"
    )


def _levels(target: TargetView, asked: Asked) -> str:
    return " and ".join(levels_on(target.allowed or (), asked.database)) or "nothing"
