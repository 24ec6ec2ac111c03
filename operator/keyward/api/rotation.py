"""When the value of a Credential is replaced, and what becomes of the one before it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from keyward.api.base import Model, Rule
from keyward.api.values import Duration, ZoneName, within

DAY = timedelta(days=1)
_SET = {"x-kubernetes-list-type": "set"}
# A fixed minute, and an hour that comes at most every six hours: a cron must not undercut the least interval.
_CRON = r"^[0-5]?[0-9] +([01]?[0-9]|2[0-3]|[*]/(6|8|12)) +[0-9A-Za-z*,/L#-]+ +[0-9A-Za-z*,/-]+ +[0-9A-Za-z*,/L#-]+$"


def _between(field: str, least: timedelta, most: timedelta) -> Any:
    def check(model: Any) -> bool:
        found = getattr(model, field)
        return found is None or least <= found <= most

    return check


class Window(Model):
    """A part of the week within which rotations may begin."""

    start: Annotated[str, Field(min_length=5, max_length=5, pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    """When it opens, as HH:MM in timeZone."""
    duration: Duration
    """How long it stays open, at most 7d."""
    days: Annotated[
        tuple[Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], ...],
        Field(max_length=7, json_schema_extra=_SET),
    ] = ()
    """Days of the week on which it opens; none means every day."""
    time_zone: ZoneName = "UTC"
    """IANA time zone of start and days, such as Europe/Berlin."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            within("self.duration", timedelta(minutes=1), 7 * DAY),
            "spec.rotation.windows[].duration: must be between 1m and 7d",
            _between("duration", timedelta(minutes=1), 7 * DAY),
        ),
    )


class Rotation(Model):
    """When the value is replaced, and how long the one before it stays valid."""

    automatic: bool | None = None
    """Whether the value is replaced on schedule. Absent means yes, but for a generic value, which never is."""
    interval: Duration | None = None
    """Age at which the value is replaced, such as 24h or 30d; between 6h and 365d, for ecs from 1h on. Needed if automatic,
    unless cron is set."""
    cron: Annotated[str | None, Field(min_length=9, max_length=128, pattern=_CRON)] = None
    """Times of rotation in place of interval, as five cron fields: one minute; one hour, */6, */8 or */12; days as you like."""
    time_zone: ZoneName = "UTC"
    """IANA time zone of cron, such as Europe/Berlin."""
    windows: Annotated[
        tuple[Window, ...], Field(max_length=8, json_schema_extra={"x-kubernetes-list-type": "atomic"})
    ] = ()
    """Rotations on schedule begin only within one of these; none means at any time."""
    grace_period: Duration = timedelta(minutes=5)
    """How long the previous value is kept valid after every Secret holds the new one; between 0s and 30d."""
    suspend: bool = False
    """Stops rotations, those on command too, until it is false again; a first value is made all the same. Secrets are still
    kept as they should be."""
    on_drift: Literal["Rotate", "Report"] = "Rotate"
    """What to do if the current value no longer logs in: Rotate sets a new one, Report only says so."""
    drift_interval: Duration = timedelta(minutes=10)
    """How often the current value is tried by a login; between 1m and 30d."""
    on_rights_drift: Literal["Align", "Refuse"] = "Align"
    """What to do if the account that is set next has not the rights of the spec, or, of an imported pair, those of the account
    in use. Align: it is given and taken what it differs by. Refuse: the rotation waits and says what differs, until somebody
    has mended it; one that is forced for a leak goes on and aligns."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"!has(self.interval) || ({within('self.interval', timedelta(hours=1), 365 * DAY)})",
            "spec.rotation.interval: must be between 6h and 365d, for ecs from 1h on",
            _between("interval", timedelta(hours=1), 365 * DAY),
        ),
        Rule(
            f"!has(self.gracePeriod) || {within('self.gracePeriod', timedelta(0), 30 * DAY)}",
            "spec.rotation.gracePeriod: must be at most 30d",
            _between("grace_period", timedelta(0), 30 * DAY),
        ),
        Rule(
            f"!has(self.driftInterval) || ({within('self.driftInterval', timedelta(minutes=1), 30 * DAY)})",
            "spec.rotation.driftInterval: must be between 1m and 30d",
            _between("drift_interval", timedelta(minutes=1), 30 * DAY),
        ),
        Rule(
            "!(has(self.interval) && has(self.cron))",
            "spec.rotation.cron: takes the place of spec.rotation.interval: remove one of the two",
            lambda r: r.interval is None or r.cron is None,
        ),
    )
