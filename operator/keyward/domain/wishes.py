"""From a Credential as the API has it to what the planner reads of it. Pure."""

from __future__ import annotations

from typing import Final

from keyward.api import accounts, managed, names
from keyward.api.credential import Credential, CredentialSpec
from keyward.api.managed import Managed
from keyward.api.rotation import Rotation
from keyward.domain import content, schedule
from keyward.domain.allowances import Asked
from keyward.domain.fields import Server
from keyward.domain.model import (
    AccountsPolicy,
    Commands,
    DeletionWish,
    DriftPolicy,
    ProjectionWish,
    RightsPolicy,
    ScheduleWish,
    SecretsPolicy,
    Window,
    Wish,
)
from keyward.domain.version import Mode, TargetIdentity
from keyward.errors import Blocked, Reason

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def wish(credential: Credential, target: TargetIdentity | None, server: Server | None) -> Wish:
    """The wish. `server` shapes what is projected; None while the Target is not at hand.

    Raises:
        Blocked: with INVALID_SPEC, for what the schema cannot check: zones, names in bytes, projections.
    """
    metadata, spec = credential.metadata, credential.spec
    wanted, given = managed.of(spec), metadata.annotations
    imported = wanted is not None and not wanted.created
    wished = Wish(
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        generation=metadata.generation,
        type="generic" if wanted is None else wanted.type,
        engine=server.engine if server else "",
        mode=Mode.GENERIC if wanted is None else Mode(wanted.mode),
        key=spec.encryption_key_name,
        schedule=_schedule(spec.rotation, automatic=wanted is not None),
        projections=_projections(spec, server),
        target=target,
        accounts=_accounts(wanted) if wanted else (),
        asked=_asked(wanted) if wanted else (),
        rights_role=wanted.rights_role if wanted else None,
        imported=imported,
        issued=wanted is not None and wanted.issued,
        grace=spec.rotation.grace_period,
        suspended=spec.rotation.suspend,
        on_drift=DriftPolicy(spec.rotation.on_drift),
        drift_interval=spec.rotation.drift_interval,
        on_rights_drift=RightsPolicy(spec.rotation.on_rights_drift),
        deletion=_deletion(spec, created=wanted is not None and wanted.created),
        commands=Commands(
            given.get(names.ANNOTATION_ROTATE),
            given.get(names.ANNOTATION_PROMOTE),
            given.get(names.ANNOTATION_TAKEOVER),
        ),
        initial_version_id=spec.generic.version_id if spec.generic else "v1",
        keep_versions=spec.generic.max_versions if spec.generic else 10,
        lineage=given.get(names.ANNOTATION_LINEAGE),
        finalizer=names.FINALIZER in metadata.finalizers,
        deleting_since=metadata.deletion_timestamp,
    )
    schedule.check(wished.schedule)
    return wished


def _schedule(rotation: Rotation, *, automatic: bool) -> ScheduleWish:
    wanted = automatic if rotation.automatic is None else rotation.automatic
    if not wanted or (rotation.interval is None and rotation.cron is None):
        return ScheduleWish(automatic=False)
    windows = tuple(
        Window(
            start_minute=int(w.start[:2]) * 60 + int(w.start[3:]),
            duration=w.duration,
            days=tuple(_DAYS.index(day) for day in w.days),
            time_zone=w.time_zone,
        )
        for w in rotation.windows
    )
    if rotation.cron is not None:
        return ScheduleWish(automatic=True, cron=rotation.cron, time_zone=rotation.time_zone, windows=windows)
    assert rotation.interval is not None
    return ScheduleWish(automatic=True, interval=rotation.interval, windows=windows)


def _projections(spec: CredentialSpec, server: Server | None) -> tuple[ProjectionWish, ...]:
    facts = server.facts() if server else None
    found = []
    for projection in spec.projections:
        wished = content.wished(projection)
        content.check(wished)
        found.append(ProjectionWish(projection.secret_name, content.shape(wished, facts), projection.include_previous))
    return tuple(found)


def _accounts(wanted: Managed) -> tuple[str, ...]:
    if wanted.engine == "PostgreSQL" and not all(accounts.fits(name) for name in wanted.names):
        raise Blocked(
            Reason.INVALID_SPEC,
            f"spec.{wanted.type}.import.accounts[].name: has more than 63 bytes in UTF-8, which PostgreSQL would cut "
            "off: correct it",
        )
    return wanted.names


def _asked(wanted: Managed) -> tuple[Asked, ...]:
    if wanted.privileged:
        # On a server it is a role, which the Target itself has named.
        return (Asked("", ""),) if wanted.provider is not None else ()
    return tuple(Asked(p.database, p.level) for p in wanted.privileges)


def _deletion(spec: CredentialSpec, *, created: bool) -> DeletionWish:
    default = AccountsPolicy.DISABLE if created else AccountsPolicy.RETAIN
    accounts_policy = AccountsPolicy(spec.deletion.accounts) if spec.deletion.accounts else default
    return DeletionWish(accounts_policy, SecretsPolicy(spec.deletion.secrets), spec.deletion.recovery_window)
